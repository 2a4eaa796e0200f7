"""The document itself."""

import inspect
import json
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from types import UnionType
from typing import Any, Final, get_args

from aws_lambda_powertools import Logger

import contract
from functions.api.answer import CSV, JSON, Described, described
from functions.api.app import resolver, serve
from functions.api.openapi import parameters, problems, schemas
from functions.api.openapi.schemas import Json
from functions.routes import PUT, ROUTES, Route

ROOMS: Final = {
    "service": "What anybody may ask.",
    "docs": "This description.",
    "auth": "Signing in and out with a password; for the web, with a cookie that no script can read.",
    "me": "Who I am and what I may do.",
    "devices": "Devices: register, find, change, decommission; what they were last heard to say.",
    "groups": "The tree of groups that devices are in.",
    "models": "What devices of a type measure, do and can be set to.",
    "rules": "Rules: what to watch for on which devices, how bad it is, and what to do about it.",
    "alarms": "What rules found: who has seen it, whose it is, what became of it.",
    "recipients": "Whom alarms are told, on which channel, and when they want to be left alone.",
    "maintenance": "Times in which nobody is told of some devices' alarms, and nothing is done about them.",
    "deliveries": "What was done about alarms, each attempt at it, and trying what failed again.",
    "trials": "Tests of rules: what comes of a device, and what is to become of its alarm.",
    "explanations": "Where rules stand on a device, and why.",
    "backtests": "Backtests: what a rule would have found in a device's history.",
    "telemetry": "History, and telemetry of devices that speak no MQTT.",
    "events": "What devices report besides telemetry.",
    "quarantine": "What could not be kept, why, and how it is taken up again.",
    "dead_letters": "What no function could handle, and how it goes back.",
    "commands": "Commands to one device or many, each step with its time.",
    "shadows": "Desired and reported state and configuration, with their history.",
    "users": "People and their grants.",
    "keys": "API keys of machines, and keys of devices that speak no MQTT.",
    "certificates": "By what devices connect: certificates for keys of their own, and what their agents start with.",
    "live": "Tickets for the WebSocket that pushes changes.",
    "audit": "Every change through the API.",
}
_DESCRIPTION: Final = """\
Times are milliseconds since the Unix epoch. Lists answer `items` and a `cursor`, which is null on the last page. \
Errors are problem details (RFC 9457) with a stable `type`. Fields and operations may be added at any time; \
none is taken away within `v1`.

`x-permission` names the permission that an operation needs, over what it concerns.
"""
_MAKES: Final = frozenset({"save_model"})
"""PUT that also makes what is not there, of which there is no version to name."""
_VERDICTS: Final = {200: "Done.", 201: "Made.", 202: "Accepted; it goes on.", 204: "Done."}
_ETAG: Final = {
    "description": "The version shown.",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}
_REPLAYED: Final = {
    "description": "`true`: the answer of an earlier request with this key.",
    "schema": {"const": "true"},
}
_NEXT_CURSOR: Final = {
    "description": "The cursor of the next page, where CSV is not the last.",
    "schema": {"type": "string"},
}


def document(routes: Iterable[Route] = ROUTES) -> Json:
    """OpenAPI 3.1 of the routes whose operations are there."""
    served = [route for route in routes if operation_of(route) is not None]
    raw = _from_resolver(served)
    kinds = _Kinds(described(_must(route)) for route in served)
    paths: Json = {}
    refused: set[tuple[str, ...]] = set()
    for route in served:
        made, description = _operation(route, raw["paths"][route.path][route.method.lower()])
        refusals = problems.by_status(problems.of(route, made, description))
        refused |= set(refusals.values())
        answers = {} if description is None else {str(description.status): _answer(route, description, kinds)}
        links = {str(status): problems.reference(one) for status, one in refusals.items()}
        paths.setdefault(route.path, {})[route.method.lower()] = {**made, "responses": {**answers, **links}}
    bodies = _referred(paths, raw["components"]["schemas"])
    if twice := set(bodies) & set(kinds.components):
        raise ValueError(f"bodies and answers must have names of their own, got {sorted(twice)} twice")
    components = {**bodies, **kinds.components, "Problem": problems.problem_schema()}
    rooms = {route.room for route in served}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fieldline",
            "version": contract.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/v1", "description": "Beside this page."}],
        "tags": [{"name": room, "description": text} for room, text in ROOMS.items() if room in rooms],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, an API key, or a device's key.",
                }
            },
            "responses": {problems.component(kinds): problems.response(kinds) for kinds in sorted(refused)},
            "schemas": dict(sorted(components.items())),
        },
    }


def operation_of(route: Route) -> Callable[..., Any] | None:
    """The method of the room's class that the route is bound to; None where there is none yet."""
    name = f"functions.api.operations.{route.room}"
    if find_spec(name) is None:
        return None
    module = import_module(name)
    classes = [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == name and hasattr(found, route.operation)
    ]
    return getattr(classes[0], route.operation) if classes else None


def _must(route: Route) -> Callable[..., Any]:
    operation = operation_of(route)
    if operation is None:
        raise LookupError(f"{route.room} has no operation {route.operation}")
    return operation


class _Unbound:
    """Operations without the services behind them: of all that they are, their signatures are what is read."""

    def __init__(self, routes: Iterable[Route]) -> None:
        for route in routes:
            operation = _must(route)
            setattr(self, route.operation, operation.__get__(object.__new__(object), object))


def _from_resolver(routes: list[Route]) -> Json:
    by_room = {room: _Unbound(route for route in routes if route.room == room) for room in ROOMS}
    app = serve(resolver(), by_room, Logger(service="openapi"), routes=routes)
    raw: Json = json.loads(app.get_openapi_json_schema(title="Fieldline", version="1"))
    return raw


class _Kinds:
    """What operations answer with, as schemas."""

    def __init__(self, descriptions: Iterable[Described | None]) -> None:
        # An operation may answer with one of several structs, which msgspec cannot tell apart but need not.
        self._kinds = [
            kind for one in descriptions if one is not None and one.kind is not None for kind in _alternatives(one.kind)
        ]
        self._schemas, self.components = schemas.of_answers(self._kinds)

    def schema(self, kind: Any) -> Json:
        each = [self._schemas[self._kinds.index(one)] for one in _alternatives(kind)]
        return each[0] if len(each) == 1 else {"anyOf": each}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _operation(route: Route, raw: Json) -> tuple[Json, Described | None]:
    """All but its answers."""
    operation = _must(route)
    summary, _, more = inspect.cleandoc(operation.__doc__ or "").partition("\n")
    given = [_parameter(route, one) for one in raw.get("parameters", [])]
    if route.creates:
        given.append(parameters.IDEMPOTENCY_KEY)
    if _calls(operation, "if_match"):
        given.append(parameters.if_match(required=route.method == PUT and route.operation not in _MAKES))
    if _calls(operation, "_cookie"):
        given.append(parameters.REFRESH_COOKIE)
    made: Json = {
        "operationId": route.operation,
        "summary": summary.removesuffix("."),
        **({"description": more.strip()} if more.strip() else {}),
        "tags": [route.room],
        "security": [] if route.public else [{"bearer": []}],
        **({"x-permission": route.permission} if route.permission else {}),
        **({"parameters": given} if given else {}),
        **({"requestBody": _tidied(raw["requestBody"])} if "requestBody" in raw else {}),
    }
    return made, described(operation)


def _calls(operation: Callable[..., Any], name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an operation, or a method of its class that it calls, calls something of that name."""
    owner = inspect.getmodule(operation)
    cls = getattr(owner, operation.__qualname__.partition(".")[0])
    used = set(operation.__code__.co_names)
    methods = [vars(cls)[one] for one in used - seen if inspect.isfunction(vars(cls).get(one))]
    return name in used or any(_calls(method, name, seen | used) for method in methods)


def _answer(route: Route, description: Described, kinds: _Kinds) -> Json:
    answer: Json = {"description": _VERDICTS[description.status]}
    headers = {
        **({"ETag": _ETAG} if description.etag else {}),
        **({"Idempotency-Replayed": _REPLAYED} if route.creates and not route.shown_once else {}),
        **({"X-Next-Cursor": _NEXT_CURSOR} if CSV in description.media else {}),
    }
    if headers:
        answer["headers"] = headers
    if description.kind is None:
        return answer
    answer["content"] = {
        media.partition(";")[0]: {"schema": kinds.schema(description.kind) if media == JSON else {"type": "string"}}
        for media in description.media
    }
    return answer


def _parameter(route: Route, raw: Json) -> Json:
    """Without what pydantic says of its own, with what the name means."""
    schema = _tidied(raw["schema"])
    if raw["in"] == "query":
        schema = _never_null(schema)
    name = raw["name"]
    in_query = parameters.QUERY.get(f"{route.operation}.{name}", parameters.QUERY.get(name, {}))
    known = parameters.PATH.get(name, {}) if raw["in"] == "path" else in_query
    if "items" in schema:
        schema["items"] = {**known.get("items", {}), **schema["items"]}
    own = schema.pop("description", None)
    return {
        "name": name,
        "in": raw["in"],
        "required": raw["required"],
        "description": raw.get("description") or own or known.get("description", ""),
        "schema": {**known.get("schema", {}), **schema},
        **({"example": known["example"]} if "example" in known else {}),
    }


def _never_null(schema: Json) -> Json:
    """A query string cannot say null: what may be null may be left out."""
    if "anyOf" not in schema:
        return schema
    others = [one for one in schema["anyOf"] if one != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**rest, **others[0]} if len(others) == 1 else {**rest, "anyOf": others}


def _tidied(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: int(value) if key in {"minimum", "maximum"} and float(value).is_integer() else _tidied(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_tidied(value) for value in schema] if isinstance(schema, list) else schema


def _referred(paths: Json, known: Json) -> Json:
    """The schemas of bodies, and those that they refer to."""
    found: Json = {}
    waiting = [paths]
    while waiting:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop())):
            if name in known and name not in found:
                found[name] = _tidied(known[name])
                waiting.append(found[name])
    return found
