"""What the `fieldline` command and the function that moves history say to each other, as versioned JSON.

The command asks with `plan` what there is to move, makes pieces of it, and has each copied and verified with `copy`,
as often as the answer names a position to go on from. Whatever is asked may be asked again: it changes nothing twice.

    >>> read_request({"v": 1, "action": "plan", "from": "lake", "to": "dynamodb", "since": 0, "until": 9}).source
    'lake'
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, field

from contract._convert import Mismatch, convert
from contract.errors import DocumentError, shown
from contract.telemetry import MAX_TIMESTAMP_MS

__all__ = [
    "LAKE",
    "MAX_PIECE_ITEMS",
    "MAX_SLICE_POINTS",
    "TOO_OLD",
    "VERSION",
    "Answer",
    "Copied",
    "CopyRequest",
    "Damage",
    "DeviceDay",
    "LakeObject",
    "Listing",
    "Piece",
    "PlanRequest",
    "Position",
    "Refused",
    "Request",
    "Unavailable",
    "read_answer",
    "read_request",
    "write",
]

VERSION: Final = 1
LAKE: Final = "lake"
"""What a move is from where it is from no store."""
TOO_OLD: Final = "expired"
"""The one reason for which a target may refuse a point and the move be verified: no reader would see it."""
MAX_PIECE_ITEMS: Final = 500
MAX_SLICE_POINTS: Final = 250_000
"""A bound of one invocation's memory and time: a larger piece takes several."""

_Timestamp: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIMESTAMP_MS)]
_Count: TypeAlias = Annotated[int, Meta(ge=0)]
_Items: TypeAlias = Annotated[tuple[str, ...], Meta(max_length=MAX_PIECE_ITEMS)]


class LakeObject(msgspec.Struct, frozen=True, array_like=True):
    """`size` is in bytes as stored, which is compressed."""

    key: str
    size: int


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some objects of the lake, or some devices' points of one UTC day that begins at `day`."""

    objects: _Items = ()
    devices: _Items = ()
    day: _Timestamp = 0


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to go on in a piece: which object and line, or which device and page."""

    item: _Count = 0
    line: _Count = 0
    cursor: str | None = None


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="action", tag="plan"):
    """What lies in `[since, until)`: by time of receipt in the lake, by time of measurement in a store."""

    source: str = field(name="from")
    target: str = field(name="to")
    since: _Timestamp
    until: _Timestamp
    cursor: str | None = None
    v: int = VERSION


class CopyRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="action", tag="copy"):
    """Write a piece into the target from a position on, and compare what then stands there with the source."""

    source: str = field(name="from")
    target: str = field(name="to")
    since: _Timestamp
    until: _Timestamp
    piece: Piece
    position: Position = Position()
    max_points: Annotated[int, Meta(ge=1, le=MAX_SLICE_POINTS)] = MAX_SLICE_POINTS
    v: int = VERSION


class Listing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="answer", tag="listing"):
    """Objects in the order of their time, or devices in no order, of which one may come again on a later page.

    Whatever is from before `oldest` no store of the deployment takes or gives.
    """

    oldest: int = 0
    objects: tuple[LakeObject, ...] = ()
    devices: tuple[str, ...] = ()
    cursor: str | None = None
    v: int = VERSION


class DeviceDay(msgspec.Struct, frozen=True, array_like=True):
    """How the points of one device and UTC day that were copied compare with what stands in the target.

    `points` are those of the source. Without those that are `superseded` (the target has what was received later) and
    `refused` (by reason), `checksum` is theirs; `found` and `found_checksum` say the same of the target. `missing` are
    not there at all, `different` are not what they should be. `extra` only the target holds, or more than once; None
    where only a part of the day was compared, which cannot tell. Checksums are 16 hexadecimal digits.
    """

    device: str
    day: str
    points: int
    checksum: str
    found: int
    found_checksum: str
    superseded: int = 0
    missing: int = 0
    different: int = 0
    refused: dict[str, int] = {}
    extra: int | None = None

    @property
    def expected(self) -> int:
        return self.points - self.superseded - sum(self.refused.values())

    @property
    def matches(self) -> bool:
        """What the target took stands there."""
        return (self.expected, self.checksum) == (self.found, self.found_checksum)

    @property
    def verified(self) -> bool:
        """It took all that it could keep, too."""
        return self.matches and self.refused.keys() <= {TOO_OLD}


class Damage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What could not be read of the lake: line `line` of an object, or, without one, the rest of it."""

    object: str
    why: str
    line: int | None = None


class Copied(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="answer", tag="copied"):
    """What became of a slice of a piece. `next` is where to go on, nothing at the piece's end.

    Of the lake: `lines` were read, `outside` of them were received at another time, `bad_lines` are none of ours, the
    first of which are among `damage`. `duplicates` are messages that stood before in this slice, `repeats` those whose
    every value the target has from one received earlier, `faults` what ingest would not take either, by reason.
    """

    next: Position | None = None
    points: int = 0
    days: tuple[DeviceDay, ...] = ()
    lines: int = 0
    outside: int = 0
    bad_lines: int = 0
    damage: tuple[Damage, ...] = ()
    messages: int = 0
    duplicates: int = 0
    repeats: int = 0
    faults: dict[str, int] = {}
    v: int = VERSION


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="refused"):
    """What was asked for cannot be, however often it is asked."""

    field: str
    expected: str
    got: str
    v: int = VERSION


class Unavailable(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="unavailable"):
    """A service did not do what was asked of it; asking again may help."""

    message: str
    v: int = VERSION


Request: TypeAlias = PlanRequest | CopyRequest
Answer: TypeAlias = Listing | Copied | Refused | Unavailable

_REQUESTS: Final[dict[str, type[Request]]] = {"plan": PlanRequest, "copy": CopyRequest}
_ANSWERS: Final[dict[str, type[Answer]]] = {
    "listing": Listing,
    "copied": Copied,
    "refused": Refused,
    "unavailable": Unavailable,
}


def read_request(document: object) -> Request:
    """Of parsed JSON; raises only DocumentError, its reason `unsupported_version` where that is why."""
    request: Request = _read(document, "action", _REQUESTS)
    return request


def read_answer(document: object) -> Answer:
    """Of parsed JSON; raises only DocumentError, its reason `unsupported_version` where that is why."""
    answer: Answer = _read(document, "answer", _ANSWERS)
    return answer


def write(message: Request | Answer) -> dict[str, Any]:
    """What `read_request` or `read_answer` reads back equal, ready to be written as JSON."""
    # A default is left out, and the version must not be.
    return {"v": message.v, **msgspec.to_builtins(message, str_keys=True)}


def _read(document: object, tag: str, kinds: dict[str, Any]) -> Any:
    if not isinstance(document, dict):
        raise DocumentError(None, "an object", shown(document))
    version = document.get("v")
    if type(version) is not int or version != VERSION:
        reason = "unsupported_version" if type(version) is int else "invalid_field"
        raise DocumentError("v", str(VERSION), shown(version) if "v" in document else "nothing", reason)
    kind = kinds.get(str(document.get(tag)))
    if kind is None:
        raise DocumentError(tag, f"one of {', '.join(kinds)}", shown(document.get(tag)))
    try:
        return convert(document, kind)
    except Mismatch as error:
        raise DocumentError(error.field, error.expected, error.got) from error
