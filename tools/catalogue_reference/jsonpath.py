"""JSONPath as rules use it: the cloud-config dialect.

Owns the parser and the evaluator of paths. A path either parses completely
or raises PathError. Source of the dialect: reference/condition-rules.md,
section 4; functions as in RFC 9535.
"""

import re
from decimal import Decimal

MISSING = object()


class PathError(ValueError):
    """The text is no path; the message says where and why."""


class Path:
    """A parsed path: a list of steps, and whether it can yield many values."""

    def __init__(self, steps, definite):
        self.steps = steps
        self.definite = definite

    def nodes(self, root, current):
        found = [current]
        for step in self.steps:
            found = [value for node in found for value in step(root, node)]
        return found

    def feature(self, root):
        """The value a clause sees: one value, MISSING, or a list of matches."""
        found = self.nodes(root, root)
        if not self.definite:
            return found
        return found[0] if found else MISSING


def parse(text):
    parser = _Parser(text)
    path = parser.path("$")
    parser.end()
    return path


NAME = re.compile(r"[A-Za-z0-9_\-\u0080-\U0010ffff]+")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"-?[0-9]+")
ESCAPES = {"\\": "\\", "'": "'", '"': '"', "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
FUNCTIONS = {"length": 1, "count": 1, "value": 1, "match": 2, "search": 2}


class _Parser:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def fail(self, reason):
        raise PathError("%s at character %d of %s" % (reason, self.at + 1, self.text))

    def peek(self, token):
        return self.text.startswith(token, self.at)

    def take(self, token):
        if not self.peek(token):
            return False
        self.at += len(token)
        return True

    def need(self, token):
        if not self.take(token):
            self.fail("expected %s" % token)

    def match(self, pattern):
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def blanks(self):
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1

    def end(self):
        if self.at != len(self.text):
            self.fail("unexpected text")

    def path(self, start):
        self.need(start)
        steps, definite = [], True
        while True:
            parsed = self.segment()
            if parsed is None:
                return Path(steps, definite)
            step, single = parsed
            steps.append(step)
            definite = definite and single

    def segment(self):
        if self.take(".."):
            inner, _ = self.bracket() if self.peek("[") else self.dotted()
            return (lambda root, node: [v for d in _descendants(node) for v in inner(root, d)]), False
        if self.take("."):
            return self.dotted()
        if self.peek("["):
            return self.bracket()
        return None

    def dotted(self):
        if self.take("*"):
            return (lambda root, node: _children(node)), False
        name = self.match(NAME)
        if name is None:
            self.fail("expected a name")
        return _member(name), True

    def bracket(self):
        self.need("[")
        self.blanks()
        if self.take("?"):
            test = self.filter_test()
            step, single = (lambda root, node: [c for c in _children(node) if test(root, c)]), False
        elif self.take("("):
            step, single = self.script(), True
        else:
            step, single = self.selectors()
        self.blanks()
        self.need("]")
        return step, single

    def script(self):
        self.need("@.length")
        self.blanks()
        self.need("-")
        self.blanks()
        back = self.match(INTEGER)
        if back is None or back.startswith("-"):
            self.fail("expected a count")
        self.need(")")
        return _index(-int(back)) if int(back) else (lambda root, node: [])

    def selectors(self):
        chosen = [self.selector()]
        self.blanks()
        while self.take(","):
            self.blanks()
            chosen.append(self.selector())
            self.blanks()
        if len(chosen) == 1:
            return chosen[0]
        return (lambda root, node: [v for step, _ in chosen for v in step(root, node)]), False

    def selector(self):
        if self.take("*"):
            return (lambda root, node: _children(node)), False
        if self.peek("'") or self.peek('"'):
            return _member(self.quoted()), True
        first = self.match(INTEGER)
        self.blanks()
        if not self.take(":"):
            if first is None:
                self.fail("expected a selector")
            return _index(int(first)), True
        self.blanks()
        last = self.match(INTEGER)
        self.blanks()
        step = self.match(INTEGER) if self.take(":") else None
        if step is not None and int(step) <= 0:
            self.fail("a slice step must be positive")
        cut = slice(*(None if part is None else int(part) for part in (first, last, step)))
        return (lambda root, node: node[cut] if isinstance(node, list) else []), False

    def quoted(self):
        mark = self.text[self.at]
        self.at += 1
        out = []
        while not self.take(mark):
            if self.at >= len(self.text):
                self.fail("unclosed text")
            char = self.text[self.at]
            self.at += 1
            out.append(self.escape() if char == "\\" else char)
        return "".join(out)

    def escape(self):
        char = self.text[self.at:self.at + 1]
        self.at += 1
        if char == "u":
            digits = self.match(re.compile("[0-9A-Fa-f]{4}"))
            if digits is None:
                self.fail("bad escape")
            return chr(int(digits, 16))
        if char not in ESCAPES:
            self.fail("bad escape")
        return ESCAPES[char]

    def filter_test(self):
        self.blanks()
        return self.any_of()

    def any_of(self):
        tests = [self.all_of()]
        self.blanks()
        while self.take("||"):
            tests.append(self.all_of())
            self.blanks()
        return lambda root, node: any(test(root, node) for test in tests)

    def all_of(self):
        tests = [self.negated()]
        self.blanks()
        while self.take("&&"):
            tests.append(self.negated())
            self.blanks()
        return lambda root, node: all(test(root, node) for test in tests)

    def negated(self):
        self.blanks()
        if self.peek("!") and not self.peek("!="):
            self.at += 1
            inner = self.negated()
            return lambda root, node: not inner(root, node)
        if self.take("("):
            inner = self.any_of()
            self.blanks()
            self.need(")")
            return inner
        return self.test()

    def test(self):
        left = self.operand()
        self.blanks()
        for sign in COMPARISONS:
            if self.take(sign):
                self.blanks()
                right = self.operand()
                return lambda root, node: _compare(sign, left(root, node), right(root, node))
        for sign in ("in", "nin"):
            if re.compile(sign + r"(?![A-Za-z0-9_])").match(self.text, self.at):
                self.at += len(sign)
                self.blanks()
                right = self.operand()
                wanted = sign == "in"
                return lambda root, node: _listed(left(root, node), right(root, node)) == wanted
        return lambda root, node: _truth(left(root, node))

    def operand(self):
        self.blanks()
        for start in ("@", "$"):
            if self.peek(start):
                path = self.path(start)
                return lambda root, node: path.nodes(root, root if start == "$" else node)
        if self.peek("'") or self.peek('"'):
            return _constant(self.quoted())
        if self.take("["):
            return _constant(self.literal_list())
        name = self.match(re.compile(r"[a-z]+(?=\()"))
        if name is not None:
            return self.call(name)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if re.compile(word + r"(?![A-Za-z0-9_])").match(self.text, self.at):
                self.at += len(word)
                return _constant(value)
        number = self.match(NUMBER)
        if number is None:
            self.fail("expected an operand")
        return _constant(Decimal(number))

    def literal_list(self):
        values = []
        self.blanks()
        while not self.take("]"):
            values.append(self.operand()(None, None)[0])
            self.blanks()
            if not self.take(",") and not self.peek("]"):
                self.fail("expected , or ]")
            self.blanks()
        return values

    def call(self, name):
        if name not in FUNCTIONS:
            self.fail("unknown function %s" % name)
        self.need("(")
        arguments = [self.operand()]
        self.blanks()
        while self.take(","):
            arguments.append(self.operand())
            self.blanks()
        self.need(")")
        if len(arguments) != FUNCTIONS[name]:
            self.fail("%s takes %d arguments" % (name, FUNCTIONS[name]))
        return lambda root, node: _call(name, [argument(root, node) for argument in arguments])


def _member(name):
    return lambda root, node: [node[name]] if isinstance(node, dict) and name in node else []


def _index(position):
    def step(root, node):
        if isinstance(node, list) and -len(node) <= position < len(node):
            return [node[position]]
        return []
    return step


def _children(node):
    if isinstance(node, dict):
        return list(node.values())
    return list(node) if isinstance(node, list) else []


def _descendants(node):
    found = [node]
    for child in _children(node):
        found.extend(_descendants(child))
    return found


def _constant(value):
    return lambda root, node: [value]


def _call(name, arguments):
    if name == "count":
        return [Decimal(len(arguments[0]))]
    if any(len(argument) != 1 for argument in arguments):
        return []
    if name == "value":
        return arguments[0]
    if name == "length":
        value = arguments[0][0]
        return [Decimal(len(value))] if isinstance(value, (str, list, dict)) else []
    text, pattern = arguments[0][0], arguments[1][0]
    if not isinstance(text, str) or not isinstance(pattern, str):
        return [False]
    find = re.fullmatch if name == "match" else re.search
    return [find(pattern, text) is not None]


def _truth(nodes):
    if not nodes:
        return False
    return len(nodes) > 1 or not (nodes[0] is None or nodes[0] is False)


def number_of(value):
    """The decimal a value stands for, or None. Booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?", value.strip()):
        return Decimal(value.strip())
    return None


def _same_kind(left, right):
    """A pair of comparable values, or None when the kinds do not mix."""
    if isinstance(left, bool) or isinstance(right, bool):
        words = {"true": True, "false": False}
        pair = tuple(words.get(v, v) if isinstance(v, str) else v for v in (left, right))
        return pair if all(isinstance(v, bool) for v in pair) else None
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    numbers = number_of(left), number_of(right)
    return numbers if None not in numbers else None


def _equal(left, right):
    if left is None or right is None:
        return left is right
    pair = _same_kind(left, right)
    if pair is not None:
        return pair[0] == pair[1]
    return isinstance(left, (list, dict)) and left == right


def _compare(sign, left, right):
    if len(left) != 1 or len(right) != 1:
        return sign == "!="
    if sign in ("==", "!="):
        return _equal(left[0], right[0]) == (sign == "==")
    pair = _same_kind(left[0], right[0])
    if pair is None or isinstance(pair[0], bool):
        return sign in ("<=", ">=") and pair is not None and pair[0] == pair[1]
    return {"<": pair[0] < pair[1], "<=": pair[0] <= pair[1],
            ">": pair[0] > pair[1], ">=": pair[0] >= pair[1]}[sign]


def _listed(left, right):
    if len(left) != 1 or len(right) != 1 or not isinstance(right[0], list):
        return False
    return any(_equal(left[0], value) for value in right[0])
