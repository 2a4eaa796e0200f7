# ruff: noqa: A002 - parameters are called what the API calls them
"""What a device is wanted to be and what it is: actuators (`state`) and settings (`config`)."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict

from contract.identity import parse_thing
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Thing
from functions.api.request import Request
from functions.domain.shadows import Shadow, ShadowName, Wish, delta
from functions.services.shadows import DeviceShadows, ShadowDetail

_Limit = Annotated[int, Query(ge=1, le=100)]


class DesiredPatch(BaseModel):
    """A merge patch: each key replaces what was desired under it, null takes it out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    values: dict[str, Any]


class Author(msgspec.Struct, frozen=True):
    id: str
    name: str


class Desired(msgspec.Struct, frozen=True):
    """`sent` is false where the device's shadow has not been told yet: asking for the same again tells it."""

    values: dict[str, Any]
    version: int
    set_by: Author | None
    set_at: int | None
    sent: bool


class Reported(msgspec.Struct, frozen=True):
    """What the device says; `rejected` says why it did not take something, by its key (`*`: all of it)."""

    values: dict[str, Any]
    rejected: dict[str, str]
    at: int | None


class ShadowView(msgspec.Struct, frozen=True):
    """`delta` is what is desired and not reported; `in_sync` that there is nothing of it."""

    device: str
    desired: Desired
    reported: Reported
    delta: dict[str, Any]
    in_sync: bool


class DesiredVersion(msgspec.Struct, frozen=True):
    version: int
    values: dict[str, Any]
    set_by: Author
    set_at: int


class DesiredHistory(msgspec.Struct, frozen=True):
    items: tuple[DesiredVersion, ...]
    cursor: str | None


class ShadowOperations:
    def __init__(self, request: Request, shadows: DeviceShadows, cursors: Cursors) -> None:
        self._request = request
        self._shadows = shadows
        self._cursors = cursors

    @answers(ShadowView, etag=True)
    def show_state(self, id: Thing) -> Answer:
        """What the actuators are wanted to be, and what they are."""
        return self._show(id, ShadowName.STATE)

    @answers(ShadowView, etag=True)
    def desire_state(self, id: Thing, wanted: Annotated[DesiredPatch, Body()]) -> Answer:
        """Want actuators to be so, whenever the device can."""
        return self._desire(id, ShadowName.STATE, wanted)

    @answers(DesiredHistory)
    def state_history(self, id: Thing, limit: _Limit = 20, cursor: Cursor = None) -> Answer:
        """What the actuators were wanted to be, by whom and when, newest first."""
        return self._history(id, ShadowName.STATE, limit, cursor, "state_history")

    @answers(ShadowView, etag=True)
    def show_config(self, id: Thing) -> Answer:
        """What the device is set to, and what it runs with."""
        return self._show(id, ShadowName.CONFIG)

    @answers(ShadowView, etag=True)
    def desire_config(self, id: Thing, wanted: Annotated[DesiredPatch, Body()]) -> Answer:
        """Set the device."""
        return self._desire(id, ShadowName.CONFIG, wanted)

    @answers(DesiredHistory)
    def config_history(self, id: Thing, limit: _Limit = 20, cursor: Cursor = None) -> Answer:
        """What the device was set to, by whom and when, newest first."""
        return self._history(id, ShadowName.CONFIG, limit, cursor, "config_history")

    def _show(self, id: str, name: ShadowName) -> Answer:
        thing = parse_thing(id)
        return _answer(thing, self._shadows.show(self._request.who, thing, name))

    def _desire(self, id: str, name: ShadowName, wanted: DesiredPatch) -> Answer:
        thing = parse_thing(id)
        if_version = self._request.if_match()
        return _answer(thing, self._shadows.desire(self._request.actor, thing, name, wanted.values, if_version))

    def _history(self, id: str, name: ShadowName, limit: int, cursor: str | None, operation: str) -> Answer:
        who = self._request.who
        inner = self._cursors.open(cursor, who, operation)
        page = self._shadows.history(who, parse_thing(id), name, limit, inner)
        items = tuple(
            DesiredVersion(one.version, one.values, Author(one.set_by, one.set_by_name), one.set_at)
            for one in page.wishes
        )
        return answer(DesiredHistory(items, self._cursors.close(page.cursor, who, operation)))


def _answer(thing: str, detail: ShadowDetail) -> Answer:
    shadow = detail.shadow or Shadow(version=0)
    desired = _desired(detail.wish, shadow)
    differing = delta(desired.values, shadow.reported)
    reported = Reported(shadow.reported, shadow.rejected, shadow.reported_at)
    return answer(ShadowView(thing, desired, reported, differing, not differing), etag=desired.version)


def _desired(wish: Wish | None, shadow: Shadow) -> Desired:
    """Without a wish of ours, what somebody else put into the shadow."""
    if wish is None:
        return Desired(shadow.desired, 0, None, None, sent=True)
    return Desired(wish.values, wish.version, Author(wish.set_by, wish.set_by_name), wish.set_at, wish.sent)


def _version(wish: Wish) -> DesiredVersion:
    return DesiredVersion(wish.version, wish.values, Author(wish.set_by, wish.set_by_name), wish.set_at)
