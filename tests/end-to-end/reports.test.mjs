// Files that are made on request: inventories, search files, package and rules reports, reports from templates; asked for by the
// official client, waited for, downloaded and read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { code, Organisation } from './organisation.mjs';
import { failure, Server, until } from './support.mjs';

let server;
let organisation;
let shop;
let bank;
let group;
let pack;
let groupPack;
let rule;
const keys = {};

// Operations on templates come by POST only.
const call = (action, parameters, as) => (/Template/.test(action)
  ? server.client('2020-09-07', as).request(action, parameters, { method: 'POST' }) : server.call(action, parameters, { keys: as }));
const bucket = (accountId, id, grant, more = {}) => ({ accountId, resourceType: 'ACS::OSS::Bucket', resourceId: id, resourceName: id, regionId: 'cn-hangzhou',
  resourceCreateTime: Date.parse('2024-05-06T07:08:09Z'), configuration: { Name: id, AccessControlList: { Grant: grant } }, ...more });
const RULES = { CompliancePackName: 'storage', Description: 'of a test', RiskLevel: 1, ConfigRules: JSON.stringify([
  { ConfigRuleName: 'no public reading', ManagedRuleIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1 },
  { ConfigRuleName: 'no public writing', ManagedRuleIdentifier: 'oss-bucket-public-write-prohibited', RiskLevel: 2 }]) };

/** Waits for a file; answers its object. */
const complete = (action, parameters, as) => until(async () => {
  const [object] = Object.values(await call(action, parameters, as)).filter((v) => typeof v === 'object');
  const status = object.Status ?? object.ReportStatus;
  assert.match(status, /^(CREATING|COMPLETE)$/, server.log);
  return status === 'COMPLETE' && { ...object, url: object.DownloadUrl ?? object.ReportUrl };
});

async function download(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  return Buffer.from(await response.arrayBuffer());
}

function rowsOf(text) {
  assert.equal(text.charCodeAt(0), 0xfeff, 'a byte order mark');
  const rows = [];
  for (const line of text.slice(1).split('\r\n').filter(Boolean))
    rows.push([...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain));
  return rows;
}
const csv = async (url) => rowsOf((await download(url)).toString('utf8'));

/** The sheets of a workbook, or the files of an archive, through python's own libraries. */
function unpack(bytes, script) {
  const done = spawnSync('python3', ['-c', script], { input: bytes, maxBuffer: 1 << 26 });
  assert.equal(done.status, 0, done.stderr.toString());
  return JSON.parse(done.stdout);
}
const sheets = (bytes) => unpack(bytes, `
import sys, io, json, zipfile, xml.etree.ElementTree as E
n = {'m': 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'}
z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
names = [s.get('name') for s in E.fromstring(z.read('xl/workbook.xml')).iterfind('.//m:sheet', n)]
out = {}
for i, name in enumerate(names):
    rows = E.fromstring(z.read(f'xl/worksheets/sheet{i + 1}.xml')).iterfind('.//m:row', n)
    out[name] = [[''.join(t.text or '' for t in c.iter() if t.tag.endswith('}t') or t.tag.endswith('}v')) for c in row] for row in rows]
json.dump(out, sys.stdout)`);
const archive = (bytes) => Object.fromEntries(Object.entries(unpack(bytes, `
import sys, io, json, zipfile, base64
z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert z.testzip() is None
json.dump({i.filename: base64.b64encode(z.read(i)).decode() for i in z.infolist()}, sys.stdout)`))
  .map(([name, text]) => [name, Buffer.from(text, 'base64')]));

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  const own = organisation.account;
  [shop, bank] = [await organisation.member('shop'), await organisation.member('bank')];
  for (const id of [shop, bank]) keys[id] = await organisation.enter(id);
  await server.put([bucket(own, 'open', 'public-read'), bucket(own, 'closed', 'private', { regionId: 'cn-beijing', tags: { note: 'a "b", c' } }),
    bucket(own, 'gone', 'private'), { accountId: own, resourceType: 'ACS::VPC::VPC', resourceId: 'vpc-1', regionId: 'cn-hangzhou', configuration: {} },
    bucket(shop, 'shop-open', 'public-read'), bucket(bank, 'bank-open', 'public-read')]);
  await server.put([{ accountId: own, resourceType: 'ACS::OSS::Bucket', resourceId: 'gone', regionId: 'cn-hangzhou', resourceEventType: 'REMOVE' }]);
  group = (await call('CreateAggregator', { AggregatorName: 'both', AggregatorType: 'CUSTOM', Description: 'two members', AggregatorAccounts:
    JSON.stringify([shop, bank].map((id) => ({ AccountId: Number(id), AccountName: 'x', AccountType: 'ResourceDirectory' }))) })).AggregatorId;
  pack = (await call('CreateCompliancePack', RULES)).CompliancePackId;
  groupPack = (await call('CreateAggregateCompliancePack', { ...RULES, AggregatorId: group })).CompliancePackId;
  rule = (await call('CreateConfigRule', { ConfigRuleName: 'single', SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 3,
    ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' })).ConfigRuleId;
});

after(async () => {
  const { code: status } = await server.stop();
  assert.equal(status, 0, server.log);
});

test('an inventory lists the resources that are asked for', async () => {
  assert.equal((await call('GetResourceInventory')).ResourceInventory.Status, 'NONE');
  await call('GenerateResourceInventory');
  const { url, ResourceInventoryGenerateTime: time } = await complete('GetResourceInventory');
  assert.ok(Math.abs(Date.now() - time) < 60000);
  const [head, ...rows] = await csv(url);
  assert.deepEqual(head, ['AccountId', 'ResourceId', 'ResourceName', 'ResourceType', 'RegionId', 'AvailabilityZone', 'ResourceCreationTime',
    'ResourceStatus', 'ResourceDeleted', 'ResourceGroupId', 'Tags']);
  assert.deepEqual(rows.map((row) => row[1]).sort(), ['closed', 'open', 'vpc-1']);
  const closed = rows.find((row) => row[1] === 'closed');
  assert.deepEqual([closed[0], closed[4], closed[6], JSON.parse(closed[10])], [organisation.account, 'cn-beijing', '2024-05-06T07:08:09Z', { note: ['a "b", c'] }]);
  const stamp = new Date(time + 8 * 3600e3).toISOString().replace(/\D/g, '').slice(0, 12);
  assert.ok(new URL(url).pathname.endsWith(`/RESOURCE_INVENTORY/${organisation.account}/${organisation.account}-RESOURCE_INVENTORY-${stamp}.csv`), url);

  await call('GenerateResourceInventory', { Regions: 'cn-beijing,cn-shanghai', ResourceTypes: 'ACS::OSS::Bucket' });
  const some = await complete('GetResourceInventory');
  assert.deepEqual((await csv(some.url)).slice(1).map((row) => row[1]), ['closed']);
  await call('GenerateResourceInventory', { ResourceDeleted: 0 });
  const removed = await until(async () => {
    const { url: address } = await complete('GetResourceInventory');
    const names = (await csv(address)).slice(1).map((row) => row[1]);
    return names.includes('gone') && names;
  });
  assert.deepEqual(removed, ['gone']);
});

test('an address is good for its file alone, and only as it is', async () => {
  await call('GenerateResourceInventory', { ResourceTypes: 'ACS::VPC::VPC' });
  const { url } = await complete('GetResourceInventory');
  const refused = async (address) => { const response = await fetch(address); return [response.status, /AccessDenied/.test(await response.text())]; };
  const other = new URL(url);
  assert.ok(Number(other.searchParams.get('Expires')) - Date.now() / 1000 > 3500);
  assert.deepEqual(await refused(url.replace(/Signature=../, (t) => 'Signature=' + (t.endsWith('00') ? '11' : '00'))), [403, true]);
  assert.deepEqual(await refused(url.replace(/Signature=\w+/, '')), [403, true]);
  assert.deepEqual(await refused(url.replace('RESOURCE_INVENTORY/', 'RESOURCE_SEARCH/')), [403, true]);
  const response = await fetch(url);
  assert.match(response.headers.get('content-disposition'), /attachment; filename=".*\.csv"/);
  assert.equal(response.headers.get('content-type'), 'text/csv;charset=utf-8');
});

test('a search file holds every row', async () => {
  const Sql = "SELECT ResourceId, Name, AccessControlList WHERE ResourceType = 'ACS::OSS::Bucket' ORDER BY ResourceId";
  assert.equal(await code(call('CreateAdvancedSearchFile', { Sql: 'SELECT' })), 'Invalid.Sql.Value');
  assert.equal(await code(call('CreateAdvancedSearchFile', {})), 'Invalid.Sql.Empty');
  await call('CreateAdvancedSearchFile', { Sql });
  const { url } = await complete('GetAdvancedSearchFile');
  assert.deepEqual(await csv(url), [['ResourceId', 'Name', 'AccessControlList'], ['closed', 'closed', '{"Grant":"private"}'], ['open', 'open', '{"Grant":"public-read"}']]);
  const many = Array.from({ length: 9000 }, (_, n) => ({ accountId: shop, resourceType: 'Test::Many', resourceId: `resource-${n}`, configuration: { text: 'x'.repeat(200), n } }));
  await server.put(many);
  await call('CreateAdvancedSearchFile', { Sql: "SELECT n, text, ResourceId WHERE ResourceType = 'Test::Many'" }, keys[shop]);
  const large = await complete('GetAdvancedSearchFile', {}, keys[shop]);
  const bytes = await download(large.url);
  assert.ok(bytes.length > 1 << 20, 'more than one piece');
  const rows = rowsOf(bytes.toString()).slice(1);
  assert.equal(rows.length, 9000);
  assert.equal(new Set(rows.map((row) => row[0])).size, 9000);
});

test('files of a group show its members, to a member itself alone', async () => {
  assert.equal(await code(call('GenerateAggregateResourceInventory', { AggregatorId: group, AccountIds: organisation.account })), 'InvalidAccountIds');
  await call('GenerateAggregateResourceInventory', { AggregatorId: group, ResourceTypes: 'ACS::OSS::Bucket' });
  const all = await complete('GetAggregateResourceInventory', { AggregatorId: group });
  assert.deepEqual((await csv(all.url)).slice(1).map((row) => row[1]).sort(), ['bank-open', 'shop-open']);
  assert.ok(all.url.includes(`${organisation.account}-${group}-RESOURCE_INVENTORY-`), all.url);
  const as = keys[bank];
  assert.equal((await call('GetAggregateResourceInventory', { AggregatorId: group }, as)).ResourceInventory.Status, 'NONE');
  await call('GenerateAggregateResourceInventory', { AggregatorId: group, ResourceTypes: 'ACS::OSS::Bucket' }, as);
  const own = await complete('GetAggregateResourceInventory', { AggregatorId: group }, as);
  assert.deepEqual((await csv(own.url)).slice(1).map((row) => row[1]), ['bank-open']);
  await call('CreateAggregateAdvancedSearchFile', { AggregatorId: group, Sql: "SELECT AccountId, ResourceId WHERE Name LIKE '%open'" });
  const found = await complete('GetAggregateAdvancedSearchFile', { AggregatorId: group });
  assert.deepEqual((await csv(found.url)).slice(1).sort(), [[shop, 'shop-open'], [bank, 'bank-open']].sort());
  for (const action of ['GenerateAggregateResourceInventory', 'GetAggregateResourceInventory', 'GetAggregateAdvancedSearchFile', 'GetAggregateConfigRulesReport', 'GenerateAggregateConfigRulesReport'])
    assert.equal(await code(call(action, { AggregatorId: 'ca-00000000000000000000' })), 'Invalid.AggregatorId.Value', action);
});

test('a package report is a workbook of rules and what violates them', async () => {
  assert.equal((await call('GetCompliancePackReport', { CompliancePackId: pack })).CompliancePackReport.ReportStatus, 'NONE');
  for (const action of ['GetCompliancePackReport', 'GenerateCompliancePackReport'])
    assert.equal(await code(call(action, { CompliancePackId: 'cp-00000000000000000000' })), 'Invalid.CompliancePackId.Value');
  const ClientToken = 'report-once';
  assert.equal((await call('GenerateCompliancePackReport', { CompliancePackId: pack, ClientToken })).CompliancePackId, pack);
  assert.equal((await call('GenerateCompliancePackReport', { CompliancePackId: pack, ClientToken })).CompliancePackId, pack);
  const report = await complete('GetCompliancePackReport', { CompliancePackId: pack });
  assert.equal(String(report.AccountId), organisation.account);
  assert.match(new URL(report.url).pathname, new RegExp(`/CompliancePackReports/${organisation.account}/${pack}/${organisation.account}-${pack}-report-\\d{12}\\.xls$`));
  const book = sheets(await download(report.url));
  const overview = book.Overview;
  assert.deepEqual(overview.slice(0, 3), [['Name', 'storage'], ['Compliance package ID', pack], ['Account ID', organisation.account]]);
  const rules = overview.slice(-2).map((row) => [row[0], ...row.slice(2)]);
  assert.deepEqual(rules, [['no public reading', '1', 'NON_COMPLIANT', '1', '1'], ['no public writing', '2', 'COMPLIANT', '2', '0']]);
  const [, violation, ...rest] = book['Non-compliant resources'];
  assert.deepEqual(rest, []);
  assert.deepEqual(violation.slice(0, 6), [organisation.account, 'open', 'open', 'ACS::OSS::Bucket', 'cn-hangzhou', 'no public reading']);
  assert.match(violation[9], /public-read/);
});

test('a package report of a group is an archive, on demand with a workbook for each account', async () => {
  const one = { AggregatorId: group, CompliancePackId: groupPack };
  assert.equal(await code(call('GenerateAggregateCompliancePackReport', { ...one, CompliancePackId: pack })), 'Invalid.CompliancePackId.Value');
  await call('GenerateAggregateCompliancePackReport', one);
  const together = await complete('GetAggregateCompliancePackReport', one);
  assert.match(together.url, /report-\d{12}\.zip\?/);
  const [book, ...others] = Object.values(archive(await download(together.url)));
  assert.deepEqual(others, []);
  assert.deepEqual(sheets(book)['Non-compliant resources'].slice(1).map((row) => row[1]).sort(), ['bank-open', 'shop-open']);
  await call('GenerateAggregateCompliancePackReport', { ...one, MultiFiles: true });
  const files = await until(async () => {
    const found = archive(await download((await complete('GetAggregateCompliancePackReport', one)).url));
    return Object.keys(found).length === 2 && found;
  });
  const mine = Object.entries(files).find(([name]) => name.startsWith(bank));
  assert.deepEqual(sheets(mine[1])['Non-compliant resources'].slice(1).map((row) => row[1]), ['bank-open']);
});

test('a rules report holds all rules or those named', async () => {
  assert.equal((await call('GetConfigRulesReport')).ConfigRulesReport.ReportStatus, 'NONE');
  const { ReportId: first } = await call('GenerateConfigRulesReport', { ConfigRuleIds: rule });
  assert.match(first, /^crp-[0-9a-f]{16}$/);
  const named = await complete('GetConfigRulesReport', { ReportId: first });
  const [[name, bytes]] = Object.entries(archive(await download(named.url)));
  assert.match(name, new RegExp(`^${organisation.account}-rules-report-\\d{12}\\.xls$`));
  assert.deepEqual(sheets(bytes).Overview.slice(-1)[0].slice(0, 2), ['single', rule]);
  const { ReportId: second } = await call('GenerateConfigRulesReport');
  const all = await complete('GetConfigRulesReport', {});
  assert.equal(all.ReportId, second);
  const [whole] = Object.values(archive(await download(all.url)));
  assert.equal(sheets(whole)['Non-compliant resources'].length, 3);
  assert.equal((await complete('GetConfigRulesReport', { ReportId: first })).ReportId, first); // earlier ones stay
  assert.equal((await call('GetConfigRulesReport', { ReportId: first }, keys[shop])).ConfigRulesReport.ReportStatus, 'NONE');
  const { ReportId } = await call('GenerateAggregateConfigRulesReport', { AggregatorId: group });
  const grouped = await complete('GetAggregateConfigRulesReport', { AggregatorId: group, ReportId });
  assert.equal(grouped.AggregatorId, group);
  assert.deepEqual(Object.keys(archive(await download(grouped.url))).map((n) => n.split('-')[0]).sort(), [shop, bank].sort());
});

test('a template says what goes into a report and when', async () => {
  const scope = (...pairs) => JSON.stringify(pairs.map(([Key, Value]) => ({ Key, MatchType: 'In', Value })));
  const { ReportTemplateId: id } = await call('CreateReportTemplate', { ReportTemplateName: 'weekly', ReportTemplateDescription: 'for the board',
    ReportScope: scope(['CompliancePackId', pack]), SubscriptionFrequency: '0 0 9 ? * MON', ReportLanguage: 'zh-CN' });
  const shown = (await call('GetReportTemplate', { ReportTemplateId: id })).ReportTemplate;
  assert.deepEqual([shown.ReportTemplateName, shown.ReportFileFormats, shown.ReportGranularity, shown.ReportLanguage, shown.SubscriptionFrequency],
    ['weekly', 'excel', 'AllInOne', 'zh-CN', '0 0 9 ? * MON']);
  const refused = { ReportFileFormats: 'pdf', ReportGranularity: 'Some', ReportLanguage: 'xx', SubscriptionFrequency: '0 0 25 * * ?', ReportScope: scope(['Colour', 'red']), ReportTemplateName: '' };
  for (const [name, value] of Object.entries(refused)) {
    const error = await failure(call('UpdateReportTemplate', { ReportTemplateId: id, [name]: value }));
    assert.equal(error.code, `Invalid${name}`, name);
  }
  assert.equal(await code(call('CreateReportTemplate', { ReportTemplateName: 'x', ReportScope: scope(['AggregatorId', 'ca-00000000000000000000']) })), 'Invalid.AggregatorId.Value');
  for (const action of ['GetReportTemplate', 'UpdateReportTemplate', 'DeleteReportTemplate', 'GenerateReportFromTemplate', 'GetReportFromTemplate', 'TriggerReportSend'])
    for (const as of [undefined, keys[shop]])
      assert.equal(await code(call(action, { ReportTemplateId: as ? id : 'crt-none' }, as)), 'ReportTemplateNotExist', action);

  assert.equal((await call('GetReportFromTemplate', { ReportTemplateId: id })).TemplateReport.Status, 'NONE');
  await call('GenerateReportFromTemplate', { ReportTemplateId: id });
  const report = await complete('GetReportFromTemplate', { ReportTemplateId: id });
  assert.match(report.TemplateReportId, /^crtr-/);
  assert.ok(report.ReportCreateEndTimestamp >= report.ReportCreateStartTimestamp);
  const book = sheets(await download(report.url));
  assert.deepEqual(Object.keys(book), ['概览', '不合规资源']);
  assert.equal(book['概览'].length, 4 + 2);

  await call('UpdateReportTemplate', { ReportTemplateId: id, ReportFileFormats: 'csv', ReportGranularity: 'GroupByAggregator', ReportLanguage: 'en-US',
    ReportScope: scope(['AggregatorId', group]), SubscriptionFrequency: '' });
  const sent = path.join(server.data, 'outbox', `${organisation.account}-${id}.zip`);
  await call('TriggerReportSend', { ReportTemplateId: id });
  await until(() => fs.existsSync(sent));
  const files = archive(fs.readFileSync(sent));
  assert.deepEqual(Object.keys(files).map((name) => name.replace(/.*-report-\d+/, '')).sort(), ['-overview.csv', '-resources.csv']);
  const resources = rowsOf(Object.entries(files).find(([name]) => name.endsWith('resources.csv'))[1].toString());
  assert.deepEqual(resources.slice(1).map((row) => row[1]).sort(), ['bank-open', 'shop-open']);

  await call('UpdateReportTemplate', { ReportTemplateId: id, ReportGranularity: 'GroupByAccount' });
  await call('GenerateReportFromTemplate', { ReportTemplateId: id });
  const byAccount = archive(await download((await complete('GetReportFromTemplate', { ReportTemplateId: id })).url));
  for (const [account, open] of [[bank, 'bank-open'], [shop, 'shop-open']]) {
    const [, text] = Object.entries(byAccount).find(([name]) => name.includes(`-${account}-`) && name.endsWith('resources.csv'));
    assert.deepEqual(rowsOf(text.toString()).slice(1).map((row) => row[1]), [open], 'a part has the resources of its account');
  }

  for (const name of ['second', 'third']) await call('CreateReportTemplate', { ReportTemplateName: name });
  const firstPage = await call('ListReportTemplates', { MaxResults: 2 });
  assert.deepEqual([firstPage.TotalCount, firstPage.ReportTemplateList.length], [3, 2]);
  const secondPage = await call('ListReportTemplates', { MaxResults: 2, NextToken: firstPage.NextToken });
  assert.deepEqual(secondPage.ReportTemplateList.map((t) => t.ReportTemplateName), ['third']);
  assert.equal((await call('ListReportTemplates', { Keyword: 'BOARD' })).TotalCount, 1);
  assert.equal((await call('ListReportTemplates', {}, keys[shop])).TotalCount, 0);
  await call('DeleteReportTemplate', { ReportTemplateId: id });
  assert.equal(await code(call('GetReportFromTemplate', { ReportTemplateId: id })), 'ReportTemplateNotExist');
  assert.equal((await fetch(report.url)).status, 404);
});

test('what was asked for before a crash is made after it', async () => {
  const many = Array.from({ length: 9000 }, (_, n) => ({ accountId: bank, resourceType: 'Test::Many', resourceId: `resource-${n}`, configuration: { n } }));
  await server.put(many);
  const as = keys[bank];
  await call('CreateAdvancedSearchFile', { Sql: "SELECT n WHERE ResourceType = 'Test::Many' ORDER BY n DESC" }, as);
  await server.stop('SIGKILL');
  server = await Server.start({ data: server.data });
  const { url } = await complete('GetAdvancedSearchFile', {}, as);
  const rows = await csv(url);
  assert.deepEqual([rows.length, rows[1][0]], [9001, '8999']);
  assert.deepEqual(fs.readdirSync(path.join(server.data, 'scratch')), []);
});
