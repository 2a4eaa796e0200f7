"""What else travels between devices, cloud and apps: commands, shadows, events. Each carries its version `v`,
except the lifecycle events, whose shape is AWS's.

    >>> decode(CommandResponse, b'{"v":1,"id":"c1","status":"SUCCEEDED","at":5}').status
    'SUCCEEDED'

Unknown fields are ignored, since old devices outlive deploys and new ones come before them.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from contract._convert import Mismatch, convert
from contract._strict_json import parse, refuse_repeated_keys
from contract.errors import DocumentError, shown
from contract.identity import COMMAND_ID_PATTERN, THING_PATTERN
from contract.telemetry import MAX_INTEGER, MAX_MESSAGE_BYTES, MAX_TIMESTAMP_MS

__all__ = [
    "COMMAND_STATUSES",
    "VERSION",
    "CommandRequest",
    "CommandResponse",
    "CommandStatus",
    "DeviceEvent",
    "Document",
    "InternalEvent",
    "PresenceEvent",
    "ReportedStatus",
    "ShadowDelta",
    "ShadowDocument",
    "ShadowError",
    "ShadowGet",
    "ShadowSection",
    "ShadowState",
    "ShadowUpdate",
    "decode",
    "encode",
    "read_json",
]

VERSION: Final = 1

ReportedStatus: TypeAlias = Literal["DELIVERED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "EXPIRED"]
"""What a device may say of a command; the other statuses are the cloud's to give."""
CommandStatus: TypeAlias = Literal[
    "CREATED",
    "SENT",
    "DELIVERED",
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "REJECTED",
    "TIMED_OUT",
    "EXPIRED",
    "CANCELLED",
]
COMMAND_STATUSES: Final[tuple[str, ...]] = get_args(CommandStatus)

_Timestamp: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIMESTAMP_MS)]
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_Id: TypeAlias = Annotated[str, Meta(pattern=rf"^(?:{COMMAND_ID_PATTERN})\Z")]
_Thing: TypeAlias = Annotated[str, Meta(pattern=rf"^(?:{THING_PATTERN})\Z")]
_Slug: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
_Text: TypeAlias = Annotated[str, Meta(max_length=1024)]


class _Versioned(msgspec.Struct, frozen=True, kw_only=True):
    v: int = VERSION


class CommandRequest(_Versioned, frozen=True, kw_only=True):
    """`cmd/{thing}/{id}/req`: do this before `expires_at`, or not at all."""

    id: _Id
    name: _Slug
    parameters: dict[str, Any]
    created_at: _Timestamp
    expires_at: _Timestamp


class CommandResponse(_Versioned, frozen=True, kw_only=True):
    """`cmd/{thing}/{id}/res`: one step of a command, at the device's time `at`."""

    id: _Id
    status: ReportedStatus
    at: _Timestamp
    result: dict[str, Any] | None = None
    reason: _Text | None = None


class ShadowSection(_Versioned, frozen=True, kw_only=True):
    """`desired` or `reported`: settings in the shadow `config`, parameters by actuator in the shadow `state`.

    In what is reported, `rejected` says why something desired was not taken, by its key; `*` is all of it. In an
    update, null takes a value or a reason out.
    """

    values: dict[str, Any] = {}
    rejected: dict[str, _Text | None] | UnsetType = UNSET


class ShadowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    desired: ShadowSection | None = None
    reported: ShadowSection | None = None


class ShadowUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`…/update`. With `version`, AWS refuses the update of a shadow that has moved on."""

    state: ShadowState
    version: _Count | None = None
    client_token: _Text | None = None


class ShadowGet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`…/get`: what is in the shadow? The answer carries the same token."""

    client_token: _Text | None = None


class ShadowDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`…/get/accepted` and `…/update/accepted`. `timestamp` is in seconds, as AWS has it.

    `metadata` has the shape of `state`, with `{"timestamp": seconds}` in place of each value: when it was last set.
    """

    state: ShadowState
    version: _Count
    timestamp: _Timestamp
    metadata: dict[str, Any] = {}
    client_token: _Text | None = None


class ShadowDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`…/update/delta`: what is desired and not reported. `timestamp` is in seconds, as AWS has it.

    `metadata` has the shape of `state`, as in a ShadowDocument.
    """

    state: ShadowSection
    version: _Count
    timestamp: _Timestamp
    metadata: dict[str, Any] = {}
    client_token: _Text | None = None


class ShadowError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`…/get/rejected` and `…/update/rejected`. `code` is as in HTTP: 404 where there is no shadow yet."""

    code: int
    message: str = ""
    client_token: _Text | None = None


class DeviceEvent(_Versioned, frozen=True, kw_only=True):
    """`dt/{thing}/event`: something that happened on the device, such as `boot`, `rule_fired` or `dropped`."""

    boot: Annotated[str, Meta(pattern=r"^[0-9a-zA-Z-]{1,64}\Z")]
    kind: _Slug
    at: _Timestamp
    data: dict[str, Any] = {}


class InternalEvent(_Versioned, frozen=True, kw_only=True):
    """Between functions: something about a thing, such as `presence_settles`."""

    kind: _Slug
    thing: _Thing
    at: _Timestamp
    data: dict[str, Any] = {}


class PresenceEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`$aws/events/presence/…`, in AWS's shape. `client_id` is a thing only if a device sent it."""

    client_id: str
    timestamp: _Timestamp
    event_type: Literal["connected", "disconnected"]
    session_identifier: str
    version_number: _Count = 0
    principal_identifier: str | None = None
    ip_address: str | None = None
    disconnect_reason: str | None = None
    client_initiated_disconnect: bool | None = None


Document = TypeVar(
    "Document",
    CommandRequest,
    CommandResponse,
    ShadowUpdate,
    ShadowGet,
    ShadowDocument,
    ShadowDelta,
    ShadowError,
    DeviceEvent,
    InternalEvent,
    PresenceEvent,
)

_encoder = msgspec.json.Encoder()


def decode(kind: type[Document], raw: bytes) -> Document:
    """Read a document of a kind; raises DocumentError and nothing else, whatever the bytes are."""
    content, members = parse(raw, MAX_MESSAGE_BYTES, DocumentError)
    refuse_repeated_keys(raw, content, members, DocumentError)
    _check_version(kind, content)
    try:
        return convert(content, kind)
    except Mismatch as error:
        raise DocumentError(error.field, error.expected, error.got) from error


def encode(document: Document) -> bytes:
    """Write a document that `decode` reads back equal; raises DocumentError for one that it would not."""
    try:
        raw = _encoder.encode(document)
    except (TypeError, ValueError) as error:
        raise DocumentError(None, "made of JSON's values", str(error), "not_json") from error
    if decode(type(document), raw) != document:
        raise DocumentError(None, "made of JSON's values", "a value that JSON writes as another", "not_json")
    return raw


def _check_version(kind: type[msgspec.Struct], content: Any) -> None:
    """Before the rest is looked at: another version may look different throughout."""
    for field, part in _versioned_parts(kind, content):
        if isinstance(part, dict) and part.get("v", VERSION) != VERSION:
            raise DocumentError(f"{field}v", str(VERSION), shown(part["v"]), "unsupported_version")


def _versioned_parts(kind: type[msgspec.Struct], content: Any) -> list[tuple[str, Any]]:
    if issubclass(kind, _Versioned):
        return [("", content)]
    state = content.get("state") if isinstance(content, dict) else None
    if kind is ShadowDelta:
        return [("state.", state)]
    return [(f"state.{side}.", state.get(side)) for side in ("desired", "reported")] if isinstance(state, dict) else []


def read_json(text: bytes, max_bytes: int) -> Any:
    """Any one JSON document from outside, bounded in size and depth and with no key twice; raises DocumentError."""
    document, members = parse(text, max_bytes, DocumentError)
    refuse_repeated_keys(text, document, members, DocumentError)
    return document
