# ruff: noqa: A002 - parameters are called what the API calls them
"""What could not be kept, and why."""

import re
from datetime import date
from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contract.identity import parse_thing
from functions.api import shapes
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Limit, Thing
from functions.api.request import Request
from functions.api.times import shown
from functions.errors import RequestError
from functions.services.device_logs import DeviceLogs

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class QuarantineView(msgspec.Struct, frozen=True):
    items: tuple[shapes.QuarantinedView, ...]
    cursor: str | None


class NoticeView(msgspec.Struct, frozen=True):
    """An entry without its bytes: they are shown with the entry `id` of its device."""

    device: str
    id: str
    received_at: int
    reasons: tuple[str, ...]
    bytes: int


class NoticesView(msgspec.Struct, frozen=True):
    items: tuple[NoticeView, ...]
    cursor: str | None


class QuarantineOperations:
    def __init__(self, request: Request, logs: DeviceLogs, cursors: Cursors) -> None:
        self._request = request
        self._logs = logs
        self._cursors = cursors

    @answers(QuarantineView)
    def device_quarantine(
        self, id: Thing, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Cursor = None
    ) -> Answer:
        """A device's quarantine, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "device_quarantine")
        page = self._logs.quarantined(who, parse_thing(id), limit, inner)
        items = tuple(map(shapes.quarantined, page.entries))
        return answer(QuarantineView(items, self._cursors.close(page.cursor, who, "device_quarantine")))

    @answers(shapes.QuarantinedView)
    def show_quarantined(self, id: Thing, entry: Annotated[str, Path(max_length=100)]) -> Answer:
        """One entry of a device's quarantine: its bytes, and every fault."""
        return answer(shapes.quarantined(self._logs.entry(self._request.who, parse_thing(id), entry)))

    @answers(NoticesView)
    def list_quarantine(
        self, day: Annotated[str, Query(max_length=10)], limit: Limit = 100, cursor: Cursor = None
    ) -> Answer:
        """What was quarantined on a day (UTC, `2025-11-24`), of all devices. Needs the permission over everything."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_quarantine")
        page = self._logs.quarantine_of(who, _day(day), limit, inner)
        items = tuple(NoticeView(one.thing, one.id, one.received_at, one.reasons, one.size) for one in page.notices)
        return answer(NoticesView(items, self._cursors.close(page.cursor, who, "list_quarantine")))


def _day(text: str) -> str:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise RequestError("day", "a day such as 2025-11-24", shown(text))
