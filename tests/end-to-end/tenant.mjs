// A tenant that has one of everything: people, a directory, account groups, rules, packs and resources. Its names hold NAME,
// everything else that it says holds CONTENT.
import { allow, deny, Organisation, policy, VERSION } from './organisation.mjs';
import { failure } from './support.mjs';

export const NAME = 'xvictimx';
export const CONTENT = 'xprivatex';

let server;
let victim;
const ids = {};

const RULE = { SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1, Description: CONTENT,
  ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' };
const TOKEN = { ClientToken: 'token-of-the-victim' };
const PACK = { CompliancePackName: NAME, Description: CONTENT, RiskLevel: 1,
  ConfigRules: JSON.stringify([{ ConfigRuleName: `${NAME}-packed`, ManagedRuleIdentifier: 'oss-bucket-public-write-prohibited', RiskLevel: 2 }]) };
const tags = [{ Key: `${NAME}-tag`, Value: CONTENT }];

/** The contents of a rule that puts everything into the resource group. */
const grouping = (id) => [{ TargetResourceGroupCondition: JSON.stringify(
  { featureSource: 'RESOURCE', featurePath: '$.resourceGroupId', operator: 'StringEquals', desired: id }) }];

const buckets = (accountId) => [1, 2, 3].map((n) => ({ accountId, resourceType: 'ACS::OSS::Bucket', resourceId: `${NAME}-bucket-${n}`,
  resourceName: `${NAME}-bucket-${n}`, regionId: 'cn-hangzhou', tags: { env: CONTENT },
  configuration: { Name: NAME, Comment: CONTENT, AccessControlList: { Grant: 'public-read' } } }));

async function makeIdentities() {
  const ram = (action, parameters) => victim.ram(action, parameters);
  ids.user = (await ram('CreateUser', { UserName: NAME, Comments: CONTENT, DisplayName: CONTENT })).User.UserId;
  ids.key = (await ram('CreateAccessKey', { UserName: NAME })).AccessKey;
  await ram('CreateUser', { UserName: `${NAME}-2` });
  await ram('CreateGroup', { GroupName: NAME, Comments: CONTENT });
  await ram('CreateGroup', { GroupName: `${NAME}-2` });
  await ram('AddUserToGroup', { UserName: NAME, GroupName: NAME });
  ids.role = (await ram('CreateRole', { RoleName: NAME, Description: CONTENT, AssumeRolePolicyDocument: policy(
    { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${victim.account}:root`] } }) })).Role.RoleId;
  await ram('CreatePolicy', { PolicyName: NAME, Description: CONTENT, PolicyDocument: policy(allow('config:Get*', `acs:config:*:*:rule/${CONTENT}`)) });
  await ram('AttachPolicyToUser', { PolicyType: 'Custom', PolicyName: NAME, UserName: NAME });
  await ram('CreateLoginProfile', { UserName: NAME, Password: `${CONTENT}-A1b2!` });
  await ram('SetAccountAlias', { AccountAlias: `${NAME}-alias` });
  await ram('TagResources', { ResourceType: 'role', ResourceNames: JSON.stringify([NAME]), Tag: JSON.stringify(tags) }).catch(
    () => ram('TagResources', { ResourceType: 'role', ResourceNames: JSON.stringify([NAME]), Tag: tags }));
  const denied = await failure(victim.config('ListConfigRules', {}, ids.key));
  ids.message = denied.data.AccessDeniedDetail.EncodedDiagnosticMessage;
}

async function makeDirectory() {
  ids.folder = await victim.folder(NAME);
  ids.member = await victim.member(NAME, ids.folder);
  ids.policy = await victim.guard(NAME, policy(deny(`config:Delete${CONTENT}`)));
  await victim.manage('EnableControlPolicy');
  await victim.manage('AttachControlPolicy', { PolicyId: ids.policy, TargetId: ids.folder });
  ids.handshake = (await victim.manage('InviteAccountToResourceDirectory',
    { TargetEntity: `${NAME}@example.com`, TargetType: 'Email', Note: CONTENT })).Handshake.HandshakeId;
  ids.resourceGroup = (await victim.manage('CreateResourceGroup', { Name: NAME, DisplayName: CONTENT })).ResourceGroup.Id;
  ids.groupingRule = (await victim.manage('CreateAutoGroupingRule', { RuleName: NAME, RuleDesc: CONTENT, RuleType: 'custom_condition',
    RuleContents: grouping(ids.resourceGroup) })).RuleId;
  await victim.manage('EnableAutoGrouping');
  await victim.manage('EnableAssociatedTransfer');
  await victim.manage('RegisterDelegatedAdministrator', { AccountId: ids.member, ServicePrincipal: 'config.aliyuncs.com' });
  await victim.manage('TagResources', { ResourceType: 'Folder', ResourceId: [ids.folder], Tag: tags }).catch(
    () => server.call('TagResources', { ResourceType: 'Folder', ResourceId: [ids.folder], Tag: tags }, { version: VERSION.master }));
}

async function makeRules() {
  await server.put([...buckets(victim.account), ...buckets(ids.member)]);
  ids.group = (await victim.config('CreateAggregator', { AggregatorName: NAME, AggregatorType: 'CUSTOM', Description: CONTENT,
    AggregatorAccounts: JSON.stringify([{ AccountId: Number(ids.member), AccountName: NAME, AccountType: 'ResourceDirectory' }]) })).AggregatorId;
  const group = { AggregatorId: ids.group };
  ids.rule = (await victim.config('CreateConfigRule', { ...RULE, ConfigRuleName: NAME, ...TOKEN })).ConfigRuleId;
  ids.groupRule = (await victim.config('CreateAggregateConfigRule', { ...RULE, ...group, ConfigRuleName: NAME, ...TOKEN })).ConfigRuleId;
  ids.pack = (await victim.config('CreateCompliancePack', { ...PACK, ...TOKEN })).CompliancePackId;
  ids.groupPack = (await victim.config('CreateAggregateCompliancePack', { ...PACK, ...group, ...TOKEN })).CompliancePackId;
  const channel = { DeliveryChannelName: NAME, Description: CONTENT, DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: `acs:oss:cn-hangzhou:${victim.account}:${NAME}` };
  ids.channel = (await victim.config('CreateConfigDeliveryChannel', channel)).DeliveryChannelId;
  ids.groupChannel = (await victim.config('CreateAggregateConfigDeliveryChannel', { ...channel, ...group })).DeliveryChannelId;
  const remedy = { RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl', InvokeType: 'MANUAL_EXECUTION', Params: JSON.stringify({ bucketName: CONTENT }) };
  ids.remedy = (await victim.config('CreateRemediation', { ...remedy, ConfigRuleId: ids.rule })).RemediationId;
  ids.groupRemedy = (await victim.config('CreateAggregateRemediation', { ...remedy, ...group, ConfigRuleId: ids.groupRule })).RemediationId;
  ids.template = (await victim.config('CreateReportTemplate', { ReportTemplateName: NAME, ReportTemplateDescription: CONTENT,
    ReportScope: JSON.stringify([{ Key: 'AggregatorId', MatchType: 'In', Value: ids.group }]) })).ReportTemplateId;
}

/** Identifiers of the tenant. */
export const own = () => ({ account: victim.account, member: ids.member, folder: ids.folder, root: victim.root, policy: ids.policy,
  handshake: ids.handshake, resourceGroup: ids.resourceGroup, group: ids.group, rule: ids.rule, groupRule: ids.groupRule,
  pack: ids.pack, groupPack: ids.groupPack, template: ids.template,
  channel: ids.channel, groupChannel: ids.groupChannel, remedy: ids.remedy, groupRemedy: ids.groupRemedy, groupingRule: ids.groupingRule, key: ids.key.AccessKeyId, name: NAME, message: ids.message, token: TOKEN.ClientToken });

/** The same forms, of things that never were. */
export const bogus = () => ({ account: '1999999999999991', member: '1999999999999992', folder: 'fd-0000000000', root: 'r-000000',
  policy: 'cp-0000000000000000', handshake: 'h-0000000000000000', resourceGroup: 'rg-000000000000000', group: `ca-${'0'.repeat(20)}`,
  rule: `cr-${'0'.repeat(20)}`, groupRule: `cr-${'1'.repeat(20)}`, pack: `cp-${'0'.repeat(20)}`, groupPack: `cp-${'1'.repeat(20)}`,
  channel: `cdc-${'0'.repeat(16)}`, groupChannel: `cdc-${'1'.repeat(16)}`, remedy: `crr-${'0'.repeat(16)}`, groupRemedy: `crr-${'1'.repeat(16)}`,
  groupingRule: 'gr-00000000000000',
  template: `crt-${'0'.repeat(20)}`,
  key: 'LTAI5t00000000000000000A', name: 'xnobodyx', message: ids.message, token: 'token-of-nobody' });

const DIRECTORY_TYPES = { Folder: 'folder', Account: 'member', ControlPolicy: 'policy', ResourceGroup: 'resourceGroup' };

/** What to call an operation with. `group` is the account group to name, `second` picks the other of two choices. */
export function known(of, { group = of.group, second = false, token = () => undefined } = {}) {
  const pick = (a, b) => (second ? b : a);
  const bucket = `${of.name}-bucket-1`;
  const account = pick(of.member, of.account);
  const one = { ResourceAccountId: Number(account), ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', ResourceId: bucket };
  const directory = pick('Folder', 'Account');
  const isTrial = (operation) => operation.name === 'SimulateControlPolicyChange'; // takes a policy by its id or its document
  const isTag = (operation) => /Tag/.test(operation.name) && operation.product !== 'ram' && operation.product !== 'config';
  return { AccountId: account, MemberId: of.member, ResourceAccountId: account, ResourceOwnerId: account, PayerAccountId: of.member,
    AdminAccountId: of.account, TargetEntity: account, TargetType: 'Account', AggregatorId: group, AggregatorIds: [group], SrcAggregatorId: group,
    DesAggregatorIds: [group], ConfigRuleId: pick(of.groupRule, of.rule), ConfigRuleIds: [of.groupRule, of.rule], SrcConfigRuleIds: [of.groupRule, of.rule],
    CompliancePackId: pick(of.groupPack, of.pack), CompliancePackIds: [of.groupPack, of.pack], SrcCompliancePackIds: [of.groupPack, of.pack],
    DeliveryChannelId: pick(of.groupChannel, of.channel), DeliveryChannelIds: [of.groupChannel, of.channel],
    RemediationId: pick(of.groupRemedy, of.remedy), RemediationIds: [of.groupRemedy, of.remedy],
    FolderId: (operation, parameter) => (parameter.type === 'array' ? [of.folder] : of.folder), ParentFolderId: of.folder,
    DestinationFolderId: pick(of.folder, of.root), ChildId: of.folder, TargetId: pick(of.folder, of.member), PolicyId: (operation) => (isTrial(operation) && second ? undefined : of.policy),
    RuleId: of.groupingRule, RuleContents: grouping(of.resourceGroup), EventCategory: 'MemberShipChange', TargetResourceGroupId: of.resourceGroup,
    HandshakeId: of.handshake, ResourceGroupId: of.resourceGroup, ResourceGroupIds: [of.resourceGroup], UserName: of.name, GroupName: of.name,
    RoleName: of.name, PolicyName: of.name, PolicyType: 'Custom', UserAccessKeyId: of.key, RoleArn: `acs:ram::${of.account}:role/${of.name}`,
    PrincipalType: 'IMSUser', PrincipalName: `${of.name}@${of.account}.onaliyun.com`, ServicePrincipal: 'config.aliyuncs.com',
    PrincipalArn: `acs:ram::${account}:user/${of.name}`, ActionName: 'config:GetConfigRule', ResourceArn: `acs:config:*:${account}:rule/${of.rule}`, RoleSessionName: 'walker',
    ResourceType: (operation) => (isTag(operation) ? directory : operation.product === 'ram' ? 'role'
      : /TagResources/.test(operation.name) ? pick('ACS::Config::Rule', 'ACS::Config::Aggregator') : 'ACS::OSS::Bucket'),
    ResourceId: (operation) => (isTag(operation) ? of[DIRECTORY_TYPES[directory]]
      : /TagResources/.test(operation.name) ? [pick(of.rule, of.group)] : bucket),
    ResourceIds: [bucket], ResourceNames: [of.name], Region: 'cn-hangzhou', Resources: [one], TagKey: `${of.name}-tag`, TagKeys: [`${of.name}-tag`],
    NextToken: token, Marker: token, ClientToken: of.token, EncodedDiagnosticMessage: of.message, Keyword: of.name, QueryKeyword: of.name, MaxResults: 10,
    ConfigurationItems: [{ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: bucket, regionId: 'cn-hangzhou', configuration: { stolen: 1 } }],
    AggregatorAccounts: [{ AccountId: Number(of.member), AccountName: of.name, AccountType: 'ResourceDirectory' }], FolderIdsScope: [of.folder],
    AccountIdsScope: [account], ExcludeAccountIdsScope: [account], ResourceIdsScope: [bucket], PolicyDocument: (operation) => (isTrial(operation) && !second ? undefined : policy(allow('config:Get*'))),
    AssumeRolePolicyDocument: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${of.account}:root`] } }),
    Sql: 'SELECT *, Name, TagsStr', AccountIds: [account], ReportTemplateId: of.template, ReportTemplateName: of.name,
    ReportScope: [{ Key: 'AggregatorId', MatchType: 'In', Value: group }], ConfigRuleName: of.name, CompliancePackName: of.name, AggregatorName: of.name, SourceIdentifier: RULE.SourceIdentifier, SourceOwner: 'ALIYUN',
    ResourceTypesScope: ['ACS::OSS::Bucket'], ConfigRuleTriggerTypes: ['ConfigurationItemChangeNotification'], RiskLevel: 1 };
}

/** Makes it, with the keys of the management account; answers the organisation, what was made, and every secret of it. */
export async function furnish(on) {
  server = on;
  victim = await Organisation.on(server);
  await makeIdentities();
  await makeDirectory();
  await makeRules();
  const secrets = [CONTENT, NAME, ...Object.values(own()), ids.user, ids.role, ids.key.AccessKeySecret,
    server.credentials.AccessKeySecret];
  return { organisation: victim, ids, secrets };
}
