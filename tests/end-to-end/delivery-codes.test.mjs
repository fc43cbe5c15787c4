// Every error code that the operations of deliveries, integrated services and remediations document: reached, or named below
// with the reason why it cannot be.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { operations } from './operations.mjs';
import { Organisation } from './organisation.mjs';
import { Sink } from './sink.mjs';
import { failure, Server } from './support.mjs';

const subjects = operations.filter(({ product, name }) => product === 'config' && /Remediation|DeliveryChannel|IntegratedService/.test(name));

/** Codes that no call of a client leads to. */
const NEVER = {
  AccountNotExisted: 'whoever signs a call has an account',
  ServiceUnavailable: 'needs a store that fails (durability.test.mjs)',
  DeliveryChannelSlsUnreachableError: 'an older spelling of DeliveryChannelSlsUnreachable, which is answered',
  NoPermissionCreateRemediationSLR: 'the service-linked role is part of the server: no call creates it',
  RDMemberNoPermission: 'members of a group are refused with AggregatorMemberNoPermission before',
  NoPermission: 'templates and status are checked by the gateway, which answers it for every operation',
};
/** What is refused for a channel is refused when it is made or changed: these operations take nothing to refuse. */
const takesNothing = ({ name }, code) => /^Delete(Aggregate)?ConfigDeliveryChannel$/.test(name) && code !== 'DeliveryChannelNotExists';
const cannot = (operation, code) => code in NEVER || takesNothing(operation, code) ||
  (code === 'DeliveryChannelNotExists' && /^Create/.test(operation.name)) || // a new channel has no id
  (code === 'Invalid.DeliveryChannelAssumeRoleArn.Format' && operation.version === '2020-09-07') || // has no such parameter any more
  (code === 'RemediationConfigNotExist' && operation.name === 'DeleteRemediations') || // told in the results
  (code === 'ConfigRuleNotExists' && /^Update/.test(operation.name)) || // a remediation goes with its rule
  (/^RemediationTemplateNotExist$|^RemediationInputParam/.test(code) && operation.name === 'StartRemediation'); // what is stored was sound

let sink;
let server;
let account;
let group;
let stranger;
const made = {};

before(async () => {
  sink = await Sink.start();
  server = await Server.start({ args: ['--delivery-oss', `${sink.url}/oss`, '--delivery-mns', `${sink.url}/mns`, '--delivery-sls', `${sink.url}/sls`] });
  sink.answer = ({ path: where }) => (where.includes('absent') ? 404 : 200);
  account = server.credentials.AccountId;
  const organisation = await Organisation.on(server);
  stranger = await organisation.enter(await organisation.member('one'));
  group = (await server.call('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' })).AggregatorId;
  for (const prefix of ['', 'Aggregate']) made[prefix] = await prepare(prefix, prefix ? { AggregatorId: group } : {});
});

after(async () => {
  const { code } = await server.stop();
  await sink.stop();
  assert.equal(code, 0, server.log);
});

const targets = (name) => ({ OSS: `acs:oss:cn-shanghai:${account}:${name}`, MNS: `acs:mns:cn-shanghai:${account}:/topics/${name}`, SLS: `acs:log:cn-shanghai:${account}:project/${name}/logstore/${name}` });
const PARAMS = '{"permissionName":"private"}';

/** Channels of all types, two rules, and remediations of both. */
async function prepare(prefix, owner) {
  const channels = {};
  for (const [DeliveryChannelType, DeliveryChannelTargetArn] of Object.entries(targets('there')))
    channels[DeliveryChannelType] = (await server.call(`Create${prefix}ConfigDeliveryChannel`, { ...owner, DeliveryChannelType, DeliveryChannelTargetArn })).DeliveryChannelId;
  const rule = async (ConfigRuleName, SourceIdentifier, InputParameters) => (await server.call(`Create${prefix}ConfigRule`, { ...owner, ConfigRuleName: ConfigRuleName + prefix, SourceOwner: 'ALIYUN', SourceIdentifier, InputParameters,
    ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' })).ConfigRuleId;
  const rules = { acl: await rule('acl', 'oss-bucket-public-read-prohibited', '{}'), tags: await rule('tags', 'required-tags', '{"tag1Key":"owner"}'),
    other: await rule('other', 'oss-bucket-public-read-prohibited', '{}'), otherTags: await rule('other tags', 'required-tags', '{"tag1Key":"owner"}') };
  const remedy = async (ConfigRuleId, RemediationTemplateId, Params) => (await server.call(`Create${prefix}Remediation`, { ...owner, ConfigRuleId, RemediationType: 'OOS', RemediationTemplateId, Params, InvokeType: 'MANUAL_EXECUTION' })).RemediationId;
  return { owner, channels, rules, acl: await remedy(rules.acl, 'ACS-OSS-PutBucketAcl', PARAMS), tags: await remedy(rules.tags, 'ACS-TAG-TagResources', '{"tags":"{\\"owner\\":\\"me\\"}"}') };
}

/** A call that is sound but for `wrong`. */
function sound({ name }, of) {
  if (/^(Create|Put)/.test(name) && /Delivery/.test(name))
    return { DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: targets('there').OSS, ...(name === 'PutDeliveryChannel' && { DeliveryChannelName: 'old', DeliveryChannelAssumeRoleArn: `acs:ram::${account}:role/r` }) };
  if (/Delivery/.test(name)) return { DeliveryChannelId: of.channels.OSS };
  if (/^Create/.test(name)) return { ConfigRuleId: of.rules.other, RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl', InvokeType: 'MANUAL_EXECUTION', Params: PARAMS };
  return { RemediationId: of.acl };
}

/** What makes a call wrong, by code; undefined parameters are left out. */
function mistakes({ name }, of) {
  const changes = /^Update/.test(name);
  const tags = changes ? { RemediationId: of.tags } : { ConfigRuleId: of.rules.otherTags, RemediationTemplateId: 'ACS-TAG-TagResources' };
  const unreachable = (type) => ({ ...(changes ? { DeliveryChannelId: of.channels[type] } : { DeliveryChannelType: type }), DeliveryChannelTargetArn: targets('absent')[type] });
  return {
    DeliveryChannelNotExists: { DeliveryChannelId: 'cdc-0000000000000000', DeliveryChannelIds: 'cdc-0000000000000000' },
    'Invalid.DeliveryChannelType.Empty': { DeliveryChannelType: '' },
    'Invalid.DeliveryChannelName.Empty': { DeliveryChannelName: '' },
    'Invalid.DeliveryChannelTargetArn.Empty': { DeliveryChannelTargetArn: '' },
    'Invalid.DeliveryChannelTargetArn.Format': { DeliveryChannelTargetArn: 'bucket' },
    'Invalid.DeliveryChannelAssumeRoleArn.Empty': { DeliveryChannelAssumeRoleArn: '' },
    'Invalid.DeliveryChannelAssumeRoleArn.Format': { DeliveryChannelAssumeRoleArn: 'role' },
    'Invalid.DeliveryChannelCondition.Format': { DeliveryChannelCondition: '{}' },
    'Invalid.DeliverySnapshotTime.Value': { DeliverySnapshotTime: '24:00Z' },
    'Invalid.OversizedDataOSSTargetArn.Format': { OversizedDataOSSTargetArn: 'bucket' },
    MemberNotBelongToMaster: { DeliveryChannelTargetArn: 'acs:oss:cn-shanghai:1111111111111111:x' },
    DeliveryChannelAccountNotSupport: { DeliveryChannelTargetArn: targets('there').OSS },
    DeliveryChannelOssUnreachable: unreachable('OSS'), DeliveryChannelMnsUnreachable: unreachable('MNS'), DeliveryChannelSlsUnreachable: unreachable('SLS'),
    ConfigRuleNotExists: { ConfigRuleId: 'cr-none' },
    RemediationTemplateNotExist: { RemediationTemplateId: 'ACS-Nothing' },
    'Invalid.Params.Value': { Params: '{"permissionName":"secret"}' },
    RemediationInputParamInConsistentWithRule: { ...tags, Params: '{"tags":"{\\"other\\":\\"me\\"}"}' },
    RemediationNotExist: { RemediationId: 'crr-none' },
    RemediationConfigNotExist: { RemediationId: undefined, ConfigRuleId: 'cr-none' },
    'Invalid.AggregatorId.Value': { AggregatorId: 'ca-none' },
  };
}

for (const operation of subjects) {
  for (const { code } of operation.errors.filter((error) => !cannot(operation, error.code))) {
    // A member may not use a group at all, and has no channel of its own to change.
    if (code === 'DeliveryChannelAccountNotSupport' && !/^(CreateConfig|Put)/.test(operation.name)) continue;
    test(`${operation.version} ${operation.name} answers ${code}`, async () => {
      const of = made[/Aggregate/.test(operation.name) ? 'Aggregate' : ''];
      const wrong = mistakes(operation, of)[code];
      assert.ok(wrong, `no case leads to ${code}`);
      const keys = code === 'DeliveryChannelAccountNotSupport' ? stranger : undefined;
      const sent = Object.fromEntries(Object.entries({ ...of.owner, ...sound(operation, of), ...wrong }).filter(([, value]) => value !== undefined));
      const error = await failure(server.call(operation.name, sent, { version: operation.version, ...(keys && { keys }) }));
      assert.equal(error.code, code);
    });
  }
}
