# ruff: noqa: A002 - parameters are called what the API calls them
"""What could not be kept, why, and how it is taken up again."""

import re
from datetime import date
from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_thing
from functions.api import shapes
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Limit, Thing
from functions.api.request import Request
from functions.api.times import shown
from functions.errors import RequestError
from functions.services.device_logs import DeviceLogs
from functions.services.quarantine_replays import MAX_AT_ONCE, QuarantineReplays, ReplayFilter

_Entry = Annotated[str, Path(max_length=100)]
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


class ToReplay(BaseModel):
    """Entries of a `device`, of a `day` (UTC, `2025-11-24`), or both; with a `reason` only those that have it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    device: str | None = Field(default=None, max_length=200)
    day: str | None = Field(default=None, max_length=10)
    reason: str | None = Field(default=None, min_length=1, max_length=100)
    limit: int = Field(default=25, ge=1, le=MAX_AT_ONCE)
    cursor: str | None = Field(default=None, max_length=2048)


class EntryRef(msgspec.Struct, frozen=True):
    device: str
    entry: str


class SkippedView(msgspec.Struct, frozen=True):
    device: str
    entry: str
    why: str


class ReplaysView(msgspec.Struct, frozen=True):
    """What is being replayed, and what of the page cannot be or need not be. Go on with the cursor for the rest."""

    queued: tuple[EntryRef, ...]
    skipped: tuple[SkippedView, ...]
    cursor: str | None


class QuarantineOperations:
    def __init__(self, request: Request, logs: DeviceLogs, replays: QuarantineReplays, cursors: Cursors) -> None:
        self._request = request
        self._logs = logs
        self._replays = replays
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
    def show_quarantined(self, id: Thing, entry: _Entry) -> Answer:
        """One entry of a device's quarantine: its bytes, and every fault."""
        return answer(shapes.quarantined(self._logs.entry(self._request.who, parse_thing(id), entry)))

    @answers(shapes.QuarantinedView, status=202, problems=("conflict",))
    def replay_quarantined(self, id: Thing, entry: _Entry) -> Answer:
        """Have a message assessed again by today's model; the entry tells soon what became of it.

        What was stored of it stays as it is. Of a message that cannot be read no model makes one: it is refused here.
        """
        return answer(shapes.quarantined(self._replays.replay(self._request.actor, parse_thing(id), entry)), status=202)

    @answers(ReplaysView, status=202, problems=("not-found",))
    def replay_quarantine(self, wanted: Annotated[ToReplay, Body()]) -> Answer:
        """Replay a page of entries, newest first. A day alone needs the permission over everything."""
        actor = self._request.actor
        inner = self._cursors.open(wanted.cursor, actor.principal, "replay_quarantine")
        chosen = ReplayFilter(
            thing=None if wanted.device is None else parse_thing(wanted.device),
            day=None if wanted.day is None else _day(wanted.day),
            reason=wanted.reason,
        )
        begun = self._replays.replay_many(actor, chosen, wanted.limit, inner)
        view = ReplaysView(
            tuple(EntryRef(one.thing, one.entry) for one in begun.queued),
            tuple(SkippedView(one.thing, one.entry, one.why or "") for one in begun.skipped),
            self._cursors.close(begun.cursor, actor.principal, "replay_quarantine"),
        )
        return answer(view, status=202)

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
