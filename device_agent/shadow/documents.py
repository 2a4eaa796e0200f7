"""Reads what a shadow holds, section by section: a desired state that nobody can read must not hide what is reported,
nor the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from contract import documents
from contract.documents import ShadowDocument, ShadowSection
from contract.errors import DocumentError

Side = Literal["desired", "reported"]
SIDES: Final[tuple[Side, ...]] = ("desired", "reported")


@dataclass(frozen=True)
class Contents:
    """A shadow as it was at a version.

    `desired` is None where there is none, or where it is `unreadable`, which then says why. `reported` is None where
    it cannot be read. `stamps` has the shape of `desired`: when each of its values was set.
    """

    version: int
    desired: Mapping[str, Any] | None
    stamps: Mapping[str, Any]
    reported: dict[str, Any] | None
    unreadable: str | None
    token: str | None


def read(payload: bytes) -> Contents:
    """Raises DocumentError if not even the version can be read."""
    broken: dict[Side, DocumentError] = {}
    while True:
        try:
            document = documents.decode(ShadowDocument, payload)
        except DocumentError as error:
            side = _side_of(error)
            if side is None or side in broken:
                raise
            broken[side] = error
            payload = _without(payload, side)
        else:
            return _contents(document, broken)


def _contents(document: ShadowDocument, broken: Mapping[Side, DocumentError]) -> Contents:
    desired, reported = document.state.desired, document.state.reported
    metadata = document.metadata.get("desired")
    stamps = metadata.get("values") if isinstance(metadata, dict) else None
    return Contents(
        version=document.version,
        desired=None if desired is None else desired.values,
        stamps=stamps if isinstance(stamps, dict) else {},
        reported=None if "reported" in broken else _members(reported),
        unreadable=str(broken["desired"]) if "desired" in broken else None,
        token=document.client_token,
    )


def _members(section: ShadowSection | None) -> dict[str, Any]:
    if section is None:
        return {}
    members: dict[str, Any] = {"values": section.values}
    if isinstance(section.rejected, dict):
        members["rejected"] = section.rejected
    return members


def _side_of(error: DocumentError) -> Side | None:
    for side in SIDES:
        if error.field == f"state.{side}" or (error.field or "").startswith(f"state.{side}."):
            return side
    return None


def _without(payload: bytes, side: Side) -> bytes:
    content = msgspec.json.decode(payload)
    content["state"][side] = None
    return msgspec.json.encode(content)
