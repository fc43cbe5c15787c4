// The documents and managed rules of bench_evaluate put to other engines, one core each, documents per second
// from JSON text to the verdicts of 20 rules. Every engine must count the same violations per rule.
//
// usage: node evaluate.mjs PATH_TO_BENCH_EVALUATE
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";

const require = createRequire(import.meta.url);
const { Engine } = require("json-rules-engine");
const jmespath = require("jmespath");
const { ZenEngine } = require("@gorules/zen-engine");

const program = process.argv[2];
if (!program) {
  console.error("usage: node evaluate.mjs PATH_TO_BENCH_EVALUATE");
  process.exit(2);
}
const run = (...args) => execFileSync(program, args, { maxBuffer: 1 << 28 }).toString();
const work = JSON.parse(run("--dump"));
const texts = work.documents.map((document) => JSON.stringify(document));
const expected = work.verdicts.map((counts) => counts[1]);

// A rule with its parameters in place: [applies, required paths, condition] as plain trees.
function resolve(tree, parameters) {
  if (tree.children?.length) return { any: tree.operator === "or", children: tree.children.map((c) => resolve(c, parameters)) };
  const desired = String(tree.desired ?? "").replace(/\$\{(\w+)\}/g, (_, name) => parameters[name] ?? "");
  const clause = { operator: tree.operator, path: tree.featurePath, desired };
  if (tree.featureSource === "PARAMETER") {
    const value = parameters[tree.featurePath.slice(2)];
    return { constant: tests[tree.operator](value, desired) };
  }
  const filter = /^(.*)\[\?\(@\.(\w+)=='([^']*)'\)\]$/.exec(tree.featurePath);
  if (filter) Object.assign(clause, { path: filter[1], filter: { key: filter[2], value: filter[3] } });
  clause.steps = clause.path.slice(2).split(".");
  return clause;
}

const list = (desired) => desired.split(",");
const day = 86400000;
const tests = {
  StringEquals: (v, d) => v != null && String(v).toLowerCase() === d.toLowerCase(),
  NotStringEquals: (v, d) => !tests.StringEquals(v, d),
  StringIn: (v, d) => v != null && list(d).some((one) => one.toLowerCase() === String(v).toLowerCase()),
  NotStringIn: (v, d) => !tests.StringIn(v, d),
  GreaterOrEquals: (v, d) => v != null && Number(v) >= Number(d),
  Less: (v, d) => v != null && Number(v) < Number(d),
  Intersects: (v, d) => Array.isArray(v) && v.some((one) => list(d).includes(one)),
  IsEmpty: (v) => v == null || (Array.isArray(v) && v.length === 0),
  IsNotEmpty: (v) => v != null && v.length !== 0,
  IsStringEmpty: (v) => v == null || v === "",
  IsNotStringEmpty: (v) => v != null && v !== "",
  ArrayLengthLessOrEquals: (v, d) => (Array.isArray(v) ? v.length : v == null ? 0 : 1) <= Number(d),
  DaysUntilGreaterOrEquals: (v, d) => Date.parse(v) - work.now >= Number(d) * day,
};

// Members a rule needs, as lists of steps of which one has to lead to a value: $.A.B, or the union $['A','B'].
const alternatives = (path) =>
  path.startsWith("$['") ? [...path.matchAll(/'([^']*)'/g)].map((name) => [name[1]]) : [path.slice(2).split(".")];

const rules = work.rules.map((rule) => ({
  name: rule.name,
  applies: rule.applies && resolve(rule.applies, rule.parameters),
  required: (rule.required ?? []).map(alternatives),
  condition: resolve(rule.condition, rule.parameters),
}));

// Plain Node: closures over the parsed document.
const find = (steps) => (document) => {
  let value = document;
  for (const step of steps) value = value?.[step];
  return value;
};
function closure(tree) {
  if ("constant" in tree) return () => tree.constant;
  if (tree.children) {
    const children = tree.children.map(closure);
    return tree.any ? (d) => children.some((c) => c(d)) : (d) => children.every((c) => c(d));
  }
  const value = find(tree.steps), test = tests[tree.operator], { filter, desired } = tree;
  if (!filter) return (d) => test(value(d), desired);
  return (d) => test((value(d) ?? []).filter((one) => one[filter.key] === filter.value), desired);
}
const closures = rules.map((rule) => {
  const condition = closure(rule.condition), applies = rule.applies ? closure(rule.applies) : () => true;
  const required = rule.required.map((some) => some.map(find));
  return (d) => applies(d) && required.every((some) => some.some((one) => one(d) != null)) && !condition(d);
});
function plain(text, counts) {
  const document = JSON.parse(text);
  for (let i = 0; i < closures.length; i++) if (closures[i](document)) counts[i]++;
}

// json-rules-engine: one engine with 20 rules, an event for each violation.
function conditions(tree) {
  if ("constant" in tree) return { fact: "InstanceId", operator: "constant", value: tree.constant };
  if (tree.children) return { [tree.any ? "any" : "all"]: tree.children.map(conditions) };
  const [fact, ...rest] = tree.steps;
  const path = rest.length ? { path: "$." + rest.join(".") } : {};
  return { fact, ...path, operator: tree.operator, value: { desired: tree.desired, filter: tree.filter } };
}
const engine = new Engine([], { allowUndefinedFacts: true });
engine.addOperator("constant", (_, value) => value);
engine.addOperator("present", (value) => value != null);
for (const [name, test] of Object.entries(tests))
  engine.addOperator(name, (value, { desired, filter }) =>
    test(filter ? (value ?? []).filter((one) => one[filter.key] === filter.value) : value, desired));
rules.forEach((rule, number) => {
  const all = [{ not: { all: [conditions(rule.condition)] } }];
  const isPresent = ([fact, ...rest]) => ({
    fact, ...(rest.length ? { path: "$." + rest.join(".") } : {}), operator: "present", value: true,
  });
  for (const some of rule.required) all.unshift({ any: some.map(isPresent) });
  if (rule.applies) all.unshift(conditions(rule.applies));
  engine.addRule({ conditions: { all }, event: { type: "violation", params: { number } } });
});
async function jsonRules(text, counts) {
  const { events } = await engine.run(JSON.parse(text));
  for (const event of events) counts[event.params.number]++;
}

// JMESPath and ZEN: an expression per rule that is true for a violation. Neither folds letter case, so they do less.
const quote = (text) => `'${text}'`;
const literal = (text) => (/^(true|false)$/i.test(text) ? "`" + text.toLowerCase() + "`" : quote(text));
const jmes = {
  StringEquals: (v, d) => `${v} == ${literal(d)}`,
  NotStringEquals: (v, d) => `${v} != ${literal(d)}`,
  StringIn: (v, d) => `contains(\`${JSON.stringify(list(d))}\`, ${v})`,
  NotStringIn: (v, d) => `!contains(\`${JSON.stringify(list(d))}\`, ${v})`,
  GreaterOrEquals: (v, d) => `${v} >= \`${d}\``,
  Less: (v, d) => `${v} < \`${d}\``,
  Intersects: (v, d) => `${v}[?contains(\`${JSON.stringify(list(d))}\`, @)]`,
  IsEmpty: (v) => `!(${v})`,
  IsNotEmpty: (v) => `${v}`,
  IsStringEmpty: (v) => `!(${v})`,
  IsNotStringEmpty: (v) => `${v}`,
  ArrayLengthLessOrEquals: (v, d) => `length(${v}) <= \`${d}\``,
  DaysUntilGreaterOrEquals: (v, d) => {
    const limit = quote(new Date(work.now + d * day).toISOString().slice(0, 16) + "Z");
    return `sort([${v}, ${limit}])[0] == ${limit}`;
  },
};
const zen = {
  StringEquals: (v, d) => `${v} == ${/^(true|false)$/i.test(d) ? d.toLowerCase() : quote(d)}`,
  NotStringEquals: (v, d) => `${v} != ${quote(d)}`,
  StringIn: (v, d) => `${v} in [${list(d).map(quote)}]`,
  NotStringIn: (v, d) => `${v} not in [${list(d).map(quote)}]`,
  GreaterOrEquals: (v, d) => `${v} >= ${d}`,
  Less: (v, d) => `${v} < ${d}`,
  Intersects: (v, d) => `some(${v}, # in [${list(d).map(quote)}])`,
  IsEmpty: (v) => `len(${v}) == 0`,
  IsNotEmpty: (v) => `len(${v}) > 0`,
  IsStringEmpty: (v) => `(${v} == null or ${v} == '')`,
  IsNotStringEmpty: (v) => `(${v} != null and ${v} != '')`,
  ArrayLengthLessOrEquals: (v, d) => `len(${v}) <= ${d}`,
  DaysUntilGreaterOrEquals: (v, d) => `date(${v}[0:9]) >= ${Math.floor(work.now / 1000) + d * 86400}`,
};
function expression(tree, operators, words) {
  if ("constant" in tree) return words.constant(tree.constant);
  if (tree.children)
    return "(" + tree.children.map((c) => expression(c, operators, words)).join(tree.any ? words.or : words.and) + ")";
  const value = tree.filter ? words.filter(tree.steps.join("."), tree.filter) : tree.steps.join(".");
  return operators[tree.operator](value, tree.desired);
}
function violation(rule, operators, words) {
  const parts = [];
  if (rule.applies) parts.push(expression(rule.applies, operators, words));
  for (const some of rule.required)
    parts.push("(" + some.map((steps) => words.present(steps.join("."))).join(words.or) + ")");
  parts.push(words.not(expression(rule.condition, operators, words)));
  return parts.join(words.and);
}
const jmesWords = {
  and: " && ", or: " || ", not: (e) => `!(${e})`, present: (v) => `${v} != null`, constant: (c) => "`" + c + "`",
  filter: (v, f) => `${v}[?${f.key}=='${f.value}']`,
};
const zenWords = {
  and: " and ", or: " or ", not: (e) => `not (${e})`, present: (v) => `${v} != null`, constant: String,
  filter: (v, f) => `filter(${v}, #.${f.key} == '${f.value}')`,
};
// A list or text is true in JavaScript even when it is empty, so the answer is made a boolean.
const jmesRules = rules.map((rule) => `!(!(${violation(rule, jmes, jmesWords)}))`);
function jmesPath(text, counts) {
  const document = JSON.parse(text);
  for (let i = 0; i < jmesRules.length; i++) if (jmespath.search(document, jmesRules[i])) counts[i]++;
}
const decision = new ZenEngine().createDecision({
  nodes: [
    { id: "in", name: "in", type: "inputNode" },
    {
      id: "rules", name: "rules", type: "expressionNode",
      content: {
        expressions: rules.map((rule, i) => ({ id: String(i), key: "r" + i, value: violation(rule, zen, zenWords) })),
      },
    },
    { id: "out", name: "out", type: "outputNode" },
  ],
  edges: [
    { id: "a", sourceId: "in", targetId: "rules", type: "edge" },
    { id: "b", sourceId: "rules", targetId: "out", type: "edge" },
  ],
});
async function zenEngine(text, counts) {
  const { result } = await decision.evaluate(JSON.parse(text));
  for (let i = 0; i < rules.length; i++) if (result["r" + i]) counts[i]++;
}

// Documents per second: whole passes for about `seconds`, the best of three.
async function rate(evaluate, seconds) {
  let best = 0;
  for (let round = 0; round < 3; round++) {
    const began = process.hrtime.bigint();
    let done = 0, elapsed = 0;
    while (elapsed < seconds) {
      const counts = rules.map(() => 0);
      for (const text of texts) {
        const pending = evaluate(text, counts);
        if (pending) await pending;
      }
      done += texts.length;
      elapsed = Number(process.hrtime.bigint() - began) / 1e9;
      counts.forEach((count, i) => {
        if (count !== expected[i]) throw new Error(`${rules[i].name}: ${count} violations, expected ${expected[i]}`);
      });
    }
    best = Math.max(best, done / elapsed);
  }
  return best;
}

const peers = { "plain Node": plain, "json-rules-engine": jsonRules, jmespath: jmesPath, "@gorules/zen-engine": zenEngine };
const rates = {};
for (const [name, evaluate] of Object.entries(peers)) {
  try {
    rates[name] = await rate(evaluate, 1.5);
  } catch (error) {
    console.log(`${name}: failed: ${error.message}`);
    process.exitCode = 1;
  }
}
const own = Number(run("--rate"));
const best = Math.max(...Object.values(rates));
for (const [name, one] of Object.entries(rates)) console.log(`${name.padEnd(22)} ${one.toFixed(0).padStart(9)} documents/s`);
console.log(`${"plumbline".padEnd(22)} ${own.toFixed(0).padStart(9)} documents/s, ${(own / best).toFixed(1)} times the best of them (target 5)`);
