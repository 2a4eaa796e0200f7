"""What stands in the queue, and what goes out for it.

A payload keeps boot time and what is needed to turn it into UTC later; `render` writes the contract's JSON, the same
bytes each time for the same answer of the Timekeeper. The tag of a payload is its kind and version: an agent reads what
earlier ones have left in the queue.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from contract import documents, telemetry, topics
from contract.documents import CommandResponse, DeviceEvent, ReportedStatus
from contract.errors import ContractError, DocumentError
from contract.telemetry import Envelope, Measurement, Quality
from device_agent.errors import PayloadError
from device_agent.time.machine_boots import Settled, Stamp

__all__ = [
    "Addresses",
    "Batch",
    "Event",
    "Outgoing",
    "Payload",
    "Response",
    "event",
    "read",
    "render",
    "response",
    "write",
]

MOST_DOCUMENT_BYTES: Final = 100_000
"""An event or answer has at most this, so that it fits whatever its time is."""
ESTIMATED: Final = "estimated"
"""In the data of an event: its time is an estimate."""
_NO_TIME: Final = 0

_StoredValue: TypeAlias = bool | int | float | str


class Batch(msgspec.Struct, frozen=True, array_like=True, tag="telemetry-1", gc=False):
    """A telemetry message; `m` holds measurements as (boot time in ms, values, quality)."""

    stamp: Stamp
    boot: str
    seq: int
    sent_at: int
    m: list[tuple[int, dict[str, _StoredValue], Quality]]


class Event(msgspec.Struct, frozen=True, array_like=True, tag="event-1", gc=False):
    """A device event of boot time `at`; `document` is its JSON, in which the time is still to be put."""

    stamp: Stamp
    at: int
    document: bytes


class Response(msgspec.Struct, frozen=True, array_like=True, tag="response-1", gc=False):
    """A step of a command at boot time `at`; `document` is its JSON, in which the time is still to be put."""

    stamp: Stamp
    at: int
    document: bytes


Payload: TypeAlias = Batch | Event | Response


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it is published."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Addresses:
    """Where the messages of one thing go."""

    thing: str
    basic_ingest: bool = False
    """Telemetry goes to the rule itself, without the message fee."""

    @property
    def telemetry(self) -> str:
        return (topics.telemetry_basic_ingest if self.basic_ingest else topics.telemetry)(self.thing)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Payload] = msgspec.msgpack.Decoder(Payload)


def write(payload: Payload) -> bytes:
    """As it stands in the queue."""
    return _encoder.encode(payload)


def read(stored: bytes) -> Payload:
    """The inverse of `write`. Raises PayloadError for anything else."""
    try:
        return _decoder.decode(stored)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PayloadError(f"a message of {len(stored)} bytes in the queue cannot be read: {error}") from error


def event(stamp: Stamp, at: int, *, boot: str, kind: str, data: dict[str, Any]) -> Event:
    """An event to be stored. Raises DocumentError for one that the contract does not have."""
    document = documents.encode(DeviceEvent(boot=boot, kind=kind, at=_NO_TIME, data=data))
    return Event(stamp, at, _of_bounded_size(document))


def response(
    stamp: Stamp, at: int, *, command_id: str, status: ReportedStatus, result: dict[str, Any] | None, reason: str | None
) -> Response:
    """An answer to a command, to be stored. Raises DocumentError for one that the contract does not have."""
    document = documents.encode(
        CommandResponse(id=command_id, status=status, at=_NO_TIME, result=result, reason=reason)
    )
    return Response(stamp, at, _of_bounded_size(document))


def render(payload: Payload, settled: Settled, addresses: Addresses) -> Outgoing:
    """What goes out. Raises PayloadError for a payload that reads well and is nothing that may be sent."""
    try:
        if isinstance(payload, Batch):
            return Outgoing(addresses.telemetry, telemetry.encode(_envelope(payload, settled)))
        if isinstance(payload, Event):
            event = documents.decode(DeviceEvent, payload.document)
            data = event.data | {ESTIMATED: True} if settled.estimated else event.data
            event = msgspec.structs.replace(event, at=payload.at + settled.offset, data=data)
            return Outgoing(topics.event(addresses.thing), documents.encode(event))
        answer = documents.decode(CommandResponse, payload.document)
        answer = msgspec.structs.replace(answer, at=payload.at + settled.offset)
        return Outgoing(topics.command_response(addresses.thing, answer.id), documents.encode(answer))
    except ContractError as error:
        raise PayloadError(f"a message in the queue cannot be sent: {error}") from error


def _envelope(batch: Batch, settled: Settled) -> Envelope:
    offset = settled.offset
    if settled.estimated:
        measurements = [
            Measurement(at + offset, values, "estimated" if q == "good" else q) for at, values, q in batch.m
        ]
    else:
        measurements = [Measurement(at + offset, values, q) for at, values, q in batch.m]
    return Envelope(boot=batch.boot, seq=batch.seq, sent=batch.sent_at + offset, m=tuple(measurements))


def _of_bounded_size(document: bytes) -> bytes:
    if len(document) > MOST_DOCUMENT_BYTES:
        raise DocumentError(None, f"at most {MOST_DOCUMENT_BYTES} bytes", f"{len(document)} bytes", "too_large")
    return document
