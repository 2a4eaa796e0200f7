# ruff: noqa: A002 - parameters are called what the API calls them
"""Devices: registered, found, changed, decommissioned, and what is known of them."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_group, parse_thing
from functions.api import shapes
from functions.api.answer import CSV, JSON, Answer, answer, answers, nothing
from functions.api.csv import csv_answer
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Limit, Name, Thing, model_name
from functions.api.request import Request
from functions.api.times import shown
from functions.domain.access import Permission
from functions.domain.devices import MAX_TAG_FILTERS, MAX_TAGS, DeviceFilter, Sort, parse_tag
from functions.domain.presence import Status
from functions.domain.search import parse_words
from functions.errors import RequestError
from functions.services.devices import DeviceChange, Devices, NewDevice
from functions.services.queries import Queries

_MAX_TEXT = 400
_COLUMNS = ("id", "name", "model", "group", "status", "stale", "seen_at", "tags")


class DeviceToCreate(BaseModel):
    """`name` is the id where it is left out. `tags` are texts by key, such as `{"site": "Leeds"}`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=63)
    name: str | None = Field(default=None, min_length=1, max_length=128)
    model: str = Field(min_length=1, max_length=63)
    group: str = Field(min_length=1, max_length=_MAX_TEXT)
    tags: dict[str, str] = Field(default={}, max_length=MAX_TAGS)


class DevicePatch(BaseModel):
    """What is left out stays. A tag of null goes, other tags than those named stay."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1, max_length=128)
    group: str | None = Field(default=None, min_length=1, max_length=_MAX_TEXT)
    tags: dict[str, str | None] | None = Field(default=None, max_length=2 * MAX_TAGS)


class DeviceOperations:
    def __init__(self, request: Request, queries: Queries, devices: Devices, cursors: Cursors) -> None:
        self._request = request
        self._queries = queries
        self._devices = devices
        self._cursors = cursors

    @answers(shapes.DevicesView, media=(JSON, CSV))
    def list_devices(
        self,
        group: Name = None,
        model: Name = None,
        tag: Annotated[list[str] | None, Query(max_length=MAX_TAG_FILTERS)] = None,
        status: Annotated[Literal["online", "offline", "unknown"] | None, Query()] = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        sort: Annotated[Literal["group", "-group", "name", "-name", "created", "-created"] | None, Query()] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
        latest: Annotated[bool, Query()] = False,  # noqa: FBT002 - a parameter of the API
        format: Annotated[Literal["json", "csv"], Query()] = "json",
    ) -> Answer:
        """The devices that I may see: of a group and below, a model, tags, a status, or with words that begin so.

        As CSV the cursor of the next page is in `X-Next-Cursor`.
        """
        who = self._request.who
        wanted = DeviceFilter(
            reach=who.reach(Permission.DEVICES_READ),
            group=None if group is None else parse_group(group),
            model=None if model is None else model_name(model),
            tags=_tags(tag),
            status=None if status is None else Status(status),
            words=() if q is None else parse_words(q),
            sort=None if sort is None else Sort(sort),
        )
        found, more = self._queries.devices(wanted, limit, self._cursors.open(cursor, who, "list_devices"))
        beyond = self._cursors.close(more, who, "list_devices")
        as_csv = format == "csv" or self._request.prefers_csv
        items = shapes.device_items(found, self._queries.clock.now_ms(), latest=latest and not as_csv)
        if as_csv:
            return csv_answer(_COLUMNS, map(_row, items), cursor=beyond)
        return answer(shapes.DevicesView(items, beyond))

    @answers(shapes.DeviceEntry, status=201, etag=True, problems=("conflict",))
    def create_device(self, device: Annotated[DeviceToCreate, Body()]) -> Answer:
        """Register a device, or bring a decommissioned one back as it is described here."""
        made = self._devices.create(
            self._request.actor,
            NewDevice(
                thing=parse_thing(device.id),
                name=device.id if device.name is None else device.name,
                model=device.model,
                group=parse_group(device.group),
                tags=device.tags,
            ),
        )
        return answer(shapes.device_entry(made), status=201, etag=made.version)

    @answers(shapes.DeviceView, etag=True)
    def show_device(self, id: Thing) -> Answer:
        """A device as it is: its entry, presence, last values, counts and open alarms."""
        detail = self._queries.shown(self._request.who, parse_thing(id))
        version = detail.device.version if detail.device else 0
        return answer(shapes.device_view(detail, self._queries.clock.now_ms()), etag=version)

    @answers(shapes.DeviceEntry, etag=True, problems=("conflict",))
    def update_device(self, id: Thing, change: Annotated[DevicePatch, Body()]) -> Answer:
        """Rename a device, move it to another group, or change tags."""
        for field in ("name", "group", "tags"):
            if field in change.model_fields_set and getattr(change, field) is None:
                raise RequestError(field, "a value, or to be left out", "null")
        changed = self._devices.update(
            self._request.actor,
            parse_thing(id),
            DeviceChange(
                name=change.name,
                group=None if change.group is None else parse_group(change.group),
                tags=change.tags,
            ),
            self._request.if_match(),
        )
        return answer(shapes.device_entry(changed), etag=changed.version)

    @answers(None, status=204, problems=("conflict",))
    def decommission_device(self, id: Thing) -> Answer:
        """Take a device off all lists. Its history stays, and it may be registered again."""
        self._devices.decommission(self._request.actor, parse_thing(id), self._request.if_match())
        return nothing()

    @answers(shapes.LatestsView)
    def device_latest(self, id: Thing) -> Answer:
        """A device's last values."""
        detail = self._queries.device(self._request.who, parse_thing(id), Permission.TELEMETRY_READ)
        now = self._queries.clock.now_ms()
        return answer(shapes.LatestsView(detail.thing, now, shapes.latest_views(detail, now)))

    @answers(shapes.FleetSummaryView)
    def fleet_summary(self, cursor: Cursor = None) -> Answer:
        """Sums over a page of the devices that I may see, and which of them are worst off."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "fleet_summary")
        found = self._queries.summary(who.reach(Permission.DEVICES_READ), inner)
        return answer(shapes.fleet_summary(found, self._cursors.close(found.cursor, who, "fleet_summary")))


def _row(item: shapes.DeviceItem) -> list[Any]:
    return [getattr(item, column) for column in _COLUMNS]


def _tags(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """`key:value`, each key once."""
    if texts is None:
        return ()
    if len(texts) > MAX_TAG_FILTERS:
        raise RequestError("tag", f"at most {MAX_TAG_FILTERS}", str(len(texts)))
    tags: dict[str, str] = {}
    for text in texts:
        key, colon, value = text.partition(":")
        if not colon or key in tags:
            raise RequestError("tag", "key:value, each key once", shown(text))
        try:
            tags.update([parse_tag(key, value)])
        except RequestError as exc:
            raise RequestError("tag", exc.expected, exc.got) from exc
    return tuple(sorted(tags.items()))
