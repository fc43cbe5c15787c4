// What operations say of themselves (api/*.json) against the models of the official clients: names, nesting and types of
// answers and of parameters. A typed client fails on a number where its model has a text.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './paths.mjs';

const require = createRequire(import.meta.url);
const NUMBERS = { int32: 'number', int64: 'number' };

/** The type of a member in a model: 'string', 'number', 'boolean', 'array', 'map' or 'object'. */
const typeInModel = (type) => (typeof type === 'string' ? type : type.type ?? 'object');
/** The type of a node of a response tree in the same words. */
const typeInTree = (node) => (typeof node === 'string' ? NUMBERS[node] ?? node : Array.isArray(node) ? 'array' : 'object');

/** Where the tree has not what the model has, one text each. Members that only the tree has are added by `extra`. */
function* differences(type, node, at, extra) {
  const wanted = typeInModel(type);
  if (wanted !== typeInTree(node) && !(wanted === 'map' && typeInTree(node) === 'object')) yield `${at}: ${wanted} in the model, ${typeInTree(node)} here`;
  else if (wanted === 'array') yield* differences(type.itemType, node[0], `${at}[]`, extra);
  else if (wanted === 'object') yield* differencesOfMembers(type, node, at, extra);
}

function* differencesOfMembers(model, tree, at, extra) {
  const types = model.types();
  for (const [member, name] of Object.entries(model.names())) {
    if (name in tree) yield* differences(types[member], tree[name], `${at}.${name}`, extra);
    else yield `${at}.${name} is missing`;
  }
  extra.push(...Object.keys(tree).filter((name) => !Object.values(model.names()).includes(name)).map((name) => `${at}.${name}`));
}

/** Of parameters: a text may be taken apart here, as lists with commas are. */
function* differencesOfParameters(model, parameters, at, extra) {
  const types = model?.types() ?? {};
  const names = model?.names() ?? {};
  for (const [member, name] of Object.entries(names)) {
    const own = parameters.find((one) => one.name === name);
    if (!own) yield `${at} ${name} is missing`;
    else if (typeInModel(types[member]) !== (own.wire === 'csv' ? 'string' : NUMBERS[own.type] ?? own.type)) yield `${at} ${name}: ${typeInModel(types[member])} in the model, ${own.type} here`;
  }
  extra.push(...parameters.filter((one) => !Object.values(names).includes(one.name)).map((one) => `${at} ${one.name}`));
}

// What newer documents have and the models do not yet.
const NEWER = ['CreateControlPolicy.ControlPolicy.ControlPolicyType', 'CreateControlPolicy Tag', 'CreateResourceAccount Tags',
  'InviteAccountToResourceDirectory ParentFolderId'];

for (const [folder, client, least] of [['resourcemanager/2020-03-31', '@alicloud/resourcemanager20200331', 110],
  ['ram/2015-05-01', '@alicloud/ram20150501', 55], ['sts/2015-04-01', '@alicloud/sts20150401', 4]])
  test(`${folder} has the models of ${client}`, () => {
    const models = require(client);
    const files = fs.readdirSync(path.join(root, 'api', folder)).filter((name) => name !== 'product.json');
    const extra = [];
    const wrong = files.flatMap((file) => {
      const name = path.basename(file, '.json');
      const { response, parameters } = JSON.parse(fs.readFileSync(path.join(root, 'api', folder, file), 'utf8'));
      return [...differences(models[`${name}ResponseBody`], response, name, extra), ...differencesOfParameters(models[`${name}Request`], parameters, name, extra)];
    });
    assert.ok(files.length >= least);
    assert.deepEqual(wrong, []);
    assert.deepEqual(extra.filter((one) => !NEWER.includes(one)), []);
  });
