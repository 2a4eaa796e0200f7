"""One command for many devices: who is meant, how far it is, and what became of each."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, Self

import msgspec

from functions.domain.access import Reach
from functions.domain.commands import Command, Requester, Status

MAX_NAMED: Final = 1000
"""Devices that one request may name; a group or a model has as many as it has."""
PAGE: Final = 50
"""Devices that one invocation sends to."""


class Stage(StrEnum):
    """`SENDING` while devices are still being gone through."""

    SENDING = "sending"
    SENT = "sent"
    CANCELLED = "cancelled"


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Devices by name, or those in a group and below, or of a model, or both of these."""

    devices: tuple[str, ...] = ()
    group: str | None = None
    model: str | None = None


class Bulk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`reach` is where its maker could send commands when it was made; no device outside gets one.

    `final` are the counts once nothing can change them any more. `expires_at` is that of every command in it.
    """

    id: str
    name: str
    parameters: dict[str, Any]
    selection: Selection
    reach: Reach
    created_at: int
    expires_at: int
    timeout_ms: int
    by: Requester
    stage: Stage = Stage.SENDING
    version: int = 0
    final: dict[str, int] | None = None


class BulkRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device of a bulk: its command with where that stands, or the `problem` because of which it has none."""

    thing: str
    group: str
    command: str | None = None
    status: Status | None = None
    closes_at: int | None = None
    closes_as: Status | None = None
    problem: str | None = None

    @classmethod
    def of(cls, command: Command) -> "BulkRow":
        return cls(
            thing=command.thing,
            group=command.group,
            command=command.id,
            status=command.status,
            closes_at=command.deadline,
            closes_as=command.at_deadline,
        )

    def at(self, now: int) -> Self:
        """As `Command.at` has it."""
        if self.closes_at is None or self.closes_as is None or now < self.closes_at:
            return self
        return msgspec.structs.replace(self, status=self.closes_as, closes_at=None, closes_as=None)

    @property
    def settled(self) -> bool:
        return self.status is None or self.status.closed


class BulkPage(msgspec.Struct, frozen=True):
    """Ordered by thing. `after` is the thing to go on after; None at the end."""

    rows: tuple[BulkRow, ...]
    after: str | None


class BulkCounts(msgspec.Struct, frozen=True):
    """Devices gone through, how many of them got no command, and the others by status."""

    devices: int
    refused: int
    by_status: Mapping[str, int]
    settled: bool

    @property
    def done(self) -> int:
        return self.refused + sum(count for status, count in self.by_status.items() if Status(status).closed)


def counted(rows: Iterable[BulkRow], now: int) -> BulkCounts:
    statuses: Counter[str] = Counter()
    refused = devices = 0
    settled = True
    for row in rows:
        current = row.at(now)
        devices += 1
        # A device's late word may still move what the clock closed, so that is not final.
        settled = settled and current.settled and current.status is not Status.TIMED_OUT
        if current.status is None:
            refused += 1
        else:
            statuses[current.status.value] += 1
    return BulkCounts(devices, refused, {status: statuses[status] for status in Status if statuses[status]}, settled)
