// Two servers on one PostgreSQL: what is said to one holds for the other at once, what is to be done once is done once, and
// what a killed one has left is finished by the other.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Organisation, allow, deny, policy } from './organisation.mjs';
import { Postgres } from './postgres.mjs';
import { failure, scratch, Server, until } from './support.mjs';

const RESOURCES = 4000;
let postgres;
let one;
let other;

/** A server with the key file of the first, as on another machine. */
async function join(first) {
  const data = scratch();
  for (const name of ['secret.key', 'credentials.json']) fs.copyFileSync(path.join(first.data, name), path.join(data, name));
  return Server.start({ data, args: ['--store', postgres.url] });
}

const sql = (text) => execFileSync('psql', ['-q', '-t', '-A', '-h', postgres.directory, '-U', 'plumbline', '-d', 'postgres', '-c', text], { encoding: 'utf8' }).trim();

before(async () => {
  postgres = await Postgres.start();
  one = await Server.start({ args: ['--store', postgres.url] });
  other = await join(one);
  /* The database itself writes down what is started and ended. */
  sql(`CREATE TABLE seen (what TEXT, rule_key BIGINT);
    CREATE FUNCTION see() RETURNS TRIGGER AS $$ BEGIN
      INSERT INTO seen VALUES (TG_TABLE_NAME, CASE WHEN TG_OP = 'DELETE' THEN OLD.rule_key ELSE NEW.rule_key END); RETURN NULL; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER see AFTER DELETE ON evaluation_runs FOR EACH ROW EXECUTE FUNCTION see();
    CREATE TRIGGER see AFTER INSERT OR UPDATE ON rule_schedules FOR EACH ROW EXECUTE FUNCTION see();`);
});
after(async () => {
  for (const server of [one, other]) server?.child.kill('SIGKILL');
  await postgres?.stop();
});

const RULE = { SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration', RiskLevel: 1,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance',
  Conditions: JSON.stringify({ ComplianceConditions: JSON.stringify({ operator: 'and', children: [
    { operator: 'StringEquals', featureSource: 'CONFIGURATION', featurePath: '$.Status', desired: 'Running' }] }) }) };
const makeRule = async (server, ConfigRuleName, more = {}) => (await server.call('CreateConfigRule', { ...RULE, ConfigRuleName, ...more })).ConfigRuleId;
const instance = (n, more = {}) => ({ resourceType: 'ACS::ECS::Instance', resourceId: `i-${n}`, resourceName: `i-${n}`, regionId: 'cn-hangzhou',
  configuration: { InstanceId: `i-${n}`, Status: n % 4 ? 'Running' : 'Stopped' }, ...more });
const compliance = async (server, ConfigRuleId) => {
  const { ConfigRule } = await server.call('GetConfigRule', { ConfigRuleId });
  return ConfigRule.ConfigRuleState === 'ACTIVE' && ConfigRule.Compliance;
};
const times = (what, ConfigRuleId) => Number(sql(`SELECT COUNT(*) FROM seen s JOIN rules r ON r.rule_key = s.rule_key WHERE s.what = '${what}' AND r.rule_id = '${ConfigRuleId}'`));
const verdictOf = async (server, ConfigRuleId, id) => (await server.call('ListResourceEvaluationResults', { ResourceId: id,
  ResourceType: 'ACS::ECS::Instance', Region: 'cn-hangzhou', MaxResults: 100 })).EvaluationResults.EvaluationResultList.find(
  (r) => r.EvaluationResultIdentifier.EvaluationResultQualifier.ConfigRuleId === ConfigRuleId)?.ComplianceType;

test('a rule made on one judges what the other records, and is gone for both', async () => {
  for (const [maker, recorder, n] of [[one, other, 0], [other, one, 4]]) {
    const rule = await makeRule(maker, `across-${n}`);
    await recorder.put([instance(n), instance(n + 1)]);
    assert.equal(await verdictOf(recorder, rule, `i-${n}`), 'NON_COMPLIANT');
    assert.equal(await verdictOf(maker, rule, `i-${n + 1}`), 'COMPLIANT');
    await recorder.call('DeleteConfigRules', { ConfigRuleIds: rule });
    await maker.put([instance(n + 2)]);
    assert.equal(await verdictOf(maker, rule, `i-${n + 2}`), undefined);
  }
});

test('a control policy attached through one denies the very next call on the other', async () => {
  const organisation = await Organisation.on(one);
  const account = await organisation.member('bound');
  const keys = await organisation.person('carol', { policy: 'AdministratorAccess', keys: await organisation.enter(account) });
  await organisation.manage('EnableControlPolicy');
  const { PolicyId } = (await organisation.manage('CreateControlPolicy', { PolicyName: 'stop', EffectScope: 'RAM', PolicyDocument: policy(allow('*'), deny('config:*')) })).ControlPolicy;
  for (let turn = 0; turn < 5; turn++) {
    await other.call('ListConfigRules', {}, { keys });
    await organisation.manage('AttachControlPolicy', { PolicyId, TargetId: account });
    assert.equal((await failure(other.call('ListConfigRules', {}, { keys }))).code, 'NoPermission');
    await organisation.manage('DetachControlPolicy', { PolicyId, TargetId: account });
  }
  await one.call('DeleteAccessKey', { UserName: 'carol', UserAccessKeyId: keys.AccessKeyId }, { version: '2015-05-01', keys });
  assert.equal((await failure(other.call('ListConfigRules', {}, { keys }))).code, 'InvalidAccessKeyId.NotFound');
});

test('a full run happens once', async () => {
  for (let n = 0; n < RESOURCES; n += 1000) await other.put(Array.from({ length: 1000 }, (_, i) => instance(n + i)));
  const rule = await makeRule(one, 'everything');
  const found = await until(() => compliance(other, rule), 120);
  assert.deepEqual([found.ComplianceType, Number(found.Count)], ['NON_COMPLIANT', RESOURCES / 4]);
  assert.equal(times('evaluation_runs', rule), 1);
});

test('a schedule that both see is followed once', async () => {
  const rule = await makeRule(one, 'daily', { ConfigRuleTriggerTypes: 'ScheduledNotification', MaximumExecutionFrequency: 'One_Hour' });
  await until(() => compliance(one, rule), 120);
  const before = times('rule_schedules', rule);
  sql(`UPDATE rules SET created = created - 86400000 WHERE rule_id = '${rule}'; UPDATE rule_schedules SET last_run = last_run - 86400000`);
  const moved = times('rule_schedules', rule);
  const started = await until(() => times('rule_schedules', rule) - moved, 120);
  assert.equal(started, 1);
  await until(() => compliance(other, rule), 120);
  assert.equal(times('rule_schedules', rule) - moved, 1);
  assert.ok(moved - before <= 1);
});

test('what a killed server was at is finished by the other', { timeout: 300000 }, async () => {
  sql(`CREATE FUNCTION linger() RETURNS TRIGGER AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER linger BEFORE UPDATE ON evaluation_runs FOR EACH ROW EXECUTE FUNCTION linger();`);
  other.child.kill('SIGSTOP'); // so that it is the first one that takes the run
  const rule = await makeRule(one, 'left behind');
  await until(() => sql("SELECT COUNT(*) FROM evaluation_runs WHERE node <> ''") === '1');
  await one.stop('SIGKILL');
  sql('DROP TRIGGER linger ON evaluation_runs');
  assert.equal(times('evaluation_runs', rule), 0, 'it was at it');
  other.child.kill('SIGCONT');
  const found = await until(() => compliance(other, rule), 200);
  assert.deepEqual([found.ComplianceType, Number(found.Count)], ['NON_COMPLIANT', RESOURCES / 4]);
  assert.equal(times('evaluation_runs', rule), 1);
  one = await join(other);
  assert.equal(Number((await compliance(one, rule)).Count), RESOURCES / 4);
});
