"""DynamoDB's update expressions."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from tests.simulation.attributes import DECIMALS, SETS, Attribute, Invalid, Item, Step, number
from tests.simulation.expressions import Compiled, Get, Reader, Scope, at, resolved


class Update(NamedTuple):
    """`paths` are what it writes; `run` gives the item as it becomes."""

    run: Callable[[Scope, Item], Item]
    paths: Callable[[Scope], list[tuple[Step, ...]]]


_Action = tuple[str, tuple[Step, ...], Get | None]


@lru_cache(maxsize=4096)
def update(text: str) -> Compiled:
    reader = Reader(text)
    actions = _actions(reader)

    def run(scope: Scope, item: Item) -> Item:
        # Every value is that of the item as it was.
        found = [(clause, resolved(scope, path), value and value(scope, item)) for clause, path, value in actions]
        return _applied(item, found)

    def paths(scope: Scope) -> list[tuple[Step, ...]]:
        return [resolved(scope, path) for _, path, _ in actions]

    return Compiled(Update(run, paths), reader.mentions)


def _actions(reader: Reader) -> list[_Action]:
    actions: list[_Action] = []
    clauses: set[str] = set()
    while reader.peek():
        clause = reader.take().upper()
        if clause not in {"SET", "REMOVE", "ADD", "DELETE"} or clause in clauses:
            raise Invalid(f"Invalid UpdateExpression: Syntax error; {clause!r} in {reader.text!r}")
        clauses.add(clause)
        actions.append(_action(clause, reader))
        while reader.peek() == ",":
            reader.take()
            actions.append(_action(clause, reader))
    return actions


def _action(clause: str, reader: Reader) -> _Action:
    path = reader.path()
    if clause == "REMOVE":
        return clause, path, None
    if clause != "SET":
        return clause, path, reader.operand()
    reader.take("=")
    return clause, path, _sum(reader)


def _applied(item: Item, actions: list[tuple[str, tuple[Step, ...], Attribute | None]]) -> Item:
    after = dict(item)
    owned: set[tuple[Step, ...]] = set()
    removed: list[tuple[Step, ...]] = []
    for clause, path, value in actions:
        if clause == "REMOVE":
            removed.append(path)
        elif value is None:
            raise Invalid("The provided expression refers to an attribute that does not exist in the item")
        else:
            _APPLY[clause](*_parent(after, path, owned), value)
    for path in sorted(removed, key=str, reverse=True):  # of a list, the last elements first
        inner, step = _parent(after, path, owned)
        if type(step) is str:
            inner.pop(step, None)
        elif step < len(inner):
            del inner[step]
    return after


def _sum(reader: Reader) -> Get:
    left = _term(reader)
    if reader.peek() not in {"+", "-"}:
        return left
    plus = reader.take() == "+"
    right = _term(reader)

    def total(scope: Scope, item: Item) -> Attribute | None:
        one, other = left(scope, item), right(scope, item)
        if one is None or other is None:
            return None
        return {"N": number((DECIMALS.add if plus else DECIMALS.subtract)(_numeric(one), _numeric(other)))}

    return total


def _term(reader: Reader) -> Get:
    name = reader.peek()
    if name not in {"if_not_exists", "list_append"}:
        return reader.operand()
    reader.take()
    reader.take("(")
    if name == "if_not_exists":
        path = at(reader.path())
        reader.take(",")
        default = _term(reader)
        reader.take(")")

        def known_or(scope: Scope, item: Item) -> Attribute | None:
            known = path(scope, item)
            other = default(scope, item)
            return other if known is None else known

        return known_or
    first = _term(reader)
    reader.take(",")
    second = _term(reader)
    reader.take(")")

    def joined(scope: Scope, item: Item) -> Attribute | None:
        one, other = first(scope, item), second(scope, item)
        if one is None or other is None:
            return None
        if "L" not in one or "L" not in other:
            raise Invalid("Incorrect operand type for operator or function: list_append")
        return {"L": [*one["L"], *other["L"]]}

    return joined


def _numeric(attribute: Attribute) -> Decimal:
    if "N" not in attribute:
        raise Invalid("An operand in the update expression has an incorrect data type")
    return Decimal(attribute["N"])


def _parent(item: Item, path: tuple[Step, ...], owned: set[tuple[Step, ...]]) -> tuple[Any, Any]:
    """What holds the path's end, copied down to there: items that were given away are never changed."""
    inner: Any = item
    for depth, step in enumerate(path[:-1], 1):
        missing = step not in inner if type(step) is str else step >= len(inner)
        kind = "M" if type(path[depth]) is str else "L"
        if missing or kind not in inner[step]:
            raise Invalid("The document path provided in the update expression is invalid for update")
        if path[:depth] not in owned or kind == "L":
            inner[step] = {kind: inner[step][kind].copy()}
            owned.add(path[:depth])
        inner = inner[step][kind]
    return inner, path[-1]


def _set(inner: Any, step: Step, value: Attribute) -> None:
    if type(step) is int and step >= len(inner):
        inner.append(value)
    else:
        inner[step] = value


def _add(inner: Any, step: Step, value: Attribute) -> None:
    known = inner.get(step)
    kind = next(iter(value))
    if kind not in {"N", *SETS} or (known is not None and kind not in known):
        raise Invalid("An operand in the update expression has an incorrect data type")
    if kind == "N":
        inner[step] = {"N": number(DECIMALS.add(Decimal(known["N"] if known else 0), Decimal(value["N"])))}
    else:
        inner[step] = {kind: sorted({*(known[kind] if known else ()), *value[kind]})}


def _delete(inner: Any, step: Step, value: Attribute) -> None:
    known = inner.get(step)
    kind = next(iter(value))
    if kind not in SETS or (known is not None and kind not in known):
        raise Invalid("An operand in the update expression has an incorrect data type")
    if known is not None:
        left = set(known[kind]) - set(value[kind])
        if left:
            inner[step] = {kind: sorted(left)}
        else:
            del inner[step]


_APPLY: dict[str, Callable[[Any, Step, Attribute], None]] = {"SET": _set, "ADD": _add, "DELETE": _delete}
