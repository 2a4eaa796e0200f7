"""Checks a request against the service's own model, which botocore brings, and complains in AWS's words."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from local.timestream.liveanalytics_errors import ServiceError, invalid

_SERVICES = ("timestream-write", "timestream-query")
_MOST_COMPLAINTS = 10


@cache
def _operations() -> Mapping[str, Any]:
    import botocore.session  # takes a third of a second, which the server's start need not wait for

    session = botocore.session.get_session()
    models = [session.get_service_model(service) for service in _SERVICES]
    # What both have (endpoints, tags) is the same but for names that do not matter here.
    return {name: model.operation_model(name) for model in reversed(models) for name in model.operation_names}


def is_operation(name: str) -> bool:
    return name in _operations()


def require_valid(operation: str, request: object) -> None:
    """Raises ServiceError: SerializationException or ValidationException."""
    shape = _operations()[operation].input_shape
    complaints = [] if shape is None else list(_complaints(shape, request, ""))
    if complaints:
        count = len(complaints)
        some = "; ".join(complaints[:_MOST_COMPLAINTS])
        raise invalid(f"{count} validation error{'' if count == 1 else 's'} detected: {some}")


def _complaints(shape: Any, value: object, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield from _structure(shape, _expect(value, dict, path), path)
        case "list":
            items = _expect(value, list, path)
            yield from _length(shape, items, path)
            for number, item in enumerate(items, 1):
                yield from _complaints(shape.member, item, f"{path}.{number}.member")
        case "string":
            yield from _string(shape, _expect(value, str, path), path)
        case "integer" | "long":
            yield from _number(shape, _expect(value, int, path), path)
        case "boolean":
            _expect(value, bool, path)


def _expect(value: object, kind: type, path: str) -> Any:
    if type(value) is not kind:
        name = path or "the request"
        raise ServiceError("SerializationException", f"expected {kind.__name__} for {name}, got {type(value).__name__}")
    return value


def _structure(shape: Any, value: dict[str, object], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        inner = (path + "." if path else "") + name[0].lower() + name[1:]
        if value.get(name) is not None:
            yield from _complaints(member, value[name], inner)
        elif name in shape.required_members:
            yield f"Value null at '{inner}' failed to satisfy constraint: Member must not be null"


def _string(shape: Any, value: str, path: str) -> Iterator[str]:
    yield from _length(shape, value, path)
    if shape.enum and value not in shape.enum:
        yield _complaint(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield _complaint(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _length(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    shown = value if isinstance(value, str) else f"[{len(value)} items]"
    if least is not None and len(value) < least:
        yield _complaint(shown, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _complaint(shown, path, f"Member must have length less than or equal to {most}")


def _number(shape: Any, value: int, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _complaint(str(value), path, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _complaint(str(value), path, f"Member must have value less than or equal to {most}")


def _complaint(value: str, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
