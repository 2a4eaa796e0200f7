"""The same done with many alarms, each by itself: one that fails stands in no other's way."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from contract.errors import IdentityError
from functions.domain.access import Permission, demand_somewhere
from functions.domain.alarms import Alarm
from functions.domain.audit import Actor
from functions.errors import (
    AdapterError,
    ConflictError,
    ForbiddenError,
    FunctionsError,
    NotFoundError,
    RequestError,
)
from functions.services.alarms import Alarms


class Doing(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    ASSIGN = "assign"
    CLEAR = "clear"


class Done(msgspec.Struct, frozen=True):
    """What became of one: the alarm as it is then, or the kind of `problem` as the API calls it, with its `detail`."""

    id: str
    alarm: Alarm | None = None
    problem: str | None = None
    detail: str | None = None


class BulkAlarms:
    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    def do(self, actor: Actor, doing: Doing, ids: Sequence[str], assignee: str | None = None) -> list[Done]:
        """In the order of the ids, each once. Raises ForbiddenError for whoever may do it nowhere."""
        demand_somewhere(actor.principal, Permission.ALARMS_WRITE)
        call: dict[Doing, Callable[[str], Alarm]] = {
            Doing.ACKNOWLEDGE: lambda one: self._alarms.acknowledge(actor, one),
            Doing.UNACKNOWLEDGE: lambda one: self._alarms.unacknowledge(actor, one),
            Doing.ASSIGN: lambda one: self._alarms.assign(actor, one, assignee),
            Doing.CLEAR: lambda one: self._alarms.clear(actor, one),
        }
        return [_done(call[doing], one) for one in dict.fromkeys(ids)]


def _done(call: Callable[[str], Alarm], id: str) -> Done:  # noqa: A002 - its name everywhere
    try:
        return Done(id, call(id))
    except AdapterError:
        # What exactly failed names tables, and is no help to whoever asked.
        return Done(id, problem="unavailable", detail="a service behind the API did not answer; try again shortly")
    except (FunctionsError, IdentityError) as exc:
        return Done(id, problem=_kind(exc), detail=str(exc))


def _kind(exc: Exception) -> str:
    kinds: dict[type[Exception], str] = {
        NotFoundError: "not-found",
        ForbiddenError: "forbidden",
        ConflictError: "conflict",
        RequestError: "invalid-request",
        IdentityError: "invalid-request",
    }
    found = next((kind for known, kind in kinds.items() if isinstance(exc, known)), None)
    if found is None:
        raise exc
    return found
