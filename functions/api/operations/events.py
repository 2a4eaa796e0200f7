# ruff: noqa: A002 - parameters are called what the API calls them
"""What devices report besides telemetry."""

import re
from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Query

from contract import documents
from contract.documents import DeviceEvent as EventDocument
from contract.errors import DocumentError
from contract.identity import parse_thing
from contract.telemetry import MAX_TIMESTAMP_MS
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Thing
from functions.api.request import Request
from functions.api.times import moment, shown
from functions.domain.events import DeviceEvent, EventFilter
from functions.errors import RequestError
from functions.ports.clock import Clock
from functions.services.device_logs import DeviceLogs

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DeviceEventView(msgspec.Struct, frozen=True):
    """`at` is its time by the device, `received_at` ours; `boot` the start of its agent that it belongs to."""

    at: int
    received_at: int
    kind: str
    boot: str | None
    data: dict[str, Any]


class DeviceEventsView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor: what is looked at for it is bounded."""

    items: tuple[DeviceEventView, ...]
    cursor: str | None


class EventOperations:
    def __init__(self, request: Request, logs: DeviceLogs, cursors: Cursors, clock: Clock) -> None:
        self._request = request
        self._logs = logs
        self._cursors = cursors
        self._clock = clock

    @answers(DeviceEventsView)
    def device_events(
        self,
        id: Thing,
        kind: Annotated[str | None, Query(max_length=64)] = None,
        from_: Annotated[str | None, Query(alias="from", max_length=64)] = None,
        to: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Cursor = None,
    ) -> Answer:
        """A device's events, newest first by the device's own time."""
        if kind is not None and not _KIND.fullmatch(kind):
            raise RequestError("kind", "1 to 64 of a-z, 0-9 and '_', starting with a letter", shown(kind))
        who, now = self._request.who, self._clock.now_ms()
        wanted = EventFilter(
            thing=parse_thing(id),
            start=0 if from_ is None else moment("from", from_, now),
            # A device's clock may be ahead of ours.
            end=MAX_TIMESTAMP_MS + 1 if to is None else moment("to", to, now),
            kind=kind,
        )
        page = self._logs.events(who, wanted, limit, self._cursors.open(cursor, who, "device_events"))
        items = tuple(map(_view, page.events))
        return answer(DeviceEventsView(items, self._cursors.close(page.cursor, who, "device_events")))


def _view(event: DeviceEvent) -> DeviceEventView:
    try:
        document = documents.decode(EventDocument, event.raw)
    except DocumentError:
        # Kept by another release, which could read it.
        return DeviceEventView(event.at, event.received_at, event.kind, None, {})
    return DeviceEventView(event.at, event.received_at, event.kind, document.boot, document.data)
