"""What a page of open alarms reads, in read units as AWS bills them, of 1,000 open alarms and of 100,000.

The list that the API is made of, over a DynamoDB in memory whose reads are counted: all that a query looked at, also
where a filter left it out. The alarms are put there as the adapter makes their items.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from bench.agents.figures import Figure
from bench.apis.units import GOAL, Meter
from contract.models import SEVERITIES
from functions.adapters.dynamodb_alarm_items import Tables, active_item, active_key, rows_of
from functions.adapters.dynamodb_alarms import DynamoDBAlarms
from functions.domain.access import Reach
from functions.domain.alarms import Alarm, AlarmFilter
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.installation import empty_tables

FEW, MANY, FEWER_OF_MANY = 1_000, 100_000, 20_000
LIMIT: Final = 100
NOW: Final = 1_790_000_000_000
_ALL: Final = Reach(everything=True)
LISTS: Final = {
    "of everything": AlarmFilter(reach=_ALL),
    "of one severity": AlarmFilter(reach=_ALL, severity="critical"),
    "that nobody has acknowledged": AlarmFilter(reach=_ALL, acknowledged=False),
    "of a group": AlarmFilter(reach=_ALL, group="plant-1"),
    "to somebody who may see one group": AlarmFilter(reach=Reach(groups=("plant-2",))),
}


class _Operation(NamedTuple):
    name: str


class _Counting:
    """Between the client and the tables."""

    NAMES: Final = {"query": "Query", "get_item": "GetItem", "batch_get_item": "BatchGetItem"}

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def call(self, _service: str, operation: str, request: dict[str, Any], effect: Callable[[], Any]) -> Any:
        self._meter.hear(request, _Operation(self.NAMES[operation]))
        return effect()


def measure(*, quick: bool) -> Iterator[Figure]:
    many = FEWER_OF_MANY if quick else MANY
    before, after = _units(FEW), _units(many)
    for name, units in after.items():
        ratio = units / before[name]
        against = f"of {FEW:,}: {before[name]:g}"
        yield Figure(
            f"a page of {LIMIT} open alarms {name}, of {many:,}", units, "read units", against, ratio, 1 + GOAL,
            ok=abs(ratio - 1) <= GOAL,
        )  # fmt: skip


def _units(count: int) -> dict[str, float]:
    database = Database(empty_tables(), lambda: float(NOW))
    for index in range(count):
        _open(database, index)
    meter = Meter(DynamoDBClient(database))
    client: Any = DynamoDBClient(database, _Counting(meter))
    alarms = DynamoDBAlarms(client, Tables("core", "events"))
    found = {}
    for name, wanted in LISTS.items():
        meter.units = 0.0
        page = alarms.page(wanted, LIMIT, None)
        if len(page.alarms) != LIMIT:
            raise SystemExit(f"a page {name} has {len(page.alarms)} alarms")
        found[name] = meter.units
    return found


def _open(database: Database, index: int) -> None:
    """An alarm of a device of its own, raised half a second before the one before it; half are acknowledged."""
    alarm = Alarm(
        thing=f"pump-{index:06d}",
        number=1,
        rule="too-warm",
        rule_version=1,
        group=f"plant-{index % 4}/hall-{index % 3}",
        severity=SEVERITIES[index % len(SEVERITIES)],
        title="Cold store too warm",
        message=f"pump-{index:06d}: 9.1 °C in the cold store",
        raised_at=NOW - index * 500,
        updated_at=NOW,
        step=0,
        acknowledged_at=NOW if index % 2 else None,
        version=1,
        first=8.1,
        last=9.1,
        peak=9.4,
    )
    core = database.tables["core"]
    core.put(active_key(alarm.thing, alarm.rule), active_item(alarm), NOW)
    for key, item in rows_of(alarm).items():
        core.put(key, item, NOW)
