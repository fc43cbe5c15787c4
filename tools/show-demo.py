#!/usr/bin/env python3
"""Creates two compliance packages in an account group and prints what they found, all through `plumbline call`.

usage: show-demo.py PROGRAM DATA_DIRECTORY ACCOUNT_GROUP
"""
import collections
import json
import subprocess
import sys
import time

PROGRAM, DATA, GROUP = sys.argv[1:4]
TEMPLATES = [("MLPS level 3", "ct-5f26ff4e06a300c49609"), ("OSS best practice", "ct-a5edff4e06a3004a5e15")]


def call(action, **parameters):
    command = [PROGRAM, "call", action, "--data", DATA, "--format", "json"]
    for name, value in parameters.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{action}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def create_pack(name, template):
    began = time.monotonic()
    pack = call("CreateAggregateCompliancePack", AggregatorId=GROUP, CompliancePackName=name,
                CompliancePackTemplateId=template, DefaultEnable="true", RiskLevel=1)["CompliancePackId"]
    while call("GetAggregateCompliancePack", AggregatorId=GROUP,
               CompliancePackId=pack)["CompliancePack"]["Status"] != "ACTIVE":
        time.sleep(0.1)
    while call("GetServerStatus")["Queues"]["EvaluationRuns"]:
        time.sleep(0.05)
    print(f"{name}: {pack}, evaluated in {time.monotonic() - began:.2f} s")
    return pack


def rules_of(pack):
    page, found = 1, []
    while True:
        answer = call("ListAggregateConfigRules", AggregatorId=GROUP, CompliancePackId=pack, PageSize=100,
                      PageNumber=page)["ConfigRules"]
        found += answer["ConfigRuleList"]
        if len(found) >= answer["TotalCount"] or not answer["ConfigRuleList"]:
            return found
        page += 1


def violations(rule):
    token, found = None, []
    while True:
        parameters = {"AggregatorId": GROUP, "ConfigRuleId": rule["ConfigRuleId"], "ComplianceType": "NON_COMPLIANT",
                      "MaxResults": 100}
        if token:
            parameters["NextToken"] = token
        results = call("ListAggregateConfigRuleEvaluationResults", **parameters)["EvaluationResults"]
        found += results.get("EvaluationResultList", [])
        token = results.get("NextToken")
        if not token:
            return found


def short(text, limit=70):
    return text if len(text) <= limit else text[:limit - 3] + "..."


def reason(annotation):
    try:
        why = json.loads(annotation)
    except ValueError:
        return annotation
    text = f"{why.get('property', '')} is {short(repr(why.get('configuration', '')))}, wanted " \
           f"{why.get('operator', '')} {short(repr(why.get('desiredValue', '')))}"
    return text + (f" ({why['reason']})" if why.get("reason") else "")


def show_rules(rules):
    print(f"\n{'rule':62} {'risk':>4}  {'verdict':14} resources")
    judged = [rule for rule in rules if rule["Compliance"]["ComplianceType"] in ("NON_COMPLIANT", "COMPLIANT")]
    for rule in sorted(judged, key=lambda r: (r["Compliance"]["ComplianceType"] == "COMPLIANT", r["ConfigRuleName"])):
        compliance = rule["Compliance"]
        print(f"{rule['ConfigRuleName'][:62]:62} {rule['RiskLevel']:>4}  {compliance['ComplianceType']:14} "
              f"{compliance['Count']}")
    print(f"{len(rules) - len(judged)} more rules have no resource here that they can judge")


def show_worst(rules):
    broken = collections.defaultdict(list)
    for rule in rules:
        if rule["Compliance"]["ComplianceType"] != "NON_COMPLIANT":
            continue
        for result in violations(rule):
            who = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
            broken[(who["ResourceOwnerId"], who["ResourceType"], who["ResourceId"])].append(
                (rule["RiskLevel"], rule["ConfigRuleName"], reason(result["Annotation"])))
    print(f"\n{sum(map(len, broken.values()))} violations on {len(broken)} resources; the worst of each type:")
    shown = collections.Counter()
    for (account, kind, identifier), reasons in sorted(broken.items(), key=lambda e: (-len(e[1]), min(e[1])[0], e[0])):
        shown[kind] += 1
        if shown[kind] > 1:
            continue
        print(f"  {kind} {identifier} of account {account}")
        for _, name, why in sorted(reasons)[:3]:
            print(f"    {name}: {why}")


def main():
    everything = {}
    packs = [create_pack(name, template) for name, template in TEMPLATES]
    for pack in packs:
        for rule in rules_of(pack):
            everything[rule["ConfigRuleId"]] = rule
    rules = list(everything.values())
    show_rules(rules)
    show_worst(rules)
    summary = call("GetAggregateComplianceSummary", AggregatorId=GROUP)["ComplianceSummary"]
    for title, member in (("rules", "ComplianceSummaryByConfigRule"), ("resources", "ComplianceSummaryByResource")):
        counts = summary[member]
        print(f"{title}: {counts['CompliantCount']} compliant, {counts['NonCompliantCount']} not, "
              f"{counts['TotalCount']} in all")


if __name__ == "__main__":
    main()
