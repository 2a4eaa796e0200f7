# ruff: noqa: A002 - parameters are called what the API calls them
"""Keys of machines: of apps, and of devices that speak no MQTT."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_thing
from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.operations.users import GrantBody
from functions.api.parameters import Cursor, Thing
from functions.api.request import Request
from functions.domain.access import MAX_GRANTS, Grant
from functions.domain.keys import Key, KeyPage, parse_key_id
from functions.ports.clock import Clock
from functions.services.keys import ManageKeys, NewKey

_Key = Annotated[str, Path(max_length=64)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_NAME = r"^[\w .,:;()'/+&#@-]{1,100}$"
_DAY_S = 86_400


class KeyBody(BaseModel):
    """`expires_at` is in milliseconds since the epoch, a year from now at most."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=_NAME)
    grants: list[GrantBody] = Field(min_length=1, max_length=MAX_GRANTS)
    expires_at: int


class DeviceKeyBody(BaseModel):
    """Without `expires_at` the key is good until it is revoked or the device decommissioned."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=_NAME)
    expires_at: int | None = None


class KeyStatus(StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyView(msgspec.Struct, frozen=True):
    """`last_used` is a day (UTC). A key does no more than its maker may do at the time of the call."""

    id: str
    name: str
    status: KeyStatus
    grants: tuple[Grant, ...]
    created_at: int
    created_by: str
    expires_at: int | None
    revoked_at: int | None
    last_used: str | None


class NewKeyView(KeyView, frozen=True, kw_only=True):
    """`key` is the key itself. It is shown this once."""

    key: str


class KeysView(msgspec.Struct, frozen=True):
    items: tuple[KeyView, ...]
    cursor: str | None


class KeyOperations:
    def __init__(self, request: Request, keys: ManageKeys, cursors: Cursors, clock: Clock) -> None:
        self._request = request
        self._keys = keys
        self._cursors = cursors
        self._clock = clock

    @answers(KeysView)
    def list_keys(self, limit: _Limit = 100, cursor: Cursor = None) -> Answer:
        """The keys of apps, newest first; those that ended stay on the list for 90 days."""
        inner = self._cursors.open(cursor, self._request.who, "list_keys")
        return self._page(self._keys.page(limit, inner), "list_keys")

    @answers(NewKeyView, status=201)
    def create_key(self, key: Annotated[KeyBody, Body()]) -> Answer:
        """Make a key for an app, with grants within the caller's own. It is shown once."""
        grants = [one.grant() for one in key.grants]
        return self._new(self._keys.create(self._request.actor, key.name, grants, key.expires_at))

    @answers(KeyView)
    def show_key(self, key: _Key) -> Answer:
        """A key, without the key."""
        return answer(self._view(self._keys.show(parse_key_id(key))))

    @answers(None, status=204)
    def revoke_key(self, key: _Key) -> Answer:
        """Revoke a key: it is refused within a minute."""
        self._keys.revoke(self._request.actor, parse_key_id(key))
        return nothing()

    @answers(KeysView)
    def list_device_keys(self, id: Thing, limit: _Limit = 100, cursor: Cursor = None) -> Answer:
        """A device's keys, newest first."""
        inner = self._cursors.open(cursor, self._request.who, "list_device_keys")
        page = self._keys.page_of_device(self._request.who, parse_thing(id), limit, inner)
        return self._page(page, "list_device_keys")

    @answers(NewKeyView, status=201)
    def create_device_key(self, id: Thing, key: Annotated[DeviceKeyBody, Body()]) -> Answer:
        """Make a key with which the device may send its own telemetry and enrol, and nothing else. It is shown once."""
        return self._new(self._keys.create_for_device(self._request.actor, parse_thing(id), key.name, key.expires_at))

    @answers(None, status=204)
    def revoke_device_key(self, id: Thing, key: _Key) -> Answer:
        """Revoke a device's key: it is refused within a minute."""
        self._keys.revoke_of_device(self._request.actor, parse_thing(id), parse_key_id(key))
        return nothing()

    def _page(self, page: KeyPage, operation: str) -> Answer:
        items = tuple(self._view(key) for key in page.items)
        return answer(KeysView(items, self._cursors.close(page.cursor, self._request.who, operation)))

    def _new(self, new: NewKey) -> Answer:
        view = self._view(new.key)
        return answer(NewKeyView(**msgspec.structs.asdict(view), key=new.text), status=201)

    def _view(self, key: Key) -> KeyView:
        status = KeyStatus.REVOKED if key.revoked_at is not None else KeyStatus.EXPIRED
        if key.live(self._clock.now_ms()):
            status = KeyStatus.LIVE
        used = None if key.used_day is None else f"{datetime.fromtimestamp(key.used_day * _DAY_S, UTC):%Y-%m-%d}"
        return KeyView(
            key.id,
            key.name,
            status,
            key.grants,
            key.created_at,
            key.created_by,
            key.expires_at,
            key.revoked_at,
            used,
        )
