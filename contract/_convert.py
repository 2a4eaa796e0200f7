"""From parsed JSON to a struct, with msgspec's validation errors in the contract's words."""

import re
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec

from contract.errors import shown

__all__ = ["Mismatch", "convert"]

_ERROR = re.compile(r"(?s)(?P<message>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?")
_EXPECTED = re.compile(r"Expected (?P<expected>.*?)(?:, got .*)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<key>.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]")
_TYPE = re.compile(r"`(?P<types>[^`]+)`")
_TYPE_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "object": "an object",
    "array": "a list",
}
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Mismatch(Exception):  # noqa: N818 - each caller makes its own error of it
    """A document is not of the kind asked for."""

    def __init__(self, field: str | None, expected: str, got: str) -> None:
        super().__init__(field, expected, got)
        self.field = field
        self.expected = expected
        self.got = got


class _Fault(NamedTuple):
    path: str
    expected: str
    got: str | None = None


def convert(document: Any, kind: type[_Struct], at: str = "") -> _Struct:
    """Raises Mismatch; `at` is the document's own path in what the caller read."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        fault = _fault(str(error), kind)
        got = shown(_found(document, fault.path)) if fault.got is None else fault.got
        raise Mismatch((at + fault.path).lstrip(".") or None, fault.expected, got) from error


def _fault(text: str, kind: type[msgspec.Struct]) -> _Fault:
    parts = _ERROR.fullmatch(text)
    message, path = (parts["message"], parts["path"] or "") if parts else (text, "")
    path, member, _ = path.partition("[...]")
    fault = _fault_at(path, message, kind)
    # Somewhere in a map of any keys; msgspec does not say where.
    return _Fault(path, f"an object in which each value is {fault.expected}") if member else fault


def _fault_at(path: str, message: str, kind: type[msgspec.Struct]) -> _Fault:
    if missing := _MISSING.fullmatch(message):
        return _Fault(f"{path}.{missing['key']}", "present", "nothing")
    if unknown := _UNKNOWN.fullmatch(message):
        return _Fault(f"{path}.{unknown['key']}", "left out", "a field that is not known here")
    if message.startswith("Invalid enum value"):
        return _Fault(path, f"one of {', '.join(_words(kind, path))}")
    if message.startswith("Invalid base64"):
        return _Fault(path, "base64")
    if expected := _EXPECTED.fullmatch(message):
        return _Fault(path, _TYPE.sub(_type_names, expected["expected"]))
    return _Fault(path, "valid", message)


def _type_names(match: re.Match[str]) -> str:
    return " or ".join(_TYPE_NAMES.get(name, name) for name in match["types"].split(" | "))


def _words(kind: type[msgspec.Struct], path: str) -> tuple[str, ...]:
    """The words of the Literal at a path; ours all stand at the top of their struct."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    return get_args(types[path.lstrip(".")])


def _found(document: Any, path: str) -> Any:
    for step in _STEP.finditer(path):
        key = step["index"]
        document = document[step["key"]] if key is None else document[int(key)]
    return document
