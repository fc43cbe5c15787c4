// What becomes of the records of an account that is deleted, and of one that leaves its directory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Cloud, noSandbox } from './functions.mjs';
import { Organisation, allow, policy } from './organisation.mjs';
import { elsewhere, Server, until } from './support.mjs';

let server;
let organisation;
let group;
let groupRule;

before(async () => {
  server = await Server.start({ args: ['--remediation-executor', 'simulate'] });
  organisation = await Organisation.on(server);
  await organisation.manage('SetMemberDeletionPermission', { Status: 'Enabled' });
  group = { AggregatorId: (await organisation.config('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' })).AggregatorId };
  groupRule = (await organisation.config('CreateAggregateConfigRule', { ...RULE, ...group, ConfigRuleName: 'private' })).ConfigRuleId;
  await organisation.config('CreateAggregateRemediation', { ...group, ConfigRuleId: groupRule, RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl',
    InvokeType: 'MANUAL_EXECUTION', Params: JSON.stringify({ bucketName: '{resourceId}', regionId: '{regionId}', permissionName: 'private' }) });
});
after(() => server?.stop());

const RULE = { SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1,
  ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' };
const bucket = (accountId, resourceId, Grant = 'public-read') => ({ accountId, resourceType: 'ACS::OSS::Bucket', resourceId, resourceName: resourceId,
  regionId: 'cn-hangzhou', tags: { env: 'test' }, configuration: { Name: resourceId, AccessControlList: { Grant, Owner: 'o' } } });
const results = async () => (await organisation.config('ListAggregateConfigRuleEvaluationResults', { ...group, ConfigRuleId: groupRule, MaxResults: 100 }))
  .EvaluationResults.EvaluationResultList.map((r) => r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId).sort();
const executions = async () => (await organisation.config('ListAggregateRemediationExecutions', { ...group, ConfigRuleId: groupRule, MaxResults: 100 }))
  .RemediationExecutionData.RemediationExecutions;
const lines = (command, args) => execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n').filter(Boolean);

/** Asks the database of the server, SQLite or PostgreSQL. */
async function sql(text) {
  if (elsewhere.url) return lines('psql', ['-At', await elsewhere.url(server.data), '-c', text]);
  const ask = 'import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep="|")';
  return lines('python3', ['-c', ask, path.join(server.data, 'plumbline.db'), text]);
}
const TABLES = () => elsewhere.url
  ? "SELECT table_name FROM information_schema.columns WHERE column_name = 'account_id' AND table_schema = current_schema()"
  : "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'account_id'";

/** Tables with rows of the account: `{ table: rows }`. */
async function rowsOf(account) {
  const counts = (await sql(TABLES())).map((table) => `SELECT '${table}|' || COUNT(*) FROM "${table}" WHERE account_id = '${account}'`);
  const rows = (await sql(counts.join(' UNION ALL '))).map((line) => line.split('|'));
  return Object.fromEntries(rows.map(([table, count]) => [table, Number(count)]).filter(([, count]) => count > 0));
}

/** Something of every kind in the account whose keys these are. */
async function furnish(account, keys) {
  const config = (action, parameters) => organisation.config(action, parameters, keys);
  const ConfigRuleId = (await config('CreateConfigRule', { ...RULE, ConfigRuleName: 'own', ClientToken: 'once' })).ConfigRuleId;
  await config('CreateRemediation', { ConfigRuleId, RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl', InvokeType: 'MANUAL_EXECUTION',
    Params: JSON.stringify({ bucketName: '{resourceId}' }) });
  await config('CreateConfigRule', { ...RULE, ConfigRuleName: 'daily', SourceIdentifier: 'required-tags', InputParameters: JSON.stringify({ tag1Key: 'env' }),
    ConfigRuleTriggerTypes: 'ScheduledNotification', MaximumExecutionFrequency: 'One_Hour' });
  await config('CreateCompliancePack', { CompliancePackName: 'own', RiskLevel: 1, ConfigRules: JSON.stringify([
    { ConfigRuleName: 'packed', ManagedRuleIdentifier: 'oss-bucket-public-write-prohibited', RiskLevel: 2 }]) });
  await config('CreateConfigDeliveryChannel', { DeliveryChannelName: 'own', DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: `acs:oss:cn-hangzhou:${account}:own` });
  await config('CreateReportTemplate', { ReportTemplateName: 'own', ReportTemplateDescription: 'own', ReportScope: '[]' });
  await config('GenerateResourceInventory', {});
  const manage = (action, parameters) => organisation.manage(action, parameters, keys);
  const { Id } = (await manage('CreateResourceGroup', { Name: 'own', DisplayName: 'own' })).ResourceGroup;
  await manage('CreateAutoGroupingRule', { RuleName: 'own', RuleType: 'custom_condition', RuleContents: [{ TargetResourceGroupCondition: JSON.stringify(
    { featureSource: 'RESOURCE', featurePath: '$.resourceGroupId', operator: 'StringEquals', desired: Id }) }] });
  await manage('EnableAutoGrouping');
  await server.put([bucket(account, 'b-own'), bucket(account, 'b-gone')], { keys });
  await server.put([{ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: 'b-gone', regionId: 'cn-hangzhou', resourceEventType: 'REMOVE' }], { keys });
  if (!noSandbox) await Cloud.prototype.python.call(Object.assign(new Cloud(), { fc: Cloud.client(server.endpoint, keys) }), 'own', 'def handler(event, context):\n  return 1\n');
  await organisation.person('bob', { document: policy(allow('config:*')), keys });
}

test('a deleted account leaves what others did and nothing of its own', async () => {
  const account = await organisation.member('doomed');
  const keys = await organisation.person('owner', { policy: 'AdministratorAccess', keys: await organisation.enter(account) });
  await furnish(account, keys);
  await server.put([bucket(await organisation.member('staying'), 'b-kept')]);
  await organisation.config('StartAggregateRemediation', { ...group, ConfigRuleId: groupRule, ResourceAccountId: account, ResourceIds: JSON.stringify(['b-own']) })
    .catch(() => organisation.config('StartAggregateRemediation', { ...group, ConfigRuleId: groupRule }));
  const told = await until(async () => (await executions()).length > 0 && executions());
  await organisation.manage('ListUsers', {}, keys).catch(() => {});
  assert.ok((await results()).includes('b-own'));
  const had = await rowsOf(account);
  for (const table of ['resources', 'resource_history', 'rules', 'packs', 'remediations', 'delivery_channels', 'grouping_rules', 'resource_groups',
    'resource_group_settings', 'functions', 'client_tokens', 'report_files', 'report_templates', 'results', 'identity_users'])
    assert.ok(had[table] > 0, `${table} holds something before`);

  await organisation.manage('DeleteAccount', { AccountId: account }, organisation.administrator);
  assert.equal((await organisation.manage('GetAccountDeletionStatus', { AccountId: account })).RdAccountDeletionStatus.Status, 'Success');
  assert.ok(!(await results()).includes('b-own'));
  assert.ok((await results()).includes('b-kept'));
  assert.deepEqual(await executions(), told, 'what the group did there is still told');
  /* Two counters stay, so that other servers notice that what they hold of the account is old. */
  assert.deepEqual(Object.keys(await rowsOf(account)).filter((table) => !['inventory_accounts', 'rule_versions', 'remediation_executions'].includes(table)), []);
  await server.stop();
  server = organisation.server = await Server.start({ data: server.data, args: ['--remediation-executor', 'simulate'] });
  assert.deepEqual(Object.keys(await rowsOf(account)).sort(), ['inventory_accounts', 'remediation_executions', 'rule_versions']);
});

test('an account that leaves keeps its own and is done with the group', async () => {
  const stranger = await organisation.stranger('visitor');
  const { Handshake } = await organisation.manage('InviteAccountToResourceDirectory', { TargetEntity: stranger.account, TargetType: 'Account' });
  await organisation.manage('AcceptHandshake', { HandshakeId: Handshake.HandshakeId }, stranger.keys);
  await furnish(stranger.account, stranger.keys);
  await until(async () => (await results()).includes('b-own'));
  await organisation.manage('RemoveCloudAccount', { AccountId: stranger.account }, organisation.administrator);
  assert.ok(!(await results()).includes('b-own'));
  const own = (await organisation.config('ListConfigRules', { PageSize: 100 }, stranger.keys)).ConfigRules.ConfigRuleList;
  assert.deepEqual(own.map((rule) => rule.ConfigRuleName).sort(), ['daily', 'own', 'packed']);
  const verdicts = await organisation.config('ListResourceEvaluationResults', { ResourceId: 'b-own', ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', MaxResults: 100 }, stranger.keys);
  assert.deepEqual(verdicts.EvaluationResults.EvaluationResultList.map((r) => r.EvaluationResultIdentifier.EvaluationResultQualifier.ConfigRuleName).sort(),
    ['daily', 'own', 'packed']);
  await server.put([bucket(stranger.account, 'b-later')], { keys: stranger.keys });
  assert.ok(!(await results()).includes('b-later'));
});
