// The policies and requests of bench_policy put to casbin and Cedar, decisions per second on one core. Both must
// allow as many requests as bench_policy does.
//
// usage: node policy.mjs PATH_TO_BENCH_POLICY
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";

const require = createRequire(import.meta.url);
const { newEnforcer, newModelFromString } = require("casbin");
const cedar = require("@cedar-policy/cedar-wasm/nodejs");

const program = process.argv[2];
if (!program) {
  console.error("usage: node policy.mjs PATH_TO_BENCH_POLICY");
  process.exit(2);
}
const run = (...args) => execFileSync(program, args, { maxBuffer: 1 << 28 }).toString();
const work = JSON.parse(run("--dump"));
const list = (value) => (Array.isArray(value) ? value : [value]);
const statements = work.policies.flatMap((policy) => policy.Statement);

// What the statements' conditions ask; anything else would be a mistake in this file.
const number = (ip) => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const inRange = (ip, range) => {
  const [base, bits] = range.split("/");
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(ip) / size) === Math.floor(number(base) / size);
};
const tests = {
  IpAddress: (actual, wanted) => list(wanted).some((range) => inRange(actual, range)),
  StringEquals: (actual, wanted) => list(wanted).includes(actual),
  DateLessThan: (actual, wanted) => Date.parse(actual) < Date.parse(wanted),
};
const holds = (condition, context) =>
  Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => context[key] !== undefined && tests[operator](context[key], wanted)));

async function casbin() {
  const globs = new Map();
  const matches = (text, glob) => {
    if (!globs.has(glob))
      globs.set(glob, new RegExp(`^${glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`));
    return globs.get(glob).test(text);
  };
  const enforcer = await newEnforcer(newModelFromString(`
[request_definition]
r = action, resource, context
[policy_definition]
p = action, resource, statement, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = matches(r.action, p.action) && matches(r.resource, p.resource) && holds(p.statement, r.context)`));
  await enforcer.addFunction("matches", matches);
  await enforcer.addFunction("holds", (at, context) => holds(statements[at].Condition, context));
  for (const [at, statement] of statements.entries())
    for (const action of list(statement.Action))
      for (const resource of list(statement.Resource))
        await enforcer.addPolicy(action, resource, String(at), statement.Effect === "Allow" ? "allow" : "deny");
  return (request) => enforcer.enforceSync(request.action, request.resource, work.context);
}

// Cedar's `like` knows `*` only; the requests tell `?` and `*` not apart.
function cedarTest(operator, key, wanted) {
  const field = `context["${key}"]`;
  const any = (one) => `(${list(wanted).map(one).join(" || ")})`;
  if (operator === "IpAddress") return any((range) => `${field}.isInRange(ip("${range}"))`);
  if (operator === "StringEquals") return any((text) => `${field} == "${text}"`);
  return any((time) => `${field} < datetime("${time}")`);
}

function cedarPolicy(statement) {
  const like = (field, globs) => `(${list(globs).map((glob) => `context.${field} like "${glob.replace(/\?/g, "*")}"`).join(" || ")})`;
  const parts = [like("action", statement.Action), like("resource", statement.Resource)];
  for (const [operator, keys] of Object.entries(statement.Condition ?? {}))
    for (const [key, wanted] of Object.entries(keys)) parts.push(`context has "${key}" && ${cedarTest(operator, key, wanted)}`);
  return `${statement.Effect === "Allow" ? "permit" : "forbid"}(principal, action, resource) when { ${parts.join(" && ")} };`;
}

async function cedarPeer() {
  const parsed = cedar.preparsePolicySet("bench", { staticPolicies: statements.map(cedarPolicy).join("\n") });
  if (parsed.type !== "success") throw new Error(JSON.stringify(parsed.errors));
  const context = {};
  for (const [key, value] of Object.entries(work.context)) context[key] = value;
  context["acs:SourceIp"] = { __extn: { fn: "ip", arg: work.context["acs:SourceIp"] } };
  context["acs:CurrentTime"] = { __extn: { fn: "datetime", arg: work.context["acs:CurrentTime"] } };
  const entity = { type: "Any", id: "one" };
  return (request) => {
    const answer = cedar.statefulIsAuthorized({
      principal: entity, action: { type: "Action", id: "any" }, resource: entity, entities: [],
      context: { ...context, action: request.action, resource: request.resource },
      preparsedPolicySetId: "bench", validateRequest: false,
    });
    if (answer.type !== "success" || answer.response.diagnostics.errors.length) throw new Error(JSON.stringify(answer));
    return answer.response.decision === "allow";
  };
}

const rounds = 7;
const seconds = 0.4;
function measure(decide) {
  const rates = [];
  for (let round = 0; round < rounds; round++) {
    const began = process.cpuUsage().user;
    let done = 0;
    while (process.cpuUsage().user - began < seconds * 1e6) {
      for (const request of work.requests) decide(request);
      done += work.requests.length;
    }
    rates.push(done / ((process.cpuUsage().user - began) / 1e6));
  }
  return rates.sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

const own = /50 statements and 0 .*: (\d+) decisions\/s, (\d+) of/.exec(run());
let best = 0;
for (const [name, make] of [["casbin", casbin], ["cedar-wasm", cedarPeer]]) {
  const decide = await make();
  const allowed = work.requests.filter(decide).length;
  if (allowed !== Number(own[2])) throw new Error(`${name} allows ${allowed} requests, plumbline ${own[2]}`);
  const rate = measure(decide);
  best = Math.max(best, rate);
  console.log(`${name.padEnd(12)} ${rate.toFixed(0).padStart(9)} decisions/s`);
}
console.log(`${"plumbline".padEnd(12)} ${own[1].padStart(9)} decisions/s`);
console.log(`policy decisions: plumbline / the best of them: ${(Number(own[1]) / best).toFixed(1)} times`);
