"""Maintenance windows: while one holds, alarms of its devices are kept, and nobody is told and nothing done."""

from typing import Annotated, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor
from functions.api.request import Request
from functions.domain.maintenance import MAX_REASON_CHARS, Window
from functions.ports.clock import Clock
from functions.services.maintenance import Maintenance

_Window = Annotated[str, Path(max_length=40)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_State = Literal["planned", "holds", "over"]


class WindowBody(BaseModel):
    """For the devices of `scope` (`*`, `group:plant-1`, `device:pump-7`), `from` a time, or now, until before `to`.

    Both are in milliseconds since the epoch.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    scope: str = Field(min_length=1, max_length=400)
    from_: int | None = Field(default=None, alias="from")
    to: int
    reason: str = Field(min_length=1, max_length=MAX_REASON_CHARS)


class WindowPerson(msgspec.Struct, frozen=True):
    id: str
    name: str


class WindowView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """`ended_by` is whoever ended it before its time."""

    id: str
    scope: str
    from_: int
    to: int
    state: _State
    reason: str
    by: WindowPerson
    created_at: int
    ended_by: WindowPerson | None


class WindowsView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor."""

    items: tuple[WindowView, ...]
    cursor: str | None


class MaintenanceOperations:
    def __init__(self, request: Request, maintenance: Maintenance, cursors: Cursors, clock: Clock) -> None:
        self._request = request
        self._maintenance = maintenance
        self._cursors = cursors
        self._clock = clock

    @answers(WindowsView)
    def list_maintenance(
        self,
        state: Annotated[Literal["ahead", "all"], Query()] = "ahead",
        limit: _Limit = 100,
        cursor: Cursor = None,
    ) -> Answer:
        """The windows that are not over, the first to end first; or with `state=all` all there were, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_maintenance")
        found, more = self._maintenance.listed(who, limit, inner, ahead=state == "ahead")
        items = tuple(map(self._view, found))
        return answer(WindowsView(items, self._cursors.close(more, who, "list_maintenance")))

    @answers(WindowView, status=201, problems=("not-found", "conflict"))
    def create_maintenance(self, window: Annotated[WindowBody, Body()]) -> Answer:
        """Have nobody told and nothing done about alarms of some devices for a time."""
        made = self._maintenance.create(self._request.actor, window.scope, window.from_, window.to, window.reason)
        return answer(self._view(made), status=201)

    @answers(WindowView)
    def show_maintenance(self, window: _Window) -> Answer:
        """A maintenance window."""
        return answer(self._view(self._maintenance.show(self._request.who, window)))

    @answers(WindowView, problems=("conflict",))
    def end_maintenance(self, window: _Window) -> Answer:
        """End a window now; it stays on the list. One that has not begun never does."""
        return answer(self._view(self._maintenance.end(self._request.actor, window)))

    def _view(self, window: Window) -> WindowView:
        now = self._clock.now_ms()
        state: _State = "over" if now >= window.end else "holds" if window.holds(now) else "planned"
        return WindowView(
            window.id,
            window.scope,
            window.start,
            window.end,
            state,
            window.reason,
            WindowPerson(window.by.id, window.by.name),
            window.created_at,
            WindowPerson(window.ended_by.id, window.ended_by.name) if window.ended_by else None,
        )
