"""Thousands of devices and commands in the tables, with every row that their creation makes.

The adapters themselves write them, to a client that gathers the items and sends them in batches.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from functions.adapters.clock import SystemClock
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_commands import DynamoDBCommands
from functions.adapters.dynamodb_events import DynamoDBEventLog
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.dynamodb_state import DynamoDBPresenceStore, DynamoDBStateStore
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.domain import ulids
from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.domain.audit import Actor, Note
from functions.domain.commands import Command, Requester, Source, Status, Step
from functions.domain.devices import Device
from functions.domain.devices import Source as Keeper
from functions.domain.events import DeviceEvent
from functions.domain.presence import Presence
from functions.domain.presence import Status as PresenceStatus
from functions.domain.series import Point
from functions.domain.state import Boot, Change, Counters, DeviceState, Latest

FIRST = 100
"""Devices that are on every list which is measured, so that a page is full however few there are."""
DAY_MS = 86_400_000
DAYS = 60
"""Over which everything was created."""
COMMANDS_WITHIN_MS = 50 * DAY_MS
FIRST_S_COMMANDS = 150
POINTS = 720
EVENTS = 150
AT_ONCE = 25
SENDERS = 4

ANN = Principal("user:ann", Kind.USER, "ann", (Grant(Role.ADMIN, EVERYTHING),))
ACTOR = Actor(ANN, "bench", "192.0.2.1")


class Client(Protocol):
    def batch_write_item(self, **request: Any) -> Any: ...


class Tables(Protocol):
    """The names of the tables, as the functions' settings have them."""

    @property
    def core_table(self) -> str: ...
    @property
    def state_table(self) -> str: ...
    @property
    def events_table(self) -> str: ...


class Gathering:
    """Takes the writes of adapters to new items as DynamoDB does, without looking at conditions, and reads its own."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._unsent: dict[tuple[str, str, str], None] = {}

    def transact_write_items(self, *, TransactItems: list[Any], **_: Any) -> Any:  # noqa: N803 - as botocore has it
        for item in TransactItems:
            ((kind, request),) = item.items()
            {"Put": self.put_item, "Update": self.update_item}[kind](**request)
        return {}

    def put_item(self, *, TableName: str, Item: dict[str, Any], **_: Any) -> Any:  # noqa: N803
        self._keep(TableName, Item)
        return {}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        **_: Any,
    ) -> Any:
        item = dict(self._items.get(_key(TableName, Key), Key))
        verb, _, rest = UpdateExpression.partition(" ")
        for change in rest.partition(" REMOVE ")[0].split(", #"):
            path = change.strip().removeprefix("#")
            if verb == "SET":
                name, _, value = path.partition(" = ")
                attribute = ExpressionAttributeNames[f"#{name}"]
                if not (value.startswith("if_not_exists(") and attribute in item):
                    item[attribute] = ExpressionAttributeValues[value.split(", ")[-1].rstrip(")")]
            else:
                name, _, value = path.partition(" ")
                attribute = ExpressionAttributeNames[f"#{name}"]
                count = int(item.get(attribute, {"N": "0"})["N"]) + int(ExpressionAttributeValues[value]["N"])
                item[attribute] = {"N": str(count)}
        self._keep(TableName, item)
        return {}

    def get_item(self, *, TableName: str, Key: dict[str, Any], **_: Any) -> Any:  # noqa: N803
        found = self._items.get(_key(TableName, Key))
        return {} if found is None else {"Item": found}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803
        found = {
            table: [self._items[_key(table, key)] for key in asked["Keys"] if _key(table, key) in self._items]
            for table, asked in RequestItems.items()
        }
        return {"Responses": found}

    def send(self, client: Client) -> int:
        """Writes what has changed since the last time; how many items that was."""
        todo = list(self._unsent)
        self._unsent.clear()

        def write(some: list[tuple[str, str, str]]) -> None:
            request: dict[str, Any] = {}
            for key in some:
                request.setdefault(key[0], []).append({"PutRequest": {"Item": self._items[key]}})
            while request:
                request = client.batch_write_item(RequestItems=request).get("UnprocessedItems") or {}

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(write, (todo[at : at + AT_ONCE] for at in range(0, len(todo), AT_ONCE))))
        return len(todo)

    def _keep(self, table: str, item: dict[str, Any]) -> None:
        key = _key(table, item)
        self._items[key] = item
        self._unsent[key] = None


def _key(table: str, item: Mapping[str, Any]) -> tuple[str, str, str]:
    return table, item["pk"]["S"], item["sk"]["S"]


@dataclass
class Fleet:
    """Device `pump-00000` has everything that is measured of a single device."""

    client: Any
    tables: Tables
    telemetry_table: str
    now: int
    devices: int = 0

    def __post_init__(self) -> None:
        self._items = Gathering()
        gathering: Any = self._items
        tables = self.tables
        audited = AuditedWrites(gathering, tables.events_table)
        self._registry = DynamoDBRegistry(gathering, tables.core_table, tables.state_table, audited)
        self._states = DynamoDBStateStore(gathering, tables.state_table)
        self._presence = DynamoDBPresenceStore(gathering, tables.state_table)
        self._commands = DynamoDBCommands(gathering, tables.core_table, audited)
        self._events = DynamoDBEventLog(gathering, tables.events_table)

    @property
    def first(self) -> str:
        return "pump-00000"

    def first_command(self) -> str:
        """The id of the newest of the first device."""
        return self._last

    def grow(self, devices: int, commands_each: int, say: Callable[[str], None]) -> None:
        """More devices, each with its commands; the first call also makes the events and points of the first device.

        In the order of time, in which the chains of the audit are.
        """
        if not self.devices:
            self._history()
        for number in range(self.devices, devices):
            self._device(number, devices)
            many = commands_each if number else FIRST_S_COMMANDS
            for nr in range(many):
                self._command(number, nr, COMMANDS_WITHIN_MS // many)
        self.devices = devices
        say(f"{self._items.send(self.client):,} items for {devices:,} devices")

    def _device(self, number: int, of: int) -> None:
        early = number < FIRST
        thing = f"pump-{number:05d}"
        # The first ones are older than the rest, in the very order of creation.
        at = self.now - DAYS * DAY_MS + (number if early else int(number / of * DAYS * DAY_MS * 0.9))
        device = Device(
            thing=thing,
            name=f"Pump {number:05d} of the cooling water",
            model="machine" if early or number % 2 else "climate",
            group="plant-1/line-1" if early else f"plant-{number % 10}/line-{number // 10 % 10}",
            source=Keeper.API,
            created_at=at,
            updated_at=at,
            version=1,
            tags={"site": "north" if early or number % 4 == 0 else "south", "building": f"b{number % 50}"},
        )
        self._registry.save(None, device, _note("device.create", "device", thing, at))
        latest = {
            metric: Latest(self.now - 1_000, 20.5 + nr, "good")
            for nr, metric in enumerate(("temperature", "vibration", "current", "relay"))
        }
        state = DeviceState(
            latest=latest, boots=(Boot("bench", 40_000, 2**512 - 1),), counters=Counters(40_000, 160_000)
        )
        self._states.save({thing: Change(state=state)})
        status = PresenceStatus.ONLINE if early or number % 5 else PresenceStatus.OFFLINE
        self._presence.save(thing, Presence(status=status, since=at))

    def _command(self, number: int, nr: int, apart_ms: int) -> None:
        thing = f"pump-{number:05d}"
        # Long done, and on many days: the audit of a day is not larger than anybody's.
        at = self.now - DAYS * DAY_MS + (nr + 1) * apart_ms + number % 80_000 * 1_000
        id = ulids.new(at, number.to_bytes(10, "big"))  # noqa: A001 - its name everywhere
        steps = (
            Step(status=Status.CREATED, received_at=at, source=Source.API),
            Step(status=Status.SENT, received_at=at + 50, source=Source.CLOUD),
            Step(status=Status.DELIVERED, received_at=at + 120, source=Source.DEVICE, at=at + 110),
            Step(status=Status.SUCCEEDED, received_at=at + 300, source=Source.DEVICE, at=at + 280),
        )
        command = Command(
            id=id,
            thing=thing,
            group="plant-1/line-1",
            name="relay",
            parameters={"on": True},
            created_at=at,
            expires_at=at + 3_600_000,
            timeout_ms=60_000,
            by=Requester(ANN.id, ANN.name),
            steps=steps,
            attempted=1,
            result={"on": True},
        )
        self._commands.create(command, notes=[_note("command.send", "device", thing, at)])
        if number == 0:
            self._last = id

    def _history(self) -> None:
        for nr in range(EVENTS):
            at = self.now - nr * 60_000
            raw = b'{"v":1,"kind":"boot","ts":%d,"data":{}}' % at
            self._events.append(DeviceEvent(self.first, at, at, "boot", raw))
        points = [
            Point(self.first, "temperature", self.now - nr * 10_000, 20.0, "good", late=False, received_at=self.now)
            for nr in range(POINTS)
        ]
        store = DynamoDBTelemetryStore(self.client, self.telemetry_table, clock=SystemClock(), retention_ms=90 * DAY_MS)
        store.write(points)


def _note(action: str, kind: str, subject: str, at: int) -> Note:
    after = {"name": subject, "tags": {"site": "north"}}
    return Note(actor=ACTOR, action=action, subject_kind=kind, subject_id=subject, at=at, after=after)
