"""Reads and checks the operation specifications under api/.

One file per operation, one product.json per product version, one errors.json for all. Everything is checked
strictly: an unknown member, a wrong type or a name that leads nowhere is refused with file and JSON path, so that
a typing error never becomes a silently missing check in the server. docs/operation-files.md describes the format.
"""

import json
import re
from pathlib import Path

TYPES = ("string", "boolean", "int32", "int64", "object", "array", "map", "any")
SCALARS = ("string", "boolean", "int32", "int64")
WIRES = ("scalar", "csv", "json", "list", "flat")
METHODS = ("GET", "POST")
PAGING = {"page": "PageNumber", "token": "NextToken", "marker": "Marker"}
ACCESS = ("create", "list", "get", "update", "delete")
ROOMS = ("config", "directory", "ram", "sts", "plumbline")
ERROR_KINDS = ("missing", "invalid", "tooMany", "length")
RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
NAME = re.compile(r"^[A-Z][A-Za-z0-9]*$")
FIELD_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]*$")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class SpecError(Exception):
    """A specification that cannot be used; the text names file, JSON path and reason."""


class Place:
    """Where in which file the checker is."""

    def __init__(self, file, path="$"):
        self.file, self.path = file, path

    def at(self, step):
        return Place(self.file, f"{self.path}[{step}]" if isinstance(step, int) else f"{self.path}.{step}")

    def fail(self, reason):
        raise SpecError(f"{self.file}: {self.path}: {reason}")


def snake(name):
    """CreateConfigRule -> create_config_rule, EnableRD -> enable_rd."""
    return "_".join(w.lower() for w in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+", name))


def error_symbol(code):
    return "PL_E_" + re.sub(r"[^A-Za-z0-9]", "_", code)


def load_json(path, shown):
    def unique(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise SpecError(f"{shown}: $: member \"{twice}\" occurs twice in one object")
        return members

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{shown}: $: not JSON: {error}") from None


def check_members(value, place, required, optional=()):
    """`required` and `optional` map member names to Python types (or tuples of them)."""
    if not isinstance(value, dict):
        place.fail("must be an object")
    allowed = {**required, **dict(optional)}
    for name, member in value.items():
        if name not in allowed:
            place.at(name).fail("unknown member")
        wanted = allowed[name]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if not isinstance(member, kinds) or (isinstance(member, bool) and bool not in kinds):
            place.at(name).fail("must be " + " or ".join(kind.__name__ for kind in kinds))
    for name in required:
        if name not in value:
            place.fail(f"member \"{name}\" is missing")


def check_choice(value, choices, place):
    if value not in choices:
        place.fail(f"\"{value}\" is not one of {', '.join(choices)}")


def check_texts(values, place, minimum=1):
    if len(values) < minimum:
        place.fail("must not be empty")
    for i, value in enumerate(values):
        if not isinstance(value, str) or not value:
            place.at(i).fail("must be a text that is not empty")
        if value in values[:i]:
            place.at(i).fail(f"\"{value}\" occurs twice")


def check_pattern(pattern, place):
    """The server compiles patterns with PCRE2; Python knows all of their syntax but the Unicode classes."""
    try:
        re.compile(re.sub(r"\\p\{[A-Za-z]+\}", "a", pattern))
    except re.error as error:
        place.fail(f"not a regular expression: {error}")


def check_status(status, place):
    if not 400 <= status <= 599:
        place.fail("must lie between 400 and 599")


def check_number(text, kind, place):
    low, high = RANGES[kind]
    if isinstance(text, bool) or not isinstance(text, int) or not low <= text <= high:
        place.fail(f"must be a number within {kind}")


def check_limits(parameter, kind, place):
    """Each limit must make sense for the type its values have."""
    of_numbers, of_texts = kind in RANGES, kind == "string"
    allowed = {"min": of_numbers, "max": of_numbers, "minLength": of_texts, "maxLength": of_texts,
               "pattern": of_texts, "enum": of_texts or of_numbers,
               "minItems": parameter["type"] == "array", "maxItems": parameter["type"] == "array"}
    for name, fits in allowed.items():
        if name in parameter and not fits:
            place.at(name).fail(f"has no meaning for type {kind}")
    for name in ("minLength", "maxLength", "minItems", "maxItems"):
        if name in parameter and not 1 <= parameter[name] < 2**32:
            place.at(name).fail("must lie between 1 and 4294967295")
    for low, high in (("min", "max"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if low in parameter and high in parameter and parameter[low] > parameter[high]:
            place.at(low).fail(f"is greater than {high}")
    for name in ("min", "max"):
        if name in parameter:
            check_number(parameter[name], kind, place.at(name))
    if "pattern" in parameter:
        check_pattern(parameter["pattern"], place.at("pattern"))
    if "enum" in parameter:
        check_texts(parameter["enum"], place.at("enum"))


def check_default(parameter, place):
    value, kind = parameter["default"], parameter["type"]
    if kind not in SCALARS:
        place.fail(f"has no meaning for type {kind}")
    if kind == "boolean" and not isinstance(value, bool):
        place.fail("must be true or false")
    if kind == "string" and not isinstance(value, str):
        place.fail("must be a text")
    if kind in RANGES:
        check_number(value, kind, place)
        if value < parameter.get("min", value) or value > parameter.get("max", value):
            place.fail("lies outside min and max")
    if "enum" in parameter and str(value) not in parameter["enum"]:
        place.fail("is not in enum")


def check_shape(parameter, nested, place):
    """Type, item, fields and wire must go together."""
    kind, item, wire = parameter["type"], parameter.get("item"), parameter.get("wire")
    check_choice(kind, TYPES, place.at("type"))
    if (kind in ("array", "map")) != (item is not None):
        place.fail("\"item\" belongs to the types array and map, and only to them")
    if item is not None:
        check_choice(item, ("string", "boolean", "int32", "int64", "object", "any"), place.at("item"))
    has_members = "object" in (kind, item)
    if has_members != ("fields" in parameter):
        place.fail("\"fields\" belongs to objects and arrays or maps of objects, and only to them")
    if nested:
        for name in ("wire", "in", "errors"):
            if name in parameter:
                place.at(name).fail("has no meaning inside another parameter")
        return
    for name in ("wire", "in"):
        if name not in parameter:
            place.fail(f"member \"{name}\" is missing")
    check_choice(wire, WIRES, place.at("wire"))
    check_choice(parameter["in"], ("query", "body"), place.at("in"))
    fits = {"scalar": kind in SCALARS, "csv": kind == "array" and item == "string", "json": kind not in SCALARS,
            "list": kind == "array", "flat": kind in ("object", "map")}
    if not fits[wire]:
        place.at("wire").fail(f"\"{wire}\" does not fit type {kind}")


def check_codes(errors, codes, place):
    check_members(errors, place, {}, {kind: str for kind in ERROR_KINDS})
    for kind, code in errors.items():
        if code not in codes:
            place.at(kind).fail(f"\"{code}\" is not in api/errors.json")


PARAMETER_OPTIONAL = {"item": str, "wire": str, "in": str, "required": bool, "deprecated": bool, "min": int,
                      "max": int, "minLength": int, "maxLength": int, "minItems": int, "maxItems": int,
                      "pattern": str, "enum": list, "default": (str, int, bool), "errors": dict, "example": str,
                      "fields": list}


def check_parameters(parameters, codes, place, nested=False):
    seen = set()
    for i, parameter in enumerate(parameters):
        here = place.at(i)
        check_members(parameter, here, {"name": str, "type": str}, PARAMETER_OPTIONAL)
        name = parameter["name"]
        if not FIELD_NAME.match(name):
            here.at("name").fail(f"\"{name}\" is not a parameter name")
        if name in seen:
            here.at("name").fail(f"\"{name}\" occurs twice")
        seen.add(name)
        check_shape(parameter, nested, here)
        kind = parameter["item"] if parameter["type"] in ("array", "map") else parameter["type"]
        check_limits(parameter, kind, here)
        if "default" in parameter:
            check_default(parameter, here.at("default"))
        if "errors" in parameter:
            check_codes(parameter["errors"], codes, here.at("errors"))
        if "fields" in parameter:
            check_parameters(parameter["fields"], codes, here.at("fields"), nested=True)


def check_tree(node, place):
    """A response: object {member: node}, map {"*": node}, list [node], or the name of a type."""
    if isinstance(node, str):
        check_choice(node, SCALARS + ("any",), place)
    elif isinstance(node, list):
        if len(node) != 1:
            place.fail("a list holds exactly one node, that of its items")
        check_tree(node[0], place.at(0))
    elif isinstance(node, dict):
        if "*" in node and len(node) != 1:
            place.fail("a map has no other members beside \"*\"")
        for name, member in node.items():
            check_tree(member, place.at(name))
    else:
        place.fail("must be an object, a list or the name of a type")


def check_ram(ram, parameters, place):
    check_members(ram, place, {"action": str, "access": str, "resources": list}, {"byHandler": bool})
    if not re.match(r"^[a-z]+:[A-Z][A-Za-z0-9]*$", ram["action"]):
        place.at("action").fail("must have the form code:Operation")
    check_choice(ram["access"], ACCESS, place.at("access"))
    check_texts(ram["resources"], place.at("resources"))
    names = {parameter["name"] for parameter in parameters}
    for i, resource in enumerate(ram["resources"]):
        for placeholder in PLACEHOLDER.findall(resource):
            function, _, name = placeholder.rpartition(":")
            known = placeholder in ("@account", "@policyOwner", "@principal")
            if not known and (function not in ("", "@path", "@node", "@user", "@arn") or name not in names):
                place.at("resources").at(i).fail(f"{{{placeholder}}} is no parameter and no known placeholder")


def check_errors(errors, codes, place):
    seen = set()
    for i, error in enumerate(errors):
        here = place.at(i)
        check_members(error, here, {"code": str, "http": int, "message": str})
        if error["code"] not in codes:
            here.at("code").fail(f"\"{error['code']}\" is not in api/errors.json")
        if error["code"] in seen:
            here.at("code").fail(f"\"{error['code']}\" occurs twice")
        seen.add(error["code"])
        check_status(error["http"], here.at("http"))


def handler_names(room, name, version):
    """By rule the room and the operation in snake case; a version that differs in meaning adds its year."""
    base = f"{room}_{snake(name)}"
    return base, f"{base}_{version[:4]}"


def check_operation(operation, name, product, codes, place):
    check_members(operation, place,
                  {"summary": str, "group": str, "methods": list, "readOnly": bool, "parameters": list,
                   "response": dict, "errors": list},
                  {"httpsOnly": bool, "anonymous": bool, "deprecated": bool, "idempotent": bool, "paging": str,
                   "aliases": list, "maxBody": int, "ram": dict, "handler": str})
    check_texts(operation["methods"], place.at("methods"))
    for i, method in enumerate(operation["methods"]):
        check_choice(method, METHODS, place.at("methods").at(i))
    check_parameters(operation["parameters"], codes, place.at("parameters"))
    names = {parameter["name"] for parameter in operation["parameters"]}
    if "paging" in operation:
        check_choice(operation["paging"], tuple(PAGING), place.at("paging"))
        if PAGING[operation["paging"]] not in names:
            place.at("paging").fail(f"needs the parameter {PAGING[operation['paging']]}")
    if operation.get("idempotent", False) != ("ClientToken" in names):
        place.fail("\"idempotent\" goes with the parameter ClientToken")
    if "ram" in operation:
        check_ram(operation["ram"], operation["parameters"], place.at("ram"))
    check_tree(operation["response"], place.at("response"))
    if operation["response"].get("RequestId") != "string":
        place.at("response").fail("RequestId must be a string of every response")
    check_errors(operation["errors"], codes, place.at("errors"))
    if "aliases" in operation:
        check_texts(operation["aliases"], place.at("aliases"))
    if "handler" in operation and operation["handler"] not in handler_names(product["room"], name,
                                                                            product["version"]):
        place.at("handler").fail("must be " + " or ".join(handler_names(product["room"], name,
                                                                       product["version"])))


def check_product(product, place):
    generic = {"code": str, "http": int, "message": str}
    check_members(product, place, {"product": str, "version": str, "room": str, "ramCode": str, "host": str,
                                   "defaultFormat": str, "missing": dict, "invalid": dict}, {"denied": str})
    check_choice(product["room"], ROOMS, place.at("room"))
    check_choice(product["defaultFormat"], ("JSON", "XML"), place.at("defaultFormat"))
    if not re.match(r"^\d{4}-\d{2}-\d{2}$", product["version"]):
        place.at("version").fail("must be a date YYYY-MM-DD")
    for kind in ("missing", "invalid"):
        check_members(product[kind], place.at(kind), generic)
        check_status(product[kind]["http"], place.at(kind).at("http"))
        if "{Name}" not in product[kind]["code"]:
            place.at(kind).at("code").fail("must contain {Name}")


def load_errors(root):
    shown = "api/errors.json"
    rows, place = load_json(root / shown, shown), Place(shown)
    if not isinstance(rows, list):
        place.fail("must be a list")
    symbols, last = {}, ""
    for i, row in enumerate(rows):
        check_members(row, place.at(i), {"code": str, "http": int, "message": str})
        check_status(row["http"], place.at(i).at("http"))
        symbol = error_symbol(row["code"])
        if symbol in symbols:
            place.at(i).at("code").fail(f"\"{row['code']}\" and \"{symbols[symbol]}\" give one symbol")
        if row["code"] <= last:
            place.at(i).at("code").fail(f"\"{row['code']}\" must come before \"{last}\"")
        symbols[symbol], last = row["code"], row["code"]
    return rows


def load_product(root, directory, codes):
    shown = f"{directory.relative_to(root)}/product.json"
    product, place = load_json(directory / "product.json", shown), Place(shown)
    check_product(product, place)
    if (directory.parent.name, directory.name) != (product["product"].lower(), product["version"]):
        place.fail("product and version must agree with the directories")
    product["operations"], names = {}, {}
    for file in sorted(directory.glob("*.json"), key=lambda path: path.stem):
        if file.stem == "product":
            continue
        shown = str(file.relative_to(root))
        if not NAME.match(file.stem):
            Place(shown).fail("the file name is not an operation name")
        operation = load_json(file, shown)
        check_operation(operation, file.stem, product, codes, Place(shown))
        for name in [file.stem, *operation.get("aliases", [])]:
            if name in names:
                Place(shown).fail(f"\"{name}\" is also a name in {names[name]}")
            names[name] = shown
        product["operations"][file.stem] = operation
    return product


def load(root):
    """Everything under root/api, checked: (error rows, products ordered by directory)."""
    root = Path(root)
    rows = load_errors(root)
    codes = {row["code"] for row in rows}
    directories = sorted({file.parent for file in root.glob("api/*/*/*.json")})
    return rows, [load_product(root, directory, codes) for directory in directories]


def check_value(node, value, path="$"):
    """Yields what is wrong with a response value, compared with its tree."""
    if node == "any":
        return
    if isinstance(node, str):
        right = {"string": isinstance(value, str), "boolean": isinstance(value, bool)}
        if node in RANGES:
            low, high = RANGES[node]
            right[node] = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        if not right[node]:
            yield f"{path}: must be {node}, is {json.dumps(value)[:60]}"
    elif isinstance(node, list):
        if not isinstance(value, list):
            yield f"{path}: must be a list"
            return
        for i, item in enumerate(value):
            yield from check_value(node[0], item, f"{path}[{i}]")
    elif not isinstance(value, dict):
        yield f"{path}: must be an object"
    else:
        for name, member in value.items():
            if name not in node and "*" not in node:
                yield f"{path}.{name}: unknown member"
            else:
                yield from check_value(node.get("*", node.get(name)), member, f"{path}.{name}")
