#!/usr/bin/env python3
"""Checks the rule catalogue: the form of its files and the cases of its rules.

    tools/check-catalogue.py [--verbose] [FILE...]

Without FILE every file under catalogue/ is checked, the cross references
between them too. A wrong file or case is one line: file, JSON path, reason.
The last line is "N passed, N failed"; the exit status is 1 when something
failed and 2 when a file cannot be read.
"""

import json
import pathlib
import re
import sys
from decimal import Decimal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from catalogue_reference import form  # noqa: E402
from catalogue_reference.evaluate import Resource, evaluate  # noqa: E402
from catalogue_reference.jsonpath import MISSING  # noqa: E402
from catalogue_reference.operators import OPERATORS, holds, text_of  # noqa: E402

CATALOGUE = pathlib.Path(__file__).resolve().parent.parent / "catalogue"
DEFAULT_NOW = "2026-01-01T00:00:00Z"
ACCOUNT = "ACS::::Account"


def strict_object(pairs):
    """Refuse an object that names a member twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found


def load(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text, object_pairs_hook=strict_object)


def exact(document):
    """The document with its numbers as decimals, as the evaluator wants them."""
    return json.loads(json.dumps(document), parse_float=Decimal, parse_int=Decimal)


class Report:
    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = 0
        self.failed = 0

    def result(self, path, where, reason):
        """Count one check; an empty reason is a pass."""
        if reason:
            self.failed += 1
            print("%s: %s: %s" % (path, where, reason))
            return
        self.passed += 1
        if self.verbose:
            print("%s: %s: ok" % (path, where))

    def form(self, path, errors):
        errors = list(errors)
        for where, reason in errors:
            self.result(path, where, reason)
        if not errors:
            self.result(path, "$", "")
        return not errors


def run_cases(path, rule, report):
    for index, case in enumerate(rule["cases"]):
        document = exact(case)
        resource = Resource(document["configuration"], item_of(rule, document), document.get("related", {}),
                            case.get("now", DEFAULT_NOW))
        verdict, reason = evaluate(rule, resource, case.get("parameters", {}))
        wrong = "" if verdict == case["expect"] else "%s: expected %s, got %s %s" % (
            case["name"], case["expect"], verdict, reason)
        report.result(path, "$.cases[%d]" % index, wrong.strip())


def item_of(rule, case):
    kind = case.get("resourceType", rule["resourceTypes"][0])
    return {"resourceType": kind, **case.get("item", {})}


def check_operators(path, document, report):
    for index, operator in enumerate(document["operators"]):
        if operator["name"] not in OPERATORS:
            report.result(path, "$.operators[%d].name" % index, "has no implementation")
            continue
        for number, example in enumerate(exact(operator["examples"])):
            value = MISSING if example["featureValue"] == "<missing>" else example["featureValue"]
            got = holds(operator["name"], value, text_of(example.get("desired")), example.get("now", DEFAULT_NOW))
            wrong = "" if got == example["result"] else "%s: expected %s" % (operator["name"], example["result"])
            report.result(path, "$.operators[%d].examples[%d]" % (index, number), wrong)


def check_coverage(path, rule, report):
    """Three cases at least, and each verdict that logic can give is shown."""
    shown = {case["expect"] for case in rule["cases"]}
    if "missing" in rule:
        report.result(path, "$.cases", "" if shown == {"INSUFFICIENT_DATA"} else "only INSUFFICIENT_DATA can result")
        return
    lacking = {"COMPLIANT", "NON_COMPLIANT"} - shown
    if "appliesWhen" in rule:
        lacking |= {"NOT_APPLICABLE"} - shown
    if {"requiredProperties", "requiredRelated", "sufficientWhen"} & rule.keys():
        lacking |= {"INSUFFICIENT_DATA"} - shown
    if len(rule["cases"]) < 3:
        lacking.add("a third case")
    report.result(path, "$.cases", "no case shows " + ", ".join(sorted(lacking)) if lacking else "")


def related_types(rule):
    for member in form.TREES:
        for clause in form.clauses(rule.get(member)):
            if clause["featureSource"].startswith("RELATED:"):
                yield clause["featureSource"][len("RELATED:"):]
    yield from rule.get("requiredRelated", [])


def connected(types, source, target):
    def names(one, other):
        return any(relation["target"] == other for relation in types.get(one, {}).get("relations", []))
    return source == ACCOUNT or names(source, target) or names(target, source)


def check_references(path, rule, types, report):
    """A rule speaks of known types, and of related types that relations reach."""
    for kind in rule["resourceTypes"]:
        if kind != "*" and kind not in types:
            report.result(path, "$.resourceTypes", "no file describes %s" % kind)
    for target in sorted(set(related_types(rule))):
        if target not in types:
            report.result(path, "$", "no file describes %s" % target)
        for source in rule["resourceTypes"]:
            if not connected(types, source, target):
                report.result(path, "$", "no relation connects %s and %s" % (source, target))


def first_members(text):
    """The members of the configuration with which a path begins."""
    plain = re.match(r"\$\.([\w-]+)", text)
    return [plain.group(1)] if plain else re.findall(r"'([\w-]+)'", text.split("]")[0])


def check_supplements(path, rule, types, report):
    """What a recorded configuration may lack is never judged without being asked for."""
    asked = [clause["featurePath"] for clause in form.clauses(rule.get("sufficientWhen"))]
    required = " ".join(rule.get("requiredProperties", []) + asked)
    for clause in (clause for member in form.TREES for clause in form.clauses(rule.get(member))):
        source = clause["featureSource"]
        text = clause["featurePath"] if source == "CONFIGURATION" else source[len("CONFIGURATION_FIELD_"):]
        if not source.startswith("CONFIGURATION") or source == "CONFIGURATION_ITEM":
            continue
        for kind in rule["resourceTypes"]:
            entries = types.get(kind, {}).get("properties", [])
            recorded = {entry["key"].split(".")[0] for entry in entries if not entry.get("supplement")}
            for member in first_members(text):
                if entries and member not in recorded and not re.search(r"\b%s\b" % re.escape(member), required):
                    report.result(path, "$.requiredProperties", "%s may lack %s" % (kind, member))


def check_file(path, document, everything, report):
    room = path.resolve().parent.name
    rules, types = everything
    if room == "packs":
        report.form(path, form.pack_errors(document, path.stem, rules))
    elif room == "types":
        report.form(path, form.type_errors(document, path.name[:-len(".json")]))
    elif room == "remediations":
        report.form(path, form.remediation_errors(document, path.stem, rules))
    elif room == "terraform":
        report.form(path, form.terraform_errors(document, path.stem, types))
    elif room == "orchestration":
        report.form(path, form.orchestration_errors(document, path.stem, types))
    elif path.name == "extension-operators.json":
        check_operators(path, document, report)
    elif report.form(path, form.rule_errors(document, path.stem)):
        check_coverage(path, document, report)
        run_cases(path, document, report)
        if types:
            check_references(path, document, types, report)
            check_supplements(path, document, types, report)


def main(arguments):
    verbose = "--verbose" in arguments
    named = [pathlib.Path(argument) for argument in arguments if argument != "--verbose"]
    paths = named or sorted(CATALOGUE.rglob("*.json"))
    report, documents = Report(verbose), {}
    for path in paths:
        try:
            documents[path] = load(path)
        except (OSError, ValueError) as error:
            print("%s: $: %s" % (path, error), file=sys.stderr)
            return 2
    rooms = {name: {} for name in ("rules", "types")}
    if not named:
        for path, document in documents.items():
            rooms.get(path.parent.name, {})[document.get("identifier") or document.get("type")] = document
    for path, document in documents.items():
        check_file(path, document, (rooms["rules"], rooms["types"]), report)
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
