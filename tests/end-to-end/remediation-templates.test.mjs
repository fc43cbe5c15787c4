// Every remediation template of the catalogue: its rules name it and list it, and a simulation repairs what they found.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from './paths.mjs';
import { Server, until } from './support.mjs';

const catalogue = path.join(root, 'catalogue');
const load = (room) => Object.fromEntries(fs.readdirSync(path.join(catalogue, room)).filter((name) => name.endsWith('.json'))
  .map((name) => [path.basename(name, '.json'), JSON.parse(fs.readFileSync(path.join(catalogue, room, name), 'utf8'))]));
const rules = load('rules');
const templates = load('remediations');

/** Values of compulsory parameters, and of those whose default the rule's sample does not go with. */
const VALUES = {
  'ACS-OSS-BulkyPutBucketLogging': { targetBucket: 'logs' },
  'ACS-OSS-PutBucketReferer': { refererList: '["https://www.example.com"]' },
  'ACS-RDS-BulkyModifySecurityIpsByInstanceIPArray': { securityIps: '10.0.0.0/8' },
  'ACS-RDS-BulkyModifyDasInstanceConfig': { storageUpperBound: '2000' },
  'ACS-Config-ResourceManager-BulkyMoveResources': { resourceGroupId: 'rg-1' },
  'ACS-TAG-TagResources': { tags: '{"owner":"me"}' },
  'ACS-TAG-TagResourcesIgnoreCaseSensitive': { tags: '{"owner":"me"}' },
};
/** Rules for which the effect of the template is not what makes them content at once. */
const REMAINS = { 'nas-filesystem-backup-score-check': 'the score is counted by the service' };

let server;
let account;

before(async () => {
  server = await Server.start({ args: ['--remediation-executor', 'simulate'] });
  account = server.credentials.AccountId;
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('rules and templates name each other', async () => {
  for (const { identifier, remediationTemplate } of Object.values(rules).filter((rule) => rule.remediationTemplate)) {
    assert.ok(templates[remediationTemplate]?.rules.includes(identifier), `${identifier}: ${remediationTemplate}`);
    const { RemediationTemplates } = await server.call('ListRemediationTemplates', { RemediationType: 'OOS', ManagedRuleIdentifier: identifier });
    const listed = RemediationTemplates.find((t) => t.TemplateIdentifier === remediationTemplate);
    assert.deepEqual(JSON.parse(listed.TemplateDefinition), templates[remediationTemplate].definition, identifier);
  }
  for (const { identifier, rules: named } of Object.values(templates))
    for (const name of named) assert.ok(rules[name].remediationTemplate, `${identifier}: ${name}`);
});

for (const template of Object.values(templates)) {
  for (const identifier of template.rules) {
    const rule = rules[identifier];
    const found = rule.cases.find((one) => one.expect === 'NON_COMPLIANT' && !one.related);
    if (!found) continue;
    const repaired = Object.keys(template.effect).length > 0;
    test(`${template.identifier} ${repaired ? 'repairs' : 'cannot be simulated for'} what ${identifier} found`, async (t) => {
      const resource = { resourceType: found.resourceType ?? rule.resourceTypes.find((type) => type !== '*') ?? 'ACS::ECS::Instance', resourceId: `r-${identifier}`, resourceName: 'name', regionId: 'cn-hangzhou',
        accountId: account, tags: found.tags ?? {}, configuration: found.configuration ?? null };
      const parameters = identifier === 'required-tags' ? { tag1Key: 'owner', tag1Value: 'me' } : found.parameters ?? {};
      const { ConfigRuleId } = await server.call('CreateConfigRule', { ConfigRuleName: identifier, SourceOwner: 'ALIYUN', SourceIdentifier: identifier, RiskLevel: 1, ResourceTypesScope: resource.resourceType,
        ConfigRuleTriggerTypes: rule.triggers.join(), MaximumExecutionFrequency: 'TwentyFour_Hours', InputParameters: JSON.stringify(parameters) });
      t.after(() => server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId }));
      await server.put([resource]);
      await server.call('StartConfigRuleEvaluation', { ConfigRuleId });
      const verdict = async () => (await server.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100 })).EvaluationResults.EvaluationResultList
        .find((one) => one.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId === resource.resourceId)?.ComplianceType;
      await until(async () => (await verdict()) === 'NON_COMPLIANT', 20);
      await server.call('CreateRemediation', { ConfigRuleId, RemediationType: 'OOS', RemediationTemplateId: template.identifier, InvokeType: 'MANUAL_EXECUTION', Params: JSON.stringify(VALUES[template.identifier] ?? {}) });
      await server.call('StartRemediation', { ConfigRuleId, ResourceId: resource.resourceId });
      const run = await until(async () => (await server.call('ListRemediationExecutions', { ConfigRuleId, MaxResults: 100 })).RemediationExecutionData.RemediationExecutions[0], 20);
      assert.equal(run.ExecutionStatus, repaired ? 'Success' : 'Failed', run.ExecutionStatusMessage);
      if (!repaired) assert.equal(run.ExecutionStatusMessage, `The template ${template.identifier} cannot be simulated.`);
      else if (!REMAINS[identifier]) {
        if (!rule.triggers.includes('ConfigurationItemChangeNotification')) await server.call('StartConfigRuleEvaluation', { ConfigRuleId });
        await until(async () => (await verdict()) !== 'NON_COMPLIANT', 20);
      }
    });
  }
}
