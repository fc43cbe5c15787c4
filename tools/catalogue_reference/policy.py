"""Does a policy document have a statement of a given shape?

Owns the matching behind PolicyContainsStatement and PolicyExcludesStatement.
Anything that is not a readable document or pattern raises PolicyError.
Source: catalogue/extension-operators.json.
"""

import json
import re


class PolicyError(ValueError):
    """The document or the desired statement cannot be read."""


PATTERN_MEMBERS = {"Effect", "Action", "AnyAction", "Resource", "Principal", "Condition"}


def has_statement(document, desired):
    wanted = _parsed(desired)
    if not isinstance(wanted, dict) or not wanted or set(wanted) - PATTERN_MEMBERS:
        raise PolicyError("the desired statement is no pattern")
    if not isinstance(wanted.get("AnyAction", ""), str):
        raise PolicyError("AnyAction must be a text")
    return any(_matches(statement, wanted) for statement in _statements(_parsed(document)))


def _parsed(value):
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise PolicyError(str(error))


def _statements(document):
    found = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(s, dict) for s in found):
        raise PolicyError("the document has no statements")
    return found


def _texts(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return value
    raise PolicyError("expected a text or an array of texts")


def _glob(pattern, text, with_case):
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL if with_case else re.DOTALL | re.IGNORECASE) is not None


def _covered(statement, member, wanted, with_case):
    """Is each wanted text covered by the statement's (Not)Action or (Not)Resource?"""
    star = lambda text: "*" if text == "*:*" and member == "Action" else text
    texts = [star(text) for text in _texts(wanted)]
    if member in statement:
        patterns = [star(text) for text in _texts(statement[member])]
        return all(any(_glob(p, text, with_case) for p in patterns) for text in texts)
    if "Not" + member not in statement:
        return False
    patterns = [star(text) for text in _texts(statement["Not" + member])]
    return all(not _glob(p, text, with_case) and not _glob(text, p, with_case) for p in patterns for text in texts)


def _principals(statement):
    value = statement.get("Principal", [])
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    return _texts(value)


def _condition_matches(statement, wanted):
    own = statement.get("Condition", {})
    for operator, keys in wanted.items():
        have = own.get(operator) if isinstance(own, dict) else None
        if not isinstance(have, dict) or not isinstance(keys, dict):
            return False
        values = {key.lower(): _values(value) for key, value in have.items()}
        for key, value in keys.items():
            mine = values.get(key.lower())
            if mine is None or not all(v == "*" or v in mine for v in _values(value)):
                return False
    return True


def _values(value):
    values = value if isinstance(value, list) else [value]
    return [json.dumps(v) if isinstance(v, (bool, int, float)) else str(v).lower() for v in values]


def _matches(statement, wanted):
    if "Effect" in wanted and statement.get("Effect") != wanted["Effect"]:
        return False
    if "Action" in wanted and not _covered(statement, "Action", wanted["Action"], False):
        return False
    if "AnyAction" in wanted:
        actions = [text.strip() for text in wanted["AnyAction"].split(",") if text.strip()]
        if not any([_covered(statement, "Action", action, False) for action in actions]):
            return False
    if "Resource" in wanted and not _covered(statement, "Resource", wanted["Resource"], True):
        return False
    if "Principal" in wanted:
        own = _principals(statement)
        if not all(text in own or "*" in own for text in _texts(wanted["Principal"])):
            return False
    return _condition_matches(statement, wanted.get("Condition", {}))
