// An organisation made through the API: the resource directory, its members, and people in them.
import { failure } from './support.mjs';

/** The versions by the names of the products; Config is the default of Server.call. */
export const VERSION = { config: '2020-09-07', old: '2019-01-08', manager: '2020-03-31', master: '2022-04-19',
  ram: '2015-05-01', sts: '2015-04-01', own: '2026-11-01' };

export const policy = (...statements) => JSON.stringify({ Version: '1', Statement: statements });
export const allow = (action, resource = '*') => ({ Effect: 'Allow', Action: action, Resource: resource });
export const deny = (action, resource = '*') => ({ Effect: 'Deny', Action: action, Resource: resource });

const keysOf = (key) => ({ AccessKeyId: key.AccessKeyId, AccessKeySecret: key.AccessKeySecret, SecurityToken: key.SecurityToken });

export class Organisation {
  /** `administrator` is a RAM user: the owner itself may not assume roles nor delete members. */
  static async on(server) {
    const organisation = new Organisation();
    organisation.server = server;
    organisation.account = server.credentials.AccountId;
    organisation.directory = (await organisation.manage('InitResourceDirectory')).ResourceDirectory;
    organisation.root = organisation.directory.RootFolderId;
    organisation.administrator = await organisation.person('administrator', { policy: 'AdministratorAccess' });
    return organisation;
  }

  /** One ResourceManager call, by default as the owner of the management account. */
  manage(action, parameters = {}, keys) { return this.server.call(action, parameters, { version: VERSION.manager, keys }); }
  ram(action, parameters = {}, keys) { return this.server.call(action, parameters, { version: VERSION.ram, keys }); }
  sts(action, parameters = {}, keys) { return this.server.call(action, parameters, { version: VERSION.sts, keys }); }
  config(action, parameters = {}, keys) { return this.server.call(action, parameters, { version: VERSION.config, keys }); }

  /** A RAM user with an access key; `policy` is the name of a system policy, `document` one of its own. */
  async person(UserName, { policy: PolicyName, document, keys } = {}) {
    await this.ram('CreateUser', { UserName }, keys);
    if (PolicyName) await this.ram('AttachPolicyToUser', { PolicyType: 'System', PolicyName, UserName }, keys);
    if (document) {
      await this.ram('CreatePolicy', { PolicyName: UserName, PolicyDocument: document }, keys);
      await this.ram('AttachPolicyToUser', { PolicyType: 'Custom', PolicyName: UserName, UserName }, keys);
    }
    return keysOf((await this.ram('CreateAccessKey', { UserName }, keys)).AccessKey);
  }

  async folder(FolderName, ParentFolderId = this.root) {
    return (await this.manage('CreateFolder', { FolderName, ParentFolderId })).Folder.FolderId;
  }

  async member(DisplayName, ParentFolderId = this.root) {
    return (await this.manage('CreateResourceAccount', { DisplayName, ParentFolderId })).Account.AccountId;
  }

  /** Keys of the access role of a member. */
  async enter(account, more = {}) {
    const { Credentials } = await this.sts('AssumeRole', { RoleSessionName: 'test-session',
      RoleArn: `acs:ram::${account}:role/ResourceDirectoryAccountAccessRole`, ...more }, this.administrator);
    return keysOf(Credentials);
  }

  /** An account of nobody's directory, with the keys of an administrator in it. */
  async stranger(name) {
    const account = await this.member(name);
    const keys = await this.person(`${name}-administrator`, { policy: 'AdministratorAccess', keys: await this.enter(account) });
    await this.manage('PromoteResourceAccount', { AccountId: account, Email: `${name}@example.com` });
    await this.manage('RemoveCloudAccount', { AccountId: account }, this.administrator);
    return { account, keys };
  }

  async guard(PolicyName, document, ...targets) {
    const { ControlPolicy } = await this.manage('CreateControlPolicy', { PolicyName, EffectScope: 'RAM', PolicyDocument: document });
    for (const TargetId of targets) await this.manage('AttachControlPolicy', { PolicyId: ControlPolicy.PolicyId, TargetId });
    return ControlPolicy.PolicyId;
  }
}

/** The code of the error a call ends with. */
export const code = async (promise) => (await failure(promise)).code;
