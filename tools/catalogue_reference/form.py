"""The form of the catalogue's files.

Owns what a file must look like. Every check yields (JSON path, reason) pairs
and never stops at the first one. The rules are the ones that
catalogue/README.md states for people.
"""

import re

from . import jsonpath
from .evaluate import PLACEHOLDER
from .operators import OPERATORS, UNARY

TRIGGERS = {"ConfigurationItemChangeNotification", "ScheduledNotification"}
FREQUENCIES = {"One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"}
VERDICTS = {"COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"}
TYPE = re.compile(r"[A-Za-z0-9]+::[A-Za-z0-9]*::[A-Za-z0-9.]+")
IDENTIFIER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TEMPLATE = re.compile(r"ct-[0-9a-f]{16,20}")
ITEM_MEMBERS = {"accountId", "regionId", "availabilityZone", "resourceId", "resourceName", "resourceStatus",
                "resourceType", "resourceGroupId", "resourceCreateTime", "tags"}
RELATIONS = {"IsContained", "IsAttachedTo", "IsAssociatedIn", "Contains"}
KINDS = {"String", "Number", "Boolean", "Array", "Object"}
MAX_LEVELS, MAX_CLAUSES, MAX_CHILDREN, MAX_PATH, MAX_DESIRED = 5, 50, 20, 512, 4096

# member: (required, Python type)
RULE = {
    "identifier": (True, str), "name": (True, str), "description": (True, str), "resourceTypes": (True, list),
    "triggers": (True, list), "maximumExecutionFrequency": (False, str), "riskLevel": (True, int),
    "labels": (True, list), "parameters": (False, list), "supportsPreview": (False, bool),
    "remediationTemplate": (False, str), "annotationOperator": (False, str), "source": (True, dict),
    "appliesWhen": (False, dict), "sufficientWhen": (False, dict), "requiredProperties": (False, list), "requiredRelated": (False, list),
    "condition": (False, dict), "missing": (False, str), "cases": (True, list),
}
TREES = ("appliesWhen", "sufficientWhen", "condition")
SOURCE = {"identifierStatus": (True, str), "confidence": (True, str), "inferred": (False, list), "note": (False, str)}
PARAMETER = {"name": (True, str), "required": (True, bool), "default": (False, str), "description": (True, str)}
CASE = {"name": (True, str), "expect": (True, str), "resourceType": (False, str), "parameters": (False, dict),
        "configuration": (True, (dict, type(None))), "item": (False, dict), "related": (False, dict),
        "now": (False, str)}
PACK = {"templateId": (True, str), "key": (True, str), "name": (True, str), "alias": (False, str),
        "description": (True, str), "riskLevel": (True, int), "filterType": (False, str),
        "rules": (True, list), "source": (True, dict)}
PACK_SOURCE = {"idStatus": (True, str), "rulesComplete": (True, bool), "note": (False, str)}
PACK_RULE = {"identifier": (True, str), "parameters": (False, dict), "riskLevel": (False, int),
             "defaultEnable": (False, bool)}
KIND = {"type": (True, str), "product": (True, str), "productName": (True, str), "name": (True, str),
        "idExample": (False, str), "arnPattern": (False, str), "global": (True, bool), "aliases": (True, list),
        "source": (True, dict), "properties": (True, list), "sample": (False, dict), "relations": (True, list)}
KIND_SOURCE = {"evidence": (True, list), "arn": (False, str), "global": (False, str), "configuration": (False, str),
               "configurationStatus": (False, str), "sample": (False, str)}
PROPERTY = {"key": (True, str), "type": (True, str), "path": (False, str), "title": (False, str),
            "searchable": (False, bool), "supplement": (False, bool)}
RELATION = {"relation": (True, str), "target": (True, str), "path": (False, str), "pathOn": (False, str),
            "documented": (True, bool), "note": (False, str)}
TERRAFORM = {"terraformType": (True, str), "resourceType": (True, str), "deprecatedAliases": (False, list),
             "entryOf": (False, dict), "constants": (False, dict), "attributes": (True, list), "otherAttributes": (False, list), "elsewhere": (False, list)}
ATTRIBUTE = {"attribute": (True, str), "path": (True, str), "type": (True, str), "values": (False, dict),
             "when": (False, dict), "supplement": (False, bool)}
ORCHESTRATION = {"orchestrationType": (True, str), "resourceType": (True, str), "properties": (True, list)}
MOVED = {"property": (True, str), "path": (True, str), "values": (False, dict), "each": (False, dict), "list": (False, bool)}
ENTRY_OF = {"path": (True, str), "attribute": (True, str), "parentPath": (True, str)}
OTHER = {"attribute": (True, str), "property": (False, str)}
ELSEWHERE = {"attribute": (True, str), "resourceType": (True, str), "path": (True, str), "where": (True, dict),
             "parentPath": (True, str)}


def members(value, expected, path):
    """Unknown, missing and wrongly typed members of one object."""
    if not isinstance(value, dict):
        yield path, "must be an object"
        return
    for name in value:
        if name not in expected:
            yield path, "unknown member %s" % name
    for name, (required, kind) in expected.items():
        if name not in value:
            if required:
                yield path, "member %s is missing" % name
        elif not isinstance(value[name], kind) or (kind is int and isinstance(value[name], bool)):
            yield "%s.%s" % (path, name), "has the wrong type"


def each(value, expected, path):
    for index, element in enumerate(value if isinstance(value, list) else []):
        yield from members(element, expected, "%s[%d]" % (path, index))


def texts(values, path, allowed):
    for index, value in enumerate(values):
        if not isinstance(value, str) or not allowed(value):
            yield "%s[%d]" % (path, index), "unexpected value %s" % (value,)


def path_errors(text, path):
    try:
        jsonpath.parse(text)
    except jsonpath.PathError as error:
        yield path, str(error)
    if len(text) > MAX_PATH:
        yield path, "longer than %d characters" % MAX_PATH


def is_type(text):
    return TYPE.fullmatch(text) is not None


def tree_errors(node, path, names, level=1):
    if not isinstance(node, dict):
        yield path, "must be an object"
    elif node.get("operator") in ("and", "or"):
        yield from members(node, {"operator": (True, str), "children": (True, list)}, path)
        children = node.get("children")
        if not isinstance(children, list) or not 1 <= len(children) <= MAX_CHILDREN:
            yield path + ".children", "must hold 1 to %d nodes" % MAX_CHILDREN
            return
        if level > MAX_LEVELS:
            yield path, "more than %d levels" % MAX_LEVELS
        for index, child in enumerate(children):
            yield from tree_errors(child, "%s.children[%d]" % (path, index), names, level + 1)
    else:
        yield from clause_errors(node, path, names)


def clause_errors(clause, path, names):
    expected = {"operator": (True, str), "featurePath": (True, str), "featureSource": (True, str),
                "desired": (False, str)}
    found = list(members(clause, expected, path))
    yield from found
    if found:
        return
    if clause["operator"] not in OPERATORS:
        yield path + ".operator", "unknown operator %s" % clause["operator"]
    elif clause["operator"] not in UNARY and "desired" not in clause:
        yield path, "operator %s needs desired" % clause["operator"]
    yield from path_errors(clause["featurePath"], path + ".featurePath")
    yield from source_errors(clause["featureSource"], path + ".featureSource")
    if clause["featureSource"] == "PARAMETER" and clause["featurePath"][2:] not in names:
        yield path + ".featurePath", "no such parameter"
    desired = clause.get("desired", "")
    if len(desired) > MAX_DESIRED:
        yield path + ".desired", "longer than %d characters" % MAX_DESIRED
    for name in PLACEHOLDER.findall(desired):
        if name not in names:
            yield path + ".desired", "no parameter is named %s" % name


def source_errors(source, path):
    if source in ("CONFIGURATION", "CONFIGURATION_ITEM", "PARAMETER"):
        return
    if source.startswith("CONFIGURATION_FIELD_"):
        yield from path_errors(source[len("CONFIGURATION_FIELD_"):], path)
    elif not (source.startswith("RELATED:") and is_type(source[len("RELATED:"):])):
        yield path, "unknown feature source %s" % source


def clauses(node):
    if node is None:
        return
    if node.get("operator") in ("and", "or"):
        for child in node["children"]:
            yield from clauses(child)
    else:
        yield node


def rule_errors(rule, stem):
    found = list(members(rule, RULE, "$"))
    yield from found
    if found:
        return
    if rule["identifier"] != stem or not IDENTIFIER.fullmatch(stem):
        yield "$.identifier", "must equal the file name"
    yield from texts(rule["resourceTypes"], "$.resourceTypes", lambda t: t == "*" or is_type(t))
    yield from texts(rule["triggers"], "$.triggers", TRIGGERS.__contains__)
    if ("ScheduledNotification" in rule["triggers"]) != ("maximumExecutionFrequency" in rule):
        yield "$.maximumExecutionFrequency", "belongs to scheduled rules, and to all of them"
    if rule.get("maximumExecutionFrequency", "One_Hour") not in FREQUENCIES:
        yield "$.maximumExecutionFrequency", "unknown frequency"
    if rule["riskLevel"] not in (1, 2, 3):
        yield "$.riskLevel", "must be 1, 2 or 3"
    yield from members(rule["source"], SOURCE, "$.source")
    yield from each(rule.get("parameters", []), PARAMETER, "$.parameters")
    yield from logic_errors(rule)
    yield from case_errors(rule)


def logic_errors(rule):
    names = {p["name"] for p in rule.get("parameters", []) if isinstance(p, dict) and "name" in p}
    if ("condition" in rule) == ("missing" in rule):
        yield "$", "exactly one of condition and missing must be given"
    count = 0
    for member in TREES:
        if member in rule:
            found = list(tree_errors(rule[member], "$." + member, names))
            yield from found
            count += 0 if found else sum(1 for _ in clauses(rule[member]))
    if count > MAX_CLAUSES:
        yield "$", "more than %d clauses" % MAX_CLAUSES
    for index, path in enumerate(rule.get("requiredProperties", [])):
        yield from path_errors(path, "$.requiredProperties[%d]" % index)
    yield from texts(rule.get("requiredRelated", []), "$.requiredRelated", is_type)


def case_errors(rule):
    names = set()
    for index, case in enumerate(rule["cases"]):
        path = "$.cases[%d]" % index
        found = list(members(case, CASE, path))
        yield from found
        if found:
            continue
        if case["expect"] not in VERDICTS:
            yield path + ".expect", "unknown verdict"
        if case["name"] in names:
            yield path + ".name", "used twice"
        names.add(case["name"])
        for name in case.get("item", {}):
            if name not in ITEM_MEMBERS:
                yield path + ".item", "unknown member %s" % name
        for name, value in case.get("parameters", {}).items():
            if not isinstance(value, str) or name not in [p["name"] for p in rule.get("parameters", [])]:
                yield path + ".parameters", "%s is no parameter with a text value" % name
        for kind, documents in case.get("related", {}).items():
            if not is_type(kind) or not isinstance(documents, list):
                yield path + ".related", "must map resource types to arrays"


def pack_errors(pack, stem, rules):
    found = list(members(pack, PACK, "$"))
    yield from found
    if found:
        return
    if pack["key"] != stem:
        yield "$.key", "must equal the file name"
    if not TEMPLATE.fullmatch(pack["templateId"]):
        yield "$.templateId", "must be ct- and 16 to 20 lower-case hexadecimal digits"
    yield from members(pack["source"], PACK_SOURCE, "$.source")
    yield from each(pack["rules"], PACK_RULE, "$.rules")
    for index, entry in enumerate(pack["rules"]):
        rule = rules.get(entry.get("identifier"))
        if rules and rule is None:
            yield "$.rules[%d].identifier" % index, "no such rule"
        for name, value in entry.get("parameters", {}).items() if rule else ():
            if not isinstance(value, str) or name not in [p["name"] for p in rule.get("parameters", [])]:
                yield "$.rules[%d].parameters" % index, "%s is no parameter with a text value" % name


def remediation_errors(template, stem, rules):
    wanted = {"identifier": str, "name": str, "description": str, "source": dict, "rules": list, "definition": dict,
              "effect": dict}
    for name in sorted(set(template) ^ set(wanted)):
        yield "$." + name, "unknown member" if name in template else "is missing"
    for name, kind in wanted.items():
        if name in template and not isinstance(template[name], kind):
            yield "$." + name, "must be of type %s" % kind.__name__
    if template.get("identifier") != stem:
        yield "$.identifier", "must equal the file name"
    for index, identifier in enumerate(template.get("rules", [])):
        if rules and identifier not in rules:
            yield "$.rules[%d]" % index, "no such rule"
    if template.get("source") not in ({"definition": "documented"}, {"definition": "derived"}):
        yield "$.source", "must say whether the definition is documented or derived"
    known = {"set", "setInText", "setPairs", "removeEntries", "keep", "tags", "ignoreCase", "resourceGroup"}
    for name in sorted(set(template.get("effect", {})) - known):
        yield "$.effect." + name, "is no effect"
    if set(template.get("definition", {})) != {"Parameters"}:
        yield "$.definition", "must have the one member Parameters"


def type_errors(kind, stem):
    found = list(members(kind, KIND, "$"))
    yield from found
    if found:
        return
    if kind["type"].replace("::", ".") != stem or not is_type(kind["type"]):
        yield "$.type", "must equal the file name"
    yield from members(kind["source"], KIND_SOURCE, "$.source")
    yield from each(kind["properties"], PROPERTY, "$.properties")
    yield from each(kind["relations"], RELATION, "$.relations")
    for index, entry in enumerate(kind["properties"]):
        if entry.get("type") not in KINDS:
            yield "$.properties[%d].type" % index, "unknown type"
        if "path" in entry:
            yield from path_errors(entry["path"], "$.properties[%d].path" % index)
    for index, relation in enumerate(kind["relations"]):
        if relation.get("relation") not in RELATIONS:
            yield "$.relations[%d].relation" % index, "unknown relation"
        if "path" in relation:
            yield from path_errors(relation["path"], "$.relations[%d].path" % index)


def orchestration_errors(mapping, stem, types):
    found = list(members(mapping, ORCHESTRATION, "$"))
    yield from found
    if found:
        return
    if mapping["orchestrationType"].replace("::", ".") != stem:
        yield "$.orchestrationType", "must equal the file name"
    if types and mapping["resourceType"] not in types:
        yield "$.resourceType", "no such type"
    if len(mapping["properties"]) > 64:
        yield "$.properties", "more than 64"
    yield from each(mapping["properties"], MOVED, "$.properties")
    for index, moved in enumerate(mapping["properties"]):
        if not re.fullmatch(r"\$(\.\w+)+", moved.get("path", "")):
            yield "$.properties[%d].path" % index, "must be names joined with dots"


def terraform_errors(mapping, stem, types):
    found = list(members(mapping, TERRAFORM, "$"))
    yield from found
    if found:
        return
    if mapping["terraformType"] != stem:
        yield "$.terraformType", "must equal the file name"
    if types and mapping["resourceType"] not in types:
        yield "$.resourceType", "no such type"
    if "entryOf" in mapping:
        yield from members(mapping["entryOf"], ENTRY_OF, "$.entryOf")
    for path in mapping.get("constants", {}):
        yield from path_errors(path, "$.constants")
    yield from each(mapping["attributes"], ATTRIBUTE, "$.attributes")
    yield from each(mapping.get("otherAttributes", []), OTHER, "$.otherAttributes")
    yield from each(mapping.get("elsewhere", []), ELSEWHERE, "$.elsewhere")
    for index, attribute in enumerate(mapping["attributes"]):
        yield from path_errors(attribute.get("path", ""), "$.attributes[%d].path" % index)
