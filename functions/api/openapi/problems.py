"""Which problems an operation can answer with."""

from collections.abc import Iterable

from functions.api.answer import Described
from functions.api.openapi.schemas import Json
from functions.problem_types import CONTENT_TYPE, GATEWAY_PROBLEMS, OTHER, PREFIX, PROBLEMS
from functions.routes import GET, PUT, Route

_MEANINGS = {
    "invalid-request": "A parameter, header or field is not what it has to be; `field`, `expected` and `got` say more.",
    "unauthorized": "No valid token or key.",
    "forbidden": "Known, but not allowed.",
    "not-found": "It does not exist, or not for you: which of both is not told.",
    "conflict": "It cannot be done as things stand.",
    "idempotency-in-progress": "The first request with this key is still being answered: ask after `Retry-After`.",
    "changed-meanwhile": "There is a newer version than the one in `If-Match`.",
    "too-large": "More bytes than are taken.",
    "unsupported-media-type": "A body of another kind than is taken.",
    "idempotency-key-reused": "This key came with another request before.",
    "if-match-required": "Replacing needs `If-Match`.",
    "too-many-requests": "Too much at once; `Retry-After` says when to ask again.",
    "unsupported": "The telemetry store of this deployment cannot do this.",
    "unavailable": "A service behind the API did not answer; `Retry-After` says when to ask again.",
}


_TRIED_AGAIN = {"idempotency-in-progress", "too-many-requests", "unavailable"}


def of(route: Route, operation: Json, description: Described | None) -> list[str]:
    """The names of the problems of a route whose parameters and body are in `operation`."""
    versioned = any(one["name"] == "If-Match" for one in operation.get("parameters", ()))
    body = "requestBody" in operation
    writes = route.method != GET
    signs_in = route.function == "auth"
    possible = {
        # Also where there are no parameters: one that is sent is none.
        "invalid-request": True,
        "unauthorized": not route.public or signs_in,
        "forbidden": not route.public or signs_in,
        "not-found": "{" in route.path,
        "conflict": writes and not route.public,
        "idempotency-in-progress": route.creates,
        "changed-meanwhile": versioned,
        "too-large": body,
        "unsupported-media-type": body or signs_in,
        "idempotency-key-reused": route.creates,
        "if-match-required": versioned and route.method == PUT,
        "too-many-requests": True,
        "unsupported": route.room == "telemetry",
        "unavailable": not route.public or signs_in,
    }
    named = set(description.problems) if description else set()
    return [kind for kind in PROBLEMS if possible.get(kind) or kind in named]


def by_status(kinds: Iterable[str]) -> dict[int, tuple[str, ...]]:
    """The kinds of problem of each status, in the order of the statuses."""
    found: dict[int, tuple[str, ...]] = {}
    for kind in kinds:
        status, _ = PROBLEMS[kind]
        found[status] = (*found.get(status, ()), kind)
    return dict(sorted(found.items()))


def component(kinds: tuple[str, ...]) -> str:
    """The name of the response that these kinds have in common."""
    return "Or".join("".join(word.capitalize() for word in kind.split("-")) for kind in kinds)


def reference(kinds: tuple[str, ...]) -> Json:
    return {"$ref": f"#/components/responses/{component(kinds)}"}


def response(kinds: tuple[str, ...]) -> Json:
    """What is answered where one of these kinds, of one status, is the problem."""
    types = [PREFIX + kind for kind in kinds]
    headers: Json = {}
    if later := [kind for kind in kinds if kind in _TRIED_AGAIN]:
        headers["Retry-After"] = {
            "description": "Seconds.",
            "required": len(later) == len(kinds),
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    if "unauthorized" in kinds:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
    of_kind = {"const": types[0]} if len(types) == 1 else {"enum": types}
    return {
        "description": " ".join(_MEANINGS[kind] for kind in kinds),
        **({"headers": headers} if headers else {}),
        "content": {
            CONTENT_TYPE: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"type": of_kind}},
                    ]
                },
                "examples": {kind: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _example(kind: str) -> Json:
    status, title = PROBLEMS[kind]
    example: Json = {"type": PREFIX + kind, "title": title, "status": status, "detail": _MEANINGS[kind]}
    if kind == "invalid-request":
        said = {"field": "limit", "expected": "less than or equal to 1000", "got": "'5000'"}
        example |= {"detail": "limit: expected {expected}, got {got}".format(**said), **said}
    return {**example, "request_id": "3d689b60-8f0e-4f0e-9a51-6c1f5b1f2c11"}


def problem_schema() -> Json:
    """RFC 9457, with what every one of ours has."""
    return {
        "type": "object",
        "description": "Why a request was refused: problem details after RFC 9457.",
        "required": ["type", "title", "status", "detail", "request_id"],
        "properties": {
            "type": {
                "type": "string",
                "description": "What kind of problem this is. It never changes: branch on it.",
                "enum": [PREFIX + kind for kind in (*PROBLEMS, *GATEWAY_PROBLEMS, OTHER)],
            },
            "title": {"type": "string", "description": "The kind in words, which may change."},
            "status": {"type": "integer", "description": "The HTTP status.", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What happened, for people."},
            "field": {"type": "string", "description": "The parameter, header or field that is wrong."},
            "expected": {"type": "string", "description": "What it has to be."},
            "got": {"type": "string", "description": "What came."},
            "problems": {
                "type": "array",
                "description": "Everything that is wrong with a document, where more than the first thing is told.",
                "items": {
                    "type": "object",
                    "required": ["field", "expected", "got"],
                    "properties": {name: {"type": "string"} for name in ("field", "expected", "got")},
                },
            },
            "request_id": {"type": ["string", "null"], "description": "Names this request in logs and audit."},
        },
        "additionalProperties": True,
    }
