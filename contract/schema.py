"""The subset of JSON Schema in which models describe parameters and settings. A keyword outside of it is an error:
one that were ignored would seem to protect and would not.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from contract.errors import ModelError, shown

__all__ = ["Violation", "check", "defaults", "violations"]

Schema = Mapping[str, Any]

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
}
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "unit"})
_KEYWORDS_OF: Final[dict[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"enum", "minLength", "maxLength"}),
    "number": frozenset({"minimum", "maximum"}),
    "integer": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
}


class Violation(NamedTuple):
    """What is wrong with a value; `field` is its path, empty for the value itself."""

    field: str
    expected: str
    got: str


def violations(schema: Schema, value: Any, at: str = "") -> Iterator[Violation]:
    """Everything in which a JSON value departs from a checked schema."""
    kind = schema["type"]
    if not _is_of_type(value, kind):
        yield Violation(at, f"of type {kind}", shown(value))
    elif kind == "object":
        yield from _object_violations(schema, value, at)
    elif kind == "array":
        yield from _bounds(schema, ("minItems", "maxItems"), len(value), at, " items")
        for index, item in enumerate(value):
            yield from violations(schema["items"], item, f"{at}[{index}]") if "items" in schema else ()
    elif kind == "string":
        yield from _bounds(schema, ("minLength", "maxLength"), len(value), at, " characters")
        if "enum" in schema and value not in schema["enum"]:
            yield Violation(at, f"one of {', '.join(schema['enum'])}", shown(value))
    elif kind in ("number", "integer"):
        yield from _bounds(schema, ("minimum", "maximum"), value, at, "")


def defaults(schema: Schema) -> dict[str, Any]:
    """The defaults that an object schema's properties name."""
    return {key: inner["default"] for key, inner in schema.get("properties", {}).items() if "default" in inner}


def check(schema: Any, at: str) -> None:
    """Raise ModelError unless this is a schema of the subset whose defaults keep to it; `at` is its path."""
    if not isinstance(schema, dict):
        raise ModelError(at, "an object", shown(schema))
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ModelError(f"{at}.type", f"one of {', '.join(_TYPES)}", shown(kind))
    allowed = _KEYWORDS_OF[kind] | _ANNOTATIONS | {"type"}
    for keyword, value in schema.items():
        if keyword not in allowed:
            raise ModelError(f"{at}.{keyword}", f"one of {', '.join(sorted(allowed))}", shown(keyword))
        _check_keyword(keyword, value, f"{at}.{keyword}")
    properties = schema.get("properties", {})
    for key, inner in properties.items():
        check(inner, f"{at}.properties.{key}")
    if "items" in schema:
        check(schema["items"], f"{at}.items")
    for key in schema.get("required", ()):
        if key not in properties:
            raise ModelError(f"{at}.required", "keys of `properties`", shown(key))
    for violation in violations(schema, schema["default"]) if "default" in schema else ():
        raise ModelError(f"{at}.default{violation.field}", violation.expected, violation.got)


_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")


def _check_keyword(keyword: str, value: Any, at: str) -> None:
    expected = None
    if keyword == "properties" and not isinstance(value, dict):
        expected = "an object"
    elif keyword in ("enum", "required") and not (
        isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    ):
        expected = "a list of strings"
    elif keyword == "additionalProperties" and not isinstance(value, bool):
        expected = "true or false"
    elif keyword in ("minimum", "maximum") and (isinstance(value, bool) or not isinstance(value, (int, float))):
        expected = "a number"
    elif keyword in _COUNTS and (type(value) is not int or value < 0):
        expected = "a count"
    if expected:
        raise ModelError(at, expected, shown(value))


def _object_violations(schema: Schema, value: dict[str, Any], at: str) -> Iterator[Violation]:
    properties = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield Violation(_joined(at, key), "present", "nothing")
    for key, item in value.items():
        if key in properties:
            yield from violations(properties[key], item, _joined(at, key))
        elif schema.get("additionalProperties") is False:
            yield Violation(_joined(at, key), f"one of {', '.join(properties) or 'no keys'}", shown(key))


def _bounds(schema: Schema, keywords: tuple[str, str], value: float, at: str, of: str) -> Iterator[Violation]:
    least, most = (schema.get(keyword) for keyword in keywords)
    if least is not None and not value >= least:  # so written that NaN is outside
        yield Violation(at, f"at least {least}{of}", f"{value}{of}")
    if most is not None and not value <= most:
        yield Violation(at, f"at most {most}{of}", f"{value}{of}")


def _is_of_type(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _joined(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
