// The official client of STS: identities of all kinds, sessions and their refusals, unsigned operations.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Organisation } from './organisation.mjs';
import { failure, Server } from './support.mjs';

const require = createRequire(import.meta.url);
const { Config } = require('@alicloud/openapi-client');
const Sts = require('@alicloud/sts20150401');

let server;
let organisation;
let user;

const official = (keys) => {
  const { host, protocol } = new URL(server.endpoint);
  return new Sts.default(new Config({ accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret,
    securityToken: keys.SecurityToken, endpoint: host, protocol: protocol.replace(':', ''), regionId: 'cn-hangzhou' }));
};
const roleArn = (name) => `acs:ram::${organisation.account}:role/${name}`;
const assume = (more, keys = user) => official(keys).assumeRole(new Sts.AssumeRoleRequest({ roleArn: roleArn('Admin'), roleSessionName: 'alice', ...more }));
const keysOf = ({ accessKeyId, accessKeySecret, securityToken }) => ({ AccessKeyId: accessKeyId, AccessKeySecret: accessKeySecret, SecurityToken: securityToken });

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  user = organisation.administrator;
  const trust = (Condition) => JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
    Principal: { RAM: [`acs:ram::${organisation.account}:root`] }, ...(Condition && { Condition }) }] });
  await organisation.ram('CreateRole', { RoleName: 'Admin', AssumeRolePolicyDocument: trust(), MaxSessionDuration: 7200 });
  await organisation.ram('CreateRole', { RoleName: 'Partner', AssumeRolePolicyDocument: trust({ StringEquals: { 'sts:ExternalId': 'abcd1234' } }) });
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('every kind of identity is told who it is', async () => {
  const who = async (keys) => (await official(keys).getCallerIdentity()).body;
  const root = await who(server.credentials);
  assert.deepEqual([root.identityType, root.arn, root.userId, root.principalId, root.roleId],
    ['Account', `acs:ram::${root.accountId}:root`, root.accountId, root.accountId, undefined]);
  const person = await who(user);
  assert.deepEqual([person.identityType, person.arn, person.principalId], ['RAMUser', `acs:ram::${root.accountId}:user/administrator`, person.userId]);
  const { assumedRoleUser, credentials } = (await assume()).body;
  const session = await who(keysOf(credentials));
  assert.deepEqual([session.identityType, session.arn, session.principalId, session.userId],
    ['AssumedRoleUser', assumedRoleUser.arn, assumedRoleUser.assumedRoleId, undefined]);
  assert.equal(assumedRoleUser.assumedRoleId, `${session.roleId}:alice`);
});

test('a session lasts as long as was asked for, within the bounds of its role', async () => {
  for (const durationSeconds of [900, undefined, 7200]) {
    const { credentials } = (await assume({ durationSeconds })).body;
    assert.match(credentials.expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(credentials.expiration) - Date.now() - (durationSeconds ?? 3600) * 1000) < 60000);
    assert.match(credentials.accessKeyId, /^STS\./);
  }
});

test('what cannot be assumed is refused with its documented code', async () => {
  const refused = async (more, keys) => {
    const { code, statusCode } = await failure(assume(more, keys));
    return [statusCode, code];
  };
  const bad = (name) => [400, `InvalidParameter.${name}`];
  assert.deepEqual(await refused({ durationSeconds: 899 }), bad('DurationSeconds'));
  assert.deepEqual(await refused({ durationSeconds: 7201 }), bad('DurationSeconds'));
  assert.deepEqual(await refused({ roleSessionName: 'a' }), bad('RoleSessionName'));
  assert.deepEqual(await refused({ roleSessionName: 'a b' }), bad('RoleSessionName'));
  assert.deepEqual(await refused({ roleArn: 'Admin' }), bad('RoleArn'));
  assert.deepEqual(await refused({ externalId: 'x' }), bad('ExternalId'));
  assert.deepEqual(await refused({ policy: '{}' }), bad('PolicyGrammar'));
  assert.deepEqual(await refused({ policy: `{"Version":"1","Statement":[]}${' '.repeat(2048)}` }), bad('PolicySize'));
  assert.deepEqual(await refused({ roleArn: roleArn('Nobody') }), [404, 'EntityNotExist.Role']);
  assert.deepEqual(await refused({ roleArn: roleArn('Partner') }), [403, 'NoPermission']);
  assert.ok((await assume({ roleArn: roleArn('Partner'), externalId: 'abcd1234' })).body.credentials);
  const { credentials } = (await assume()).body;
  const keys = keysOf(credentials);
  assert.deepEqual(await refused({}, { ...keys, SecurityToken: user.AccessKeySecret }), [400, 'InvalidSecurityToken.MismatchWithAccessKey']);
});

test('operations without signature are reached without one', async () => {
  const oidc = new Sts.AssumeRoleWithOIDCRequest({ OIDCProviderArn: 'acs:ram::1:oidc-provider/none', roleArn: roleArn('Admin'), OIDCToken: 'a.b.c', roleSessionName: 'alice' });
  assert.equal((await failure(official(user).assumeRoleWithOIDC(oidc))).code, 'EntityNotExist.OIDCProvider');
  const saml = new Sts.AssumeRoleWithSAMLRequest({ SAMLProviderArn: 'acs:ram::1:saml-provider/none', roleArn: roleArn('Admin'), SAMLAssertion: 'PHNhbWw+' });
  assert.equal((await failure(official(user).assumeRoleWithSAML(saml))).code, 'EntityNotExist.SAMLProvider');
});
