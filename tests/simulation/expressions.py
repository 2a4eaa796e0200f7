"""DynamoDB's expressions, as its developer guide has them: compiled once a text, then run on items.

Attributes are those of the wire, `{"S": "…"}`. A text that DynamoDB would refuse raises `Invalid`.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulation.attributes import Attribute, Invalid, Item, Step, equal, get, order

Test = Callable[["Scope", Item], bool]
Get = Callable[["Scope", Item], Attribute | None]

_TOKENS = re.compile(r"\s*(?:(<=|>=|<>|[=<>(),.\[\]+-])|([#:]?[A-Za-z0-9_]+))")
_ORDERED = ("N", "S", "B")


class Scope:
    """The names and values that a request gives its expressions, and which of them were used."""

    __slots__ = ("names", "used", "values")

    def __init__(self, names: dict[str, str] | None, values: Item | None) -> None:
        self.names = names or {}
        self.values = values or {}
        self.used: set[str] = set()

    def name(self, text: str) -> str:
        if text[0] != "#":
            return text
        self.used.add(text)
        try:
            return self.names[text]
        except KeyError:
            raise Invalid(f"An expression attribute name used in the document path is not defined: {text}") from None

    def value(self, text: str) -> Attribute:
        self.used.add(text)
        try:
            return self.values[text]
        except KeyError:
            raise Invalid(f"An expression attribute value used in expression is not defined: {text}") from None

    def check_used(self) -> None:
        unused = {*self.names, *self.values} - self.used
        if unused:
            raise Invalid(f"Value or name provided in the request is unused in expressions: {sorted(unused)}")


class Compiled(NamedTuple):
    """`mentions` are the placeholders in the text: DynamoDB looks at all of them before it evaluates any."""

    run: Any
    mentions: tuple[str, ...]

    def resolve(self, scope: Scope) -> Any:
        for text in self.mentions:
            scope.value(text) if text[0] == ":" else scope.name(text)
        return self.run


class KeyCondition(NamedTuple):
    partition: tuple[str, str]
    sort: str | None
    holds: Test


def _compare(operator: str, left: Get, right: Get) -> Test:
    def test(scope: Scope, item: Item) -> bool:
        one, other = left(scope, item), right(scope, item)
        if operator == "=":
            return equal(one, other)
        if operator == "<>":
            return not equal(one, other)
        if one is None or other is None:
            return False
        kind = next(iter(one))
        if kind not in other or kind not in _ORDERED:
            return False
        return bool(_ORDERS[operator](order(one), order(other)))

    return test


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _function(name: str, arguments: list[Get]) -> Test:
    if len(arguments) != (1 if name in {"attribute_exists", "attribute_not_exists"} else 2):
        raise Invalid(f"Incorrect number of operands for operator or function: {name}")

    def begins_with(scope: Scope, item: Item) -> bool:
        whole, start = arguments[0](scope, item), arguments[1](scope, item)
        if whole is None or start is None:
            return False
        kind = next(iter(start))
        return kind in {"S", "B"} and kind in whole and whole[kind].startswith(start[kind])

    def contains(scope: Scope, item: Item) -> bool:
        whole, part = arguments[0](scope, item), arguments[1](scope, item)
        if whole is None or part is None:
            return False
        (kind, value), (part_kind, part_value) = *whole.items(), *part.items()
        if kind in {"S", "B"}:
            return kind == part_kind and part_value in value
        if kind == "L":
            return any(equal(one, part) for one in value)
        return kind == f"{part_kind}S" and part_value in value

    def attribute_type(scope: Scope, item: Item) -> bool:
        found, kind = arguments[0](scope, item), arguments[1](scope, item)
        return found is not None and kind is not None and kind.get("S") in found

    tests: dict[str, Test] = {
        "attribute_exists": lambda scope, item: arguments[0](scope, item) is not None,
        "attribute_not_exists": lambda scope, item: arguments[0](scope, item) is None,
        "attribute_type": attribute_type,
        "begins_with": begins_with,
        "contains": contains,
    }
    return tests[name]


_FUNCTIONS = frozenset({"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"})


class Reader:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKENS.match(text, at)
            if match is None:
                raise Invalid(f"Invalid expression: Syntax error; {text[at:]!r} in {text!r}")
            self.tokens.append(match[1] or match[2])
            at = match.end()
        self.text = text
        self.at = 0

    @property
    def mentions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(token for token in self.tokens if token[0] in "#:"))

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def word(self) -> str:
        return self.peek().upper()

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token.upper() != expected):
            raise Invalid(f"Invalid expression: Syntax error; expected {expected}, got {token!r} in {self.text!r}")
        self.at += 1
        return token

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise Invalid(f"Invalid expression: Syntax error; {self.peek()!r} in {self.text!r}")

    def path(self) -> tuple[Step, ...]:
        steps: list[Step] = [self._name()]
        while self.peek() in {".", "["}:
            if self.take() == ".":
                steps.append(self._name())
            else:
                steps.append(int(self.take()))
                self.take("]")
        return tuple(steps)

    def _name(self) -> str:
        name = self.take()
        if name[0] == ":" or not (name[0] == "#" or name[0].isalpha() or name[0] == "_"):
            raise Invalid(f"Invalid expression: Syntax error; expected a name, got {name!r} in {self.text!r}")
        if name.upper() in reserved_words():
            raise Invalid(f"Invalid expression: Attribute name is a reserved keyword; reserved keyword: {name}")
        return name

    def operand(self) -> Get:
        token = self.peek()
        if token.startswith(":"):
            self.take()
            return lambda scope, _item: scope.value(token)
        if token == "size" and self.tokens[self.at + 1 : self.at + 2] == ["("]:
            self.take()
            self.take("(")
            path = at(self.path())
            self.take(")")
            return lambda scope, item: _size(path(scope, item))
        return at(self.path())

    def disjunction(self) -> Test:
        tests = [self.conjunction()]
        while self.word() == "OR":
            self.take()
            tests.append(self.conjunction())
        return tests[0] if len(tests) == 1 else lambda scope, item: any(test(scope, item) for test in tests)

    def conjunction(self) -> Test:
        tests = [self.negation()]
        while self.word() == "AND":
            self.take()
            tests.append(self.negation())
        return tests[0] if len(tests) == 1 else lambda scope, item: all(test(scope, item) for test in tests)

    def negation(self) -> Test:
        if self.word() != "NOT":
            return self.primary()
        self.take()
        test = self.negation()
        return lambda scope, item: not test(scope, item)

    def primary(self) -> Test:
        if self.peek() == "(":
            self.take()
            test = self.disjunction()
            self.take(")")
            return test
        if self.peek() in _FUNCTIONS:
            return self._called(self.take())
        left = self.operand()
        if self.word() == "BETWEEN":
            self.take()
            low = self.operand()
            self.take("AND")
            high = self.operand()
            above, below = _compare(">=", left, low), _compare("<=", left, high)
            return lambda scope, item: above(scope, item) and below(scope, item)
        if self.word() == "IN":
            self.take()
            tests = [_compare("=", left, one) for one in self._listed()]
            return lambda scope, item: any(test(scope, item) for test in tests)
        operator = self.take()
        if operator not in {"=", "<>", *_ORDERS}:
            raise Invalid(f"Invalid expression: Syntax error; {operator!r} in {self.text!r}")
        return _compare(operator, left, self.operand())

    def _listed(self) -> list[Get]:
        self.take("(")
        found = [self.operand()]
        while self.peek() == ",":
            self.take()
            found.append(self.operand())
        self.take(")")
        return found

    def _called(self, name: str) -> Test:
        return _function(name, self._listed())


def at(path: tuple[Step, ...]) -> Get:
    if len(path) == 1 and type(path[0]) is str and path[0][0] != "#":
        name = path[0]
        return lambda _scope, item: item.get(name)
    return lambda scope, item: get(item, resolved(scope, path))


def resolved(scope: Scope, path: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple([scope.name(step) if type(step) is str else step for step in path])


def _size(attribute: Attribute | None) -> Attribute | None:
    if attribute is None:
        return None
    kind, value = next(iter(attribute.items()))
    return {"N": str(len(value.encode()) if kind == "S" else len(value))}


@lru_cache(maxsize=4096)
def condition(text: str) -> Compiled:
    """Of a condition or a filter."""
    reader = Reader(text)
    test = reader.disjunction()
    reader.end()
    return Compiled(test, reader.mentions)


@lru_cache(maxsize=4096)
def projection(text: str) -> Compiled:
    reader = Reader(text)
    paths = [reader.path()]
    while reader.peek() == ",":
        reader.take()
        paths.append(reader.path())
    reader.end()

    def project(scope: Scope, item: Item) -> Item:
        found: Item = {}
        for path in paths:
            whole = resolved(scope, path)
            if len(whole) == 1:
                if whole[0] in item:
                    found[whole[0]] = item[whole[0]]
            elif (inner := get(item, whole)) is not None:
                _graft(found, whole, inner)
        return found

    return Compiled(project, reader.mentions)


def _graft(found: Item, path: tuple[Step, ...], value: Attribute) -> None:
    """Only members of maps: nothing of ours projects elements of lists."""
    inner: Any = found
    for step in path[:-1]:
        if type(step) is not str:
            raise Invalid(f"the simulation projects no elements of lists: {path}")
        inner = inner.setdefault(step, {"M": {}})["M"]
    inner[path[-1]] = value


@lru_cache(maxsize=4096)
def key_condition(text: str) -> Compiled:
    """An equality of one key, and at most one condition on another."""
    reader = Reader(text)
    mentions = reader.mentions
    partition: tuple[str, str] | None = None
    sort: str | None = None
    tests: list[Test] = []
    while True:
        start = reader.at
        if reader.peek() == "begins_with":
            sort = reader.tokens[start + 2]
        elif reader.tokens[start + 1 : start + 2] == ["="] and partition is None:
            partition = (reader.take(), (reader.take(), reader.take())[1])
        else:
            sort = reader.peek()
        if reader.at == start:
            if reader.word() == "NOT" or reader.peek() == "(":
                raise Invalid(f"Invalid operator used in KeyConditionExpression: {text}")
            tests.append(reader.primary())
        if reader.word() != "AND":
            break
        reader.take()
    reader.end()
    if partition is None or len(tests) > 1:
        raise Invalid(f"Query condition missed key schema element, or too many of them: {text}")
    holds = tests[0] if tests else lambda _scope, _item: True
    return Compiled(KeyCondition(partition, sort, holds), mentions)


@lru_cache(maxsize=1)
def reserved_words() -> frozenset[str]:
    """AWS's list, as moto carries it."""
    spec = find_spec("moto")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "dynamodb/parsing/reserved_keywords.txt"
    return frozenset(path.read_text().split())
