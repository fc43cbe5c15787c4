// The resource directory over the real wire: the official client makes it, control policies bind its members on the
// next call, account groups follow it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { failure, Server } from './support.mjs';

const require = createRequire(import.meta.url);
const { Config } = require('@alicloud/openapi-client');
const ResourceManager = require('@alicloud/resourcemanager20200331');

const directory = { version: '2020-03-31' };
let server;
let sdk;
let root;

/** The official client with signature V3. */
const official = (keys) => {
  const url = new URL(server.endpoint);
  return new ResourceManager.default(new Config({
    accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret, securityToken: keys.SecurityToken,
    endpoint: url.host, protocol: url.protocol.replace(':', ''), regionId: 'cn-hangzhou',
  }));
};

/** Keys of a session of the access role that every new member has. */
const enter = async (account) => (await server.call('AssumeRole', {
  RoleArn: `acs:ram::${account}:role/ResourceDirectoryAccountAccessRole`, RoleSessionName: 'test',
}, { version: '2015-04-01' })).Credentials;

const member = async (DisplayName, ParentFolderId = root) =>
  (await server.call('CreateResourceAccount', { DisplayName, ParentFolderId }, directory)).Account.AccountId;

const folder = async (FolderName, ParentFolderId = root) =>
  (await server.call('CreateFolder', { FolderName, ParentFolderId }, directory)).Folder.FolderId;

before(async () => {
  server = await Server.start();
  sdk = official(server.credentials);
  const opened = await sdk.enableResourceDirectory(
    new ResourceManager.EnableResourceDirectoryRequest({ enableMode: 'CurrentAccount' }));
  root = opened.body.resourceDirectory.rootFolderId;
  await sdk.enableControlPolicy();
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('the official client creates a control policy', async () => {
  const policyDocument = JSON.stringify({
    Version: '1',
    Statement: [{
      Effect: 'Deny',
      Action: ['ram:UpdateRole', 'ram:DeleteRole', 'ram:AttachPolicyToRole', 'ram:DetachPolicyFromRole'],
      Resource: 'acs:ram:*:*:role/ResourceDirectoryAccountAccessRole',
    }],
  });
  const request = { policyName: 'ExampleControlPolicy', effectScope: 'RAM', description: 'ExampleControlPolicy', policyDocument };
  const { statusCode, body } = await sdk.createControlPolicy(new ResourceManager.CreateControlPolicyRequest(request));
  assert.equal(statusCode, 200);
  assert.equal(body.controlPolicy.attachmentCount, '0');
  assert.equal(body.controlPolicy.policyType, 'Custom');
  assert.match(body.controlPolicy.policyId, /^cp-[A-Za-z0-9]{16}$/);
  assert.match(body.controlPolicy.createDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const read = await sdk.getControlPolicy(new ResourceManager.GetControlPolicyRequest({ policyId: body.controlPolicy.policyId }));
  assert.equal(read.body.controlPolicy.policyDocument, policyDocument);
  const long = JSON.stringify({ Version: '1', Statement: [{ Effect: 'Deny', Action: '*', Resource: `acs:${'a'.repeat(4096)}` }] });
  const error = await failure(sdk.createControlPolicy(new ResourceManager.CreateControlPolicyRequest({ ...request, policyName: 'Long', policyDocument: long })));
  assert.equal(error.code, 'InvalidParameter.PolicyDocument.Length');
});

test('a control policy binds the members below its folder on the next call', async () => {
  const dev = await folder('bound');
  const account = await member('bound', dev);
  const keys = await enter(account);
  const list = () => server.call('ListConfigRules', {}, { keys });
  await list();
  const { ControlPolicy } = await server.call('CreateControlPolicy', {
    PolicyName: 'NoConfig', EffectScope: 'RAM',
    PolicyDocument: '{"Version":"1","Statement":[{"Effect":"Deny","Action":"config:*","Resource":"*"}]}',
  }, directory);
  const target = { PolicyId: ControlPolicy.PolicyId, TargetId: dev };
  await server.call('AttachControlPolicy', target, directory);
  const error = await failure(list());
  assert.equal(error.code, 'NoPermission');
  assert.equal(error.data.AccessDeniedDetail.PolicyType, 'ControlPolicy');
  assert.equal(error.data.AccessDeniedDetail.NoPermissionType, 'ExplicitDeny');
  await server.call('ListConfigRules'); // the management account is not bound
  await server.call('MoveAccount', { AccountId: account, DestinationFolderId: root }, directory);
  await list();
  await server.call('MoveAccount', { AccountId: account, DestinationFolderId: dev }, directory);
  assert.equal((await failure(list())).code, 'NoPermission');
  await server.call('DetachControlPolicy', target, directory);
  await list();
});

const bucket = (accountId, id, grant) => ({
  accountId, resourceType: 'ACS::OSS::Bucket', resourceId: id, regionId: 'cn-hangzhou',
  configuration: { Name: id, AccessControlList: { Grant: grant } },
});

test('group rules reach members as they come, and leave with them', async () => {
  const team = await folder('team');
  const one = await member('one', team);
  const elsewhere = await member('elsewhere');
  const { AggregatorId } = await server.call('CreateAggregator', { AggregatorName: 'team', AggregatorType: 'FOLDER', FolderId: team });
  await server.call('CreateAggregateConfigRule', {
    AggregatorId, ConfigRuleName: 'no public buckets', SourceOwner: 'ALIYUN',
    SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification',
  });
  await server.put([bucket(one, 'open', 'public-read'), bucket(elsewhere, 'outside', 'public-read')]);
  const found = async () => (await server.call('ListAggregateConfigRuleEvaluationResults', {
    AggregatorId, ComplianceType: 'NON_COMPLIANT', MaxResults: 100,
  })).EvaluationResults.EvaluationResultList.map((result) =>
    result.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId).sort();
  assert.deepEqual(await found(), ['open']);
  await server.call('MoveAccount', { AccountId: elsewhere, DestinationFolderId: team }, directory);
  assert.deepEqual(await found(), ['open', 'outside']);
  await server.call('MoveAccount', { AccountId: one, DestinationFolderId: root }, directory);
  assert.deepEqual(await found(), ['outside']);
});

test('the directory is there after a restart', async () => {
  const account = await member('durable');
  await server.stop('SIGKILL');
  server = await Server.start({ data: server.data });
  const { Account } = await server.call('GetAccount', { AccountId: account }, directory);
  assert.equal(Account.DisplayName, 'durable');
  const status = await server.call('GetControlPolicyEnablementStatus', {}, directory);
  assert.equal(status.EnablementStatus, 'Enabled');
});
