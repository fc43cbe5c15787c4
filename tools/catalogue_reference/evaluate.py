"""The verdict of one rule on one resource.

Owns the order of the steps that catalogue/README.md describes: parameters,
missing data, configuration, precondition, required data, condition. A rule
reaches this module only after form.py has accepted it.
"""

import json
import re
from decimal import Decimal

from . import jsonpath
from .jsonpath import MISSING
from .operators import absent, holds

PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")


class Resource:
    """What a rule can see of one resource at one time."""

    def __init__(self, configuration, item, related, now):
        self.configuration = configuration
        self.item = item
        self.related = related
        self.now = now


def evaluate(rule, resource, given):
    """(verdict, reason); the reason is empty unless data is insufficient."""
    parameters = effective(rule, given)
    for parameter in rule.get("parameters", []):
        if parameter["required"] and parameter["name"] not in parameters:
            return "INSUFFICIENT_DATA", "parameter %s is not set" % parameter["name"]
    if "missing" in rule:
        return "INSUFFICIENT_DATA", rule["missing"]
    if resource.configuration is None:
        return "INSUFFICIENT_DATA", "no configuration is recorded"
    if "appliesWhen" in rule and not holds_tree(rule["appliesWhen"], resource, parameters):
        return "NOT_APPLICABLE", ""
    for path in rule.get("requiredProperties", []):
        if lacks(jsonpath.parse(path), resource.configuration):
            return "INSUFFICIENT_DATA", "%s is not recorded" % path
    for kind in rule.get("requiredRelated", []):
        if not resource.related.get(kind):
            return "INSUFFICIENT_DATA", "no related %s is recorded" % kind
    if "sufficientWhen" in rule and not holds_tree(rule["sufficientWhen"], resource, parameters):
        return "INSUFFICIENT_DATA", "too little is known"
    satisfied = holds_tree(rule["condition"], resource, parameters)
    return ("COMPLIANT" if satisfied else "NON_COMPLIANT"), ""


def effective(rule, given):
    """The given parameters over the defaults; the empty text is no value."""
    defaults = {p["name"]: p["default"] for p in rule.get("parameters", []) if "default" in p}
    values = {**defaults, **{name: text for name, text in given.items() if text != ""}}
    return {name: text for name, text in values.items() if text != ""}


def lacks(path, configuration):
    feature = path.feature(configuration)
    return absent(feature) or (not path.definite and all(absent(value) for value in feature))


def holds_tree(node, resource, parameters):
    if "children" in node and node["operator"] in ("and", "or"):
        results = [holds_tree(child, resource, parameters) for child in node["children"]]
        return all(results) if node["operator"] == "and" else any(results)
    desired = node.get("desired", "")
    if any(name not in parameters for name in PLACEHOLDER.findall(desired)):
        return False
    desired = PLACEHOLDER.sub(lambda found: parameters[found.group(1)], desired)
    return holds(node["operator"], feature_of(node, resource, parameters), desired, resource.now)


def feature_of(clause, resource, parameters):
    root = root_of(clause["featureSource"], resource, parameters)
    path = jsonpath.parse(clause["featurePath"])
    if root is MISSING:
        return MISSING if path.definite else []
    return path.feature(root)


def root_of(source, resource, parameters):
    if source == "CONFIGURATION":
        return resource.configuration
    if source == "CONFIGURATION_ITEM":
        return resource.item
    if source == "PARAMETER":
        return parameters
    if source.startswith("RELATED:"):
        return resource.related.get(source[len("RELATED:"):], [])
    text = jsonpath.parse(source[len("CONFIGURATION_FIELD_"):]).feature(resource.configuration)
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal) if isinstance(text, str) else MISSING
    except ValueError:
        return MISSING
