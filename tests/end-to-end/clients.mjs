// What a client of clients.test.mjs does, in a process of its own: these clients trust a server's certificate only by
// the environment that they are started with. The name of the client is the argument; the answers go to standard output.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { endpoint, keys, roleArn } = JSON.parse(process.env.CLIENT_SETTINGS);
const { host } = new URL(endpoint);
const accessKey = { accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret };
const ODD = 'a b*~é+/\u{1F600}&=%';

const rule = (ConfigRuleName) => ({ ConfigRuleName, SourceOwner: 'ALIYUN', SourceIdentifier: 'required-tags', RiskLevel: 1,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance',
  InputParameters: JSON.stringify({ tag1Key: ODD }), TagsScope: [{ TagKey: ODD, TagValue: '' }, { TagKey: 'b' }] });

const credential = (more) => {
  const { default: Credential, Config } = require('@alicloud/credentials');
  return new Credential(new Config({ type: 'ram_role_arn', ...accessKey, roleArn, roleSessionName: 'session', stsEndpoint: host, ...more }));
};

/** Both methods and body forms of the newest core, which all generated clients are built upon. */
async function core(settings) {
  const { default: Client, $OpenApiUtil: { Config, Params, OpenApiRequest } } = require('@alicloud/openapi-core');
  const { RuntimeOptions } = require('@darabonba/typescript');
  const client = new Client(new Config({ endpoint: host, protocol: 'HTTPS', regionId: 'cn-shanghai', ...settings }));
  const call = async (action, method, reqBodyType, request) => (await client.callApi(new Params({ action, version: '2020-09-07', protocol: 'HTTPS',
    pathname: '/', method, authType: 'AK', style: 'RPC', reqBodyType, bodyType: 'json' }), new OpenApiRequest(request), new RuntimeOptions({}))).body;
  const answers = [];
  for (const reqBodyType of ['json', 'formData']) {
    const { ConfigRuleId } = await call('CreateConfigRule', 'POST', reqBodyType, { body: rule(`${ODD} ${reqBodyType} ${Math.random()}`) });
    for (const method of ['GET', 'POST']) {
      const { ConfigRule } = await call('GetConfigRule', method, reqBodyType, { query: { ConfigRuleId, Empty: '', Odd: ODD } });
      answers.push({ name: ConfigRule.ConfigRuleName, parameters: ConfigRule.InputParameters });
    }
  }
  return answers;
}

const stsSdk = () => new (require('@alicloud/sts-sdk'))({ endpoint: host, ...accessKey });

const CLIENTS = {
  'sts-sdk identity': async () => stsSdk().getCallerIdentity(),
  'sts-sdk session': async () => stsSdk().assumeRole(roleArn, 'session', undefined, 900),
  'credentials session': async () => credential().getCredential(),
  'credentials refused': async () => credential({ accessKeySecret: 'wrong' }).getCredential().catch((error) => error.message),
  'core V3': () => core(accessKey),
  'core V1': () => core({ ...accessKey, signatureAlgorithm: 'v2' }),
  'core V3 session': () => core({ credential: credential() }),
  'core V1 session': () => core({ credential: credential(), signatureAlgorithm: 'v2' }),
  'rpc-client': async () => {
    const { default: Rpc } = require('@alicloud/rpc-client');
    const client = new Rpc({ endpoint: host, protocol: 'https', ...accessKey, regionId: 'cn-shanghai', endpointRule: 'regional' });
    client._endpoint ??= host;
    const { ConfigRuleId } = await client.doRequest('CreateConfigRule', 'HTTPS', 'POST', '2020-09-07', 'AK', {}, rule(`${ODD} rpc`), {});
    return (await client.doRequest('GetConfigRule', 'HTTPS', 'GET', '2020-09-07', 'AK', { ConfigRuleId }, null, {})).ConfigRule.ConfigRuleName;
  },
  ram: async () => {
    const client = new (require('@alicloud/ram'))({ endpoint, ...accessKey });
    await client.createUser({ UserName: 'made', DisplayName: 'a *~é' });
    return (await client.getUser({ UserName: 'made' })).User.DisplayName;
  },
};

console.log(JSON.stringify({ odd: ODD, answer: await CLIENTS[process.argv[2]]() }));
