"""DynamoDB's attributes as they are on the wire, `{"S": "…"}`: how they compare, what they weigh, how they are kept."""

import re
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any

Attribute = dict[str, Any]
Item = dict[str, Attribute]
Step = str | int
SETS = ("SS", "NS", "BS")
_DIGITS = 38
_SMALLEST, _GREATEST = Decimal("1e-130"), Decimal("9.9999999999999999999999999999999999999e125")
DECIMALS = Context(prec=_DIGITS)
_COMMON = re.compile(r"[1-9][0-9]{0,19}")
_INTEGER = re.compile(r"-?[1-9][0-9]{0,37}|0")


class Invalid(Exception):  # noqa: N818 - DynamoDB's ValidationException, made by whoever raises it to the caller
    pass


def get(item: Item, path: tuple[Step, ...]) -> Attribute | None:
    found: Any = item.get(path[0])
    for step in path[1:]:
        if found is None:
            return None
        if type(step) is int:
            inner = found.get("L")
            found = inner[step] if inner is not None and step < len(inner) else None
        else:
            inner = found.get("M")
            found = inner.get(step) if inner is not None else None
    return found


def equal(one: Attribute | None, other: Attribute | None) -> bool:
    if one is None or other is None:
        return False
    (kind, value), (other_kind, other_value) = *one.items(), *other.items()
    if kind != other_kind:
        return False
    if kind == "N":
        return value == other_value or Decimal(value) == Decimal(other_value)
    if kind == "M":
        return value.keys() == other_value.keys() and all(equal(value[key], other_value[key]) for key in value)
    if kind == "L":
        return len(value) == len(other_value) and all(map(equal, value, other_value))
    return set(value) == set(other_value) if kind in SETS else value == other_value


def order(attribute: Attribute) -> Any:
    """By which values of one type are sorted: strings by their UTF-8, which is the order of their characters."""
    kind, value = next(iter(attribute.items()))
    return Decimal(value) if kind == "N" else value


def number(value: Decimal) -> str:
    """As DynamoDB gives it back: without zeros that say nothing."""
    if value == value.to_integral_value() and abs(value) < Decimal(10) ** 38:
        return str(int(value))
    return format(value.normalize(DECIMALS), "f" if abs(value.adjusted()) < 20 else "")


def kept(attribute: Attribute) -> Attribute:
    """As DynamoDB keeps it, apart from what its caller may change; raises Invalid for what it does not take."""
    if len(attribute) != 1:
        raise Invalid(f"Supplied AttributeValue has not exactly one datatype: {attribute}")
    ((kind, value),) = attribute.items()
    if type(value) is str and (
        kind == "S" or (kind == "N" and value.isdecimal() and value[0] != "0" and len(value) < 20)
    ):
        return attribute  # nearly all are
    made = _KEPT.get(kind)
    if made is None:
        raise Invalid(f"Supplied AttributeValue has no datatype that there is: {attribute}")
    found = made(value)
    if found is None:
        raise Invalid(f"One or more parameter values were invalid: {attribute}")
    return attribute if found is value else {kind: found}


def _set_kept(value: Any) -> Any:
    return sorted(value) if value and len(set(value)) == len(value) else None


def _number_kept(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    if _INTEGER.fullmatch(text):
        return text
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"A value provided cannot be converted into a number: {text!r}") from None
    if not value.is_finite() or len("".join(map(str, value.as_tuple().digits)).strip("0")) > _DIGITS:
        raise Invalid(f"Attempting to store more than 38 significant digits in a Number: {text!r}")
    if value and not _SMALLEST <= abs(value) <= _GREATEST:
        raise Invalid(f"Number overflow or underflow: {text!r}")
    return number(value)


def _of(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else None


_KEPT: dict[str, Callable[[Any], Any]] = {
    "S": _of(str),
    "BOOL": _of(bool),
    "NULL": _of(bool),
    "N": _number_kept,
    "B": lambda value: value if type(value) is bytes else bytes(value),
    "M": lambda value: {name: kept(inner) for name, inner in value.items()},
    "L": lambda value: [kept(inner) for inner in value],
    "SS": _set_kept,
    "BS": _set_kept,
    "NS": lambda value: value and _set_kept([_number_kept(one) for one in value]),
}


def weight(item: Item) -> int:
    """In bytes, as DynamoDB counts an item."""
    total = 0
    for name, attribute in item.items():
        kind, value = next(iter(attribute.items()))
        if kind in {"S", "B"}:
            total += len(name) + (len(value) if kind == "B" or value.isascii() else len(value.encode()))
        else:
            total += len(name if name.isascii() else name.encode()) + _weight(kind, value)
    return total


def _weight(kind: str, value: Any) -> int:
    if kind == "N":
        return len(value) // 2 + 2
    if kind == "M":
        return 3 + len(value) + weight(value)
    if kind == "L":
        return 3 + len(value) + sum(weight({"": inner}) for inner in value)
    return sum(map(len, value)) if kind in SETS else 1
