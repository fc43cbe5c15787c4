"""Truth of one clause: the published operators and the extension operators.

Owns the meaning of every operator as plain functions. holds() never raises
for a value or a desired text; what cannot be read is false, and only the
documented negative operators are true for an absent value. Sources:
reference/operators.json and catalogue/extension-operators.json.
"""

import base64
import binascii
import datetime
import ipaddress
import json
import re
from decimal import Decimal

from .jsonpath import MISSING, number_of
from .policy import PolicyError, has_statement


def absent(value):
    return value is MISSING or value is None


def text_of(value):
    if absent(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return _decimal_text(Decimal(value))
    return value if isinstance(value, str) else compact(value)


def _decimal_text(number):
    text = format(number.normalize(), "f")
    return "0" if text in ("-0", "0") else text



def _compact(value):
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + _compact(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(v) for v in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else text_of(value)


def compact(value):
    """Compact JSON text with members in document order."""
    return _compact(value)


def list_of(desired):
    """A list-valued desired text: a JSON array, or parts between commas."""
    if desired.lstrip().startswith("["):
        try:
            parsed = json.loads(desired, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            parsed = None
        if isinstance(parsed, list):
            return [text_of(part) for part in parsed]
    return parts_of(desired)


def parts_of(text):
    """The parts between commas, trimmed; empty parts are dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def fold(text):
    return text.casefold()


def every(test):
    """Scalar operators on an array: each element; an empty array is missing."""
    def run(value, desired, now):
        if isinstance(value, list):
            return bool(value) and all(test(element, desired, now) for element in value)
        return test(value, desired, now)
    return run


def negative(test):
    """The Not form of a scalar operator: element-wise, true when missing."""
    def run(value, desired, now):
        if isinstance(value, list) and value:
            return all(not test(element, desired, now) for element in value)
        return value == [] or not test(value, desired, now)
    return run


def scalar(test):
    def run(value, desired, now):
        return not absent(value) and test(text_of(value), desired)
    return run


def numeric(test):
    def run(value, desired, now):
        left, right = number_of(value), number_of(desired)
        return left is not None and right is not None and test(left, right)
    return run


STRING_EQUALS = scalar(lambda text, desired: fold(text) == fold(desired))
STRING_IN = scalar(lambda text, desired: fold(text) in [fold(part) for part in list_of(desired)])
STRING_CONTAINS = scalar(lambda text, desired: desired != "" and fold(desired) in fold(text))
TEXT_CONTAINS_ANY = scalar(lambda text, desired: any(part and part in text for part in list_of(desired)))
EQUALS = numeric(lambda left, right: left == right)


def _string_empty(value, desired, now):
    if isinstance(value, list):
        return all(absent(element) or element == "" for element in value)
    return absent(value) or value == ""


def _string_not_empty(value, desired, now):
    if isinstance(value, list):
        return bool(value) and all(not absent(element) and element != "" for element in value)
    return not absent(value) and value != ""


def _decoded(value):
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def base64_text(test, when_missing):
    def one(value, desired):
        text = _decoded(value)
        return when_missing if text is None else test(text, desired)

    def run(value, desired, now):
        if isinstance(value, list) and value:
            return all(one(element, desired) for element in value)
        return one(value, desired)
    return run


def _elements(value):
    """The texts of an array feature; a scalar is one element."""
    if absent(value):
        return []
    return [text_of(v) for v in value] if isinstance(value, list) else [text_of(value)]


def _contains(value, desired, now):
    if isinstance(value, list):
        return desired in [text_of(element) for element in value]
    return not absent(value) and desired != "" and desired in text_of(value)


def _in(value, desired, now):
    elements = _elements(value)
    return bool(elements) and all(element in list_of(desired) for element in elements)


def _not_in(value, desired, now):
    return not any(element in list_of(desired) for element in _elements(value))


def _split_elements(value):
    if isinstance(value, str):
        return parts_of(value)
    return _elements(value)


def _contains_all(value, desired, now):
    wanted = list_of(desired)
    return bool(wanted) and all(part in _split_elements(value) for part in wanted)


def _exclude_all(value, desired, now):
    return not any(part in _split_elements(value) for part in list_of(desired))


def _is_empty(value, desired, now):
    return absent(value) or value == []


# Extension operators: presence and size.

def _is_not_empty(value, desired, now):
    if isinstance(value, (list, dict, str)):
        return len(value) > 0
    return not absent(value)


def _whole(desired):
    return int(desired) if re.fullmatch(r"[0-9]+", desired.strip()) else None


def _length(value):
    if absent(value):
        return 0
    return len(value) if isinstance(value, list) else 1


def _distinct(value):
    return len({text for text in _elements(value) if text != ""})


def sized(measure, test):
    def run(value, desired, now):
        limit = _whole(desired)
        return limit is not None and test(measure(value), limit)
    return run


def _intersects(value, desired, now):
    return any(element in list_of(desired) for element in _elements(value))


# Extension operators: text.

def _regex(wanted):
    def test(pattern, value):
        if absent(value):
            return not wanted
        return (pattern.search(text_of(value)) is not None) == wanted

    def run(value, desired, now):
        try:
            pattern = re.compile(desired)
        except re.error:
            return False
        if isinstance(value, list) and value:
            return all(test(pattern, element) for element in value)
        return test(pattern, None if value == [] else value)
    return run


def _version(text):
    found = re.match(r"[vV]?([0-9]+(?:\.[0-9]+)*)", text)
    return None if found is None else [int(part) for part in found.group(1).split(".")]


def _version_at_least(value, desired, now):
    if absent(value) or isinstance(value, (dict, bool)):
        return False
    left, right = _version(text_of(value)), _version(desired)
    if left is None or right is None:
        return False
    size = max(len(left), len(right))
    return left + [0] * (size - len(left)) >= right + [0] * (size - len(right))


# Extension operators: time.

TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?)?")


def instant(value):
    """Seconds since 1970 as a decimal, or None."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    if not isinstance(value, str) or re.fullmatch("[0-9]+", value):
        number = Decimal(value)
        return number if number < 100000000000 else number / 1000
    found = TIME.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        point = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0),
                                  int(second or 0), tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    seconds = Decimal(int((point - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds()))
    return seconds + Decimal("0." + (fraction or "0")) - _offset(zone)


def _offset(zone):
    if zone in (None, "Z"):
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def dated(test):
    def run(value, desired, now):
        point, days = instant(value), number_of(desired)
        return point is not None and days is not None and test(point, instant(now), days * 86400)
    return every(run)


def _window(text):
    found = re.fullmatch(r"\s*(\d\d):(\d\d)Z?-(\d\d):(\d\d)Z?\s*", text) if isinstance(text, str) else None
    if found is None:
        return None
    first_hour, first_minute, last_hour, last_minute = (int(part) for part in found.groups())
    first, last = first_hour * 60 + first_minute, last_hour * 60 + last_minute
    if first > 1440 or last > 1440 or first_minute > 59 or last_minute > 59:
        return None
    return first, last if last > first else last + 1440


def _window_in(value, desired, now):
    own = _window(value)
    allowed = [window for window in map(_window, list_of(desired)) if window]
    return own is not None and any(start <= own[0] + shift and own[1] + shift <= end
                                   for start, end in allowed for shift in (-1440, 0, 1440))


# Extension operators: network.

def _port_range(text):
    text = text.strip().lower()
    if text in ("-1/-1", "-1", "any", "all"):
        return 1, 65535
    found = re.fullmatch(r"([0-9]{1,5})(?:[/-]([0-9]{1,5}))?", text)
    if found is None:
        return None
    low = int(found.group(1))
    high = int(found.group(2) or low)
    return (low, high) if low <= high <= 65535 else None


def ports(test):
    def run(value, desired, now):
        if isinstance(value, (dict, bool)):
            return False
        own = [_port_range(part) for part in _split_elements(value)]
        wanted = [_port_range(part) for part in list_of(desired)]
        return bool(wanted) and None not in own + wanted and test(own, wanted)
    return run


def _ports_exclude(own, wanted):
    return not any(low <= last and first <= high for low, high in own for first, last in wanted)


def _ports_within(own, wanted):
    listed = {port for first, last in wanted for port in range(first, last + 1)}
    return all(port in listed for low, high in own for port in range(low, high + 1))


PRIVATE = [ipaddress.ip_network(block) for block in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1")]


def _block(text):
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _blocks(value):
    """The blocks of a feature with None for each unreadable entry."""
    if absent(value):
        return []
    if isinstance(value, list):
        return [block for element in value for block in (_blocks(element) if isinstance(element, str) else [None])]
    return [_block(part) for part in parts_of(value)] if isinstance(value, str) else [None]


def _listed_blocks(desired):
    return [_block(part) for part in list_of(desired)]


def _inside(inner, outer):
    return inner.version == outer.version and inner.subnet_of(outer)


def _cidrs_private(value, desired, now):
    own = _blocks(value)
    return None not in own and all(any(_inside(block, home) for home in PRIVATE) for block in own)


def _cidrs_contain(value, desired, now):
    own, wanted = [block for block in _blocks(value) if block], _listed_blocks(desired)
    return bool(wanted) and None not in wanted and all(any(_inside(w, block) for block in own) for w in wanted)


def _cidrs_exclude(value, desired, now):
    own, wanted = _blocks(value), _listed_blocks(desired)
    return (bool(wanted) and None not in own + wanted
            and not any(_inside(w, block) for w in wanted for block in own))


# Extension operators: tags and policies.

def _tags(value):
    """Tags as {key: [values]}, or None when the value is no tags."""
    if isinstance(value, dict):
        return {key: [text_of(v) for v in values] if isinstance(values, list) else [text_of(values)]
                for key, values in value.items()}
    if not isinstance(value, list):
        return None
    tags = {}
    for element in value:
        if isinstance(element, dict):
            key = element.get("TagKey", element.get("Key"))
            if isinstance(key, str):
                tags.setdefault(key, []).append(text_of(element.get("TagValue", element.get("Value"))))
    return tags


def _has_tags(value, desired, now):
    tags = _tags(value)
    entries = [entry.partition("=") for entry in desired.split(";") if entry.strip()]
    if not tags or not entries:
        return False
    for key, _, values in entries:
        wanted = [part.strip() for part in values.split(",") if part.strip()]
        if key.strip() == "" or key.strip() not in tags:
            return False
        if wanted and not any(own in wanted for own in tags[key.strip()]):
            return False
    return True


def policies(wanted, when_missing):
    def run(value, desired, now):
        documents = [d for d in (value if isinstance(value, list) else [value]) if not absent(d) and d != ""]
        try:
            found = [has_statement(document, desired) for document in documents]
            if not found:
                has_statement({"Statement": []}, desired)
                return when_missing
        except PolicyError:
            return False
        return any(found) == wanted
    return run


def _less(left, right):
    return left < right


OPERATORS = {
    "StringEquals": every(STRING_EQUALS), "NotStringEquals": negative(STRING_EQUALS),
    "StringIn": every(STRING_IN), "NotStringIn": negative(STRING_IN),
    "StringContains": every(STRING_CONTAINS), "NotStringContains": negative(STRING_CONTAINS),
    "IsStringEmpty": _string_empty, "IsNotStringEmpty": _string_not_empty,
    "Equals": every(EQUALS), "NotEquals": negative(EQUALS),
    "Less": every(numeric(_less)), "LessOrEquals": every(numeric(lambda a, b: a <= b)),
    "Greater": every(numeric(lambda a, b: a > b)), "GreaterOrEquals": every(numeric(lambda a, b: a >= b)),
    "Base64Contains": base64_text(lambda text, desired: desired != "" and desired in text, False),
    "NotBase64Contains": base64_text(lambda text, desired: desired == "" or desired not in text, True),
    "Base64ContainsAll": base64_text(lambda text, d: bool(list_of(d)) and all(p in text for p in list_of(d)), False),
    "Base64ExcludeAll": base64_text(lambda text, d: not any(p in text for p in list_of(d)), True),
    "Contains": _contains, "NotContains": lambda v, d, n: not _contains(v, d, n),
    "In": _in, "NotIn": _not_in, "ContainsAll": _contains_all, "ExcludeAll": _exclude_all, "IsEmpty": _is_empty,
    "Exists": lambda v, d, n: not absent(v), "NotExists": lambda v, d, n: absent(v), "IsNotEmpty": _is_not_empty,
    "ArrayLengthGreaterOrEquals": sized(_length, lambda n, limit: n >= limit),
    "ArrayLengthLessOrEquals": sized(_length, lambda n, limit: n <= limit),
    "DistinctCountGreaterOrEquals": sized(_distinct, lambda n, limit: n >= limit),
    "DistinctCountLessOrEquals": sized(_distinct, lambda n, limit: n <= limit),
    "Intersects": _intersects, "RegexMatch": _regex(True), "RegexNotMatch": _regex(False),
    "TextExcludeAll": negative(TEXT_CONTAINS_ANY),
    "VersionGreaterOrEquals": every(_version_at_least),
    "DaysUntilGreaterOrEquals": dated(lambda point, now, span: point - now >= span),
    "DaysSinceLessOrEquals": dated(lambda point, now, span: now - point <= span),
    "DaysSinceGreater": dated(lambda point, now, span: now - point > span),
    "TimeWindowIn": every(_window_in),
    "PortRangesExclude": ports(_ports_exclude), "PortRangesWithin": ports(_ports_within),
    "CidrsPrivate": _cidrs_private, "CidrsContain": _cidrs_contain, "CidrsExclude": _cidrs_exclude,
    "HasTags": _has_tags,
    "PolicyContainsStatement": policies(True, False), "PolicyExcludesStatement": policies(False, True),
}
UNARY = {"IsStringEmpty", "IsNotStringEmpty", "IsEmpty", "Exists", "NotExists", "IsNotEmpty", "CidrsPrivate"}


def holds(operator, value, desired, now):
    return OPERATORS[operator](value, desired, now)
