# ruff: noqa: A002 - parameters are called what the API calls them
"""Commands: sent, followed and taken back, to one device or to many."""

from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.documents import CommandStatus
from contract.identity import parse_group, parse_thing
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Thing, model_name
from functions.api.request import Request
from functions.domain.bulk_commands import MAX_NAMED, BulkRow, Selection, Stage
from functions.domain.commands import (
    DEFAULT_LIFE_MS,
    DEFAULT_TIMEOUT_MS,
    MAX_LIFE_MS,
    MAX_TIMEOUT_MS,
    Command,
    Outcome,
    Source,
    Status,
)
from functions.services.bulk_commands import BulkCommands, BulkView
from functions.services.commands import Asked, Commands

_Id = Annotated[str, Path(max_length=64)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_Wanted = Literal["open", "all", CommandStatus]


class NewCommand(BaseModel):
    """`expires_in_s`: to be delivered within; `timeout_s`: to be done within from its delivery."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=64)
    parameters: dict[str, Any] = {}
    expires_in_s: int = Field(default=DEFAULT_LIFE_MS // 1000, ge=1, le=MAX_LIFE_MS // 1000)
    timeout_s: int = Field(default=DEFAULT_TIMEOUT_MS // 1000, ge=1, le=MAX_TIMEOUT_MS // 1000)


class NewBulk(NewCommand):
    """To the named `devices`, or to those of a `group` and below, of a `model`, or both."""

    devices: list[str] | None = Field(default=None, min_length=1, max_length=MAX_NAMED)
    group: str | None = Field(default=None, max_length=400)
    model: str | None = Field(default=None, max_length=100)


class Who(msgspec.Struct, frozen=True):
    id: str
    name: str


class StepView(msgspec.Struct, frozen=True):
    """`at` is the device's time, `received_at` ours. `moved`: it changed the status; `late`: after a time-out."""

    status: Status
    received_at: int
    source: Source
    at: int | None
    note: str | None
    moved: bool
    late: bool


class AttemptView(msgspec.Struct, frozen=True):
    at: int
    outcome: Outcome
    note: str | None


class ProgressView(msgspec.Struct, frozen=True):
    at: int
    received_at: int
    result: dict[str, Any] | None


class CommandView(msgspec.Struct, frozen=True):
    """`attempted` counts all attempts to send it, `attempts` are the first and the newest of them."""

    id: str
    device: str
    name: str
    parameters: dict[str, Any]
    status: Status
    created_at: int
    expires_at: int
    updated_at: int
    timeout_s: int
    by: Who
    bulk: str | None
    result: dict[str, Any] | None
    reason: str | None
    progress: ProgressView | None
    steps: tuple[StepView, ...]
    attempts: tuple[AttemptView, ...]
    attempted: int


class CommandsView(msgspec.Struct, frozen=True):
    items: tuple[CommandView, ...]
    cursor: str | None


class SelectionView(msgspec.Struct, frozen=True):
    devices: tuple[str, ...] | None
    group: str | None
    model: str | None


class CountsView(msgspec.Struct, frozen=True):
    """Devices gone through so far, those that are done, and those that were given no command."""

    devices: int
    done: int
    refused: int
    by_status: dict[str, int]


class BulkCommandView(msgspec.Struct, frozen=True):
    """`stage` is `sending` while devices are still being gone through."""

    id: str
    name: str
    parameters: dict[str, Any]
    selection: SelectionView
    stage: Stage
    created_at: int
    expires_at: int
    timeout_s: int
    by: Who
    counts: CountsView


class BulkDeviceView(msgspec.Struct, frozen=True):
    """A device with its command and where that stands, or with the problem because of which it has none."""

    device: str
    command: str | None
    status: Status | None
    problem: str | None


class BulkDevicesView(msgspec.Struct, frozen=True):
    items: tuple[BulkDeviceView, ...]
    cursor: str | None


class CommandOperations:
    def __init__(self, request: Request, commands: Commands, bulks: BulkCommands, cursors: Cursors) -> None:
        self._request = request
        self._commands = commands
        self._bulks = bulks
        self._cursors = cursors

    @answers(CommandsView)
    def list_commands(
        self, id: Thing, status: Annotated[_Wanted, Query()] = "all", limit: _Limit = 20, cursor: Cursor = None
    ) -> Answer:
        """A device's commands, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_commands")
        wanted = status if status in {"open", "all"} else Status(status)
        page = self._commands.listed(who, parse_thing(id), wanted, limit, inner)
        items = tuple(map(_view, page.commands))
        return answer(CommandsView(items, self._cursors.close(page.cursor, who, "list_commands")))

    @answers(CommandView, status=201)
    def send_command(self, id: Thing, command: Annotated[NewCommand, Body()]) -> Answer:
        """Have a device do something, now or as soon as it is connected, unless it expires before."""
        key = self._request.header("Idempotency-Key")
        made = self._commands.send(self._request.actor, parse_thing(id), _asked(command), key)
        return answer(_view(made), status=201)

    @answers(CommandView)
    def show_command(self, id: Thing, command: _Id) -> Answer:
        """A command as it is, with every step and every attempt."""
        found = self._commands.show(self._request.who, parse_thing(id), command)
        return answer(_view(found))

    @answers(CommandView)
    def cancel_command(self, id: Thing, command: _Id) -> Answer:
        """Take a command back that was not sent yet."""
        cancelled = self._commands.cancel(self._request.actor, parse_thing(id), command)
        return answer(_view(cancelled))

    @answers(BulkCommandView, status=202)
    def send_bulk(self, bulk: Annotated[NewBulk, Body()]) -> Answer:
        """Have many devices do the same; each gets a command of its own."""
        selection = Selection(
            devices=tuple(map(parse_thing, bulk.devices or ())),
            group=None if bulk.group is None else parse_group(bulk.group),
            model=None if bulk.model is None else model_name(bulk.model),
        )
        key = self._request.header("Idempotency-Key")
        return answer(_bulk(self._bulks.send(self._request.actor, _asked(bulk), selection, key)), status=202)

    @answers(BulkCommandView)
    def show_bulk(self, bulk: _Id) -> Answer:
        """How far a bulk is."""
        return answer(_bulk(self._bulks.show(self._request.who, bulk)))

    @answers(BulkDevicesView)
    def list_bulk(self, bulk: _Id, limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Cursor = None) -> Answer:
        """What became of each device of a bulk, by device."""
        who = self._request.who
        page = self._bulks.devices(who, bulk, limit, self._cursors.open(cursor, who, "list_bulk"))
        items = tuple(map(_row, page.rows))
        return answer(BulkDevicesView(items, self._cursors.close(page.cursor, who, "list_bulk")))

    @answers(BulkCommandView)
    def cancel_bulk(self, bulk: _Id) -> Answer:
        """No device more, and what was not sent yet is taken back."""
        return answer(_bulk(self._bulks.cancel(self._request.actor, bulk)))


def _asked(command: NewCommand) -> Asked:
    return Asked(
        name=command.name,
        parameters=command.parameters,
        life_ms=command.expires_in_s * 1000,
        timeout_ms=command.timeout_s * 1000,
    )


def _view(command: Command) -> CommandView:
    progress = command.progress
    return CommandView(
        id=command.id,
        device=command.thing,
        name=command.name,
        parameters=command.parameters,
        status=command.status,
        created_at=command.created_at,
        expires_at=command.expires_at,
        updated_at=command.updated_at,
        timeout_s=command.timeout_ms // 1000,
        by=Who(command.by.id, command.by.name),
        bulk=command.bulk,
        result=command.result,
        reason=command.reason,
        progress=None if progress is None else ProgressView(progress.at, progress.received_at, progress.result),
        steps=tuple(
            StepView(step.status, step.received_at, step.source, step.at, step.note, step.moved, step.late)
            for step in command.steps
        ),
        attempts=tuple(AttemptView(one.at, one.outcome, one.note) for one in command.attempts),
        attempted=command.attempted,
    )


def _bulk(view: BulkView) -> BulkCommandView:
    bulk, counts = view.bulk, view.counts
    selection = bulk.selection
    return BulkCommandView(
        id=bulk.id,
        name=bulk.name,
        parameters=bulk.parameters,
        selection=SelectionView(selection.devices or None, selection.group, selection.model),
        stage=bulk.stage,
        created_at=bulk.created_at,
        expires_at=bulk.expires_at,
        timeout_s=bulk.timeout_ms // 1000,
        by=Who(bulk.by.id, bulk.by.name),
        counts=CountsView(counts.devices, counts.done, counts.refused, dict(counts.by_status)),
    )


def _row(row: BulkRow) -> BulkDeviceView:
    return BulkDeviceView(row.thing, row.command, row.status, row.problem)
