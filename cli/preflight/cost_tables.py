"""The tables of docs/storage.md: `python -m cli.preflight.costs --table [NAME]`; `--write FILE` renews them there."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from cli.preflight import costs, prices
from cli.preflight.costs import Fleet, Line, total
from cli.preflight.deployment import INFLUXDB, STORES, Deployment, Influx

FLEETS = tuple(Fleet(devices) for devices in (1_000, 100_000, 1_000_000))
_USAGE = "usage: python -m cli.preflight.costs --table [{}] | --write FILE"
_PLACE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def fleet_table() -> str:
    """Each store's own cost, and what all of them share."""
    columns: Mapping[str, Callable[[Fleet], Iterable[Line]]] = {
        "`dynamodb`": costs.dynamodb,
        "`timestream-influxdb`, one zone": costs.influxdb,
        "two zones": lambda fleet: costs.influxdb(fleet, multi_az=True),
        "`timestream-liveanalytics`": costs.liveanalytics,
        "shared by all": costs.shared,
    }
    rows = [[f"{fleet.devices:,}", *(money(total(of(fleet))) for of in columns.values())] for fleet in FLEETS]
    return _table(["devices", *columns], rows)


def breakdown_table() -> str:
    rows = []
    for store, of in costs.STORE_COSTS.items():
        rows += [[f"`{store}`", *row] for row in _by_line(of)]
    rows += [["shared", *row] for row in _by_line(costs.shared)]
    return _table(["", "what", *(f"{fleet.devices:,}" for fleet in FLEETS)], rows)


def _by_line(of: Callable[[Fleet], tuple[Line, ...]]) -> list[list[str]]:
    """A row for each thing that is paid for."""
    rows = []
    for lines in zip(*(of(fleet) for fleet in FLEETS), strict=True):
        sizes = ", ".join(line.size for line in lines if line.size)
        rows.append([f"{lines[0].what}{f': {sizes}' if sizes else ''}", *(money(line.usd) for line in lines)])
    return rows


def idle_table() -> str:
    """Of `prod`: `dev` has no web ACL."""
    chosen = {f"`{store}`": Deployment("prod", store) for store in STORES}
    chosen[f"`{INFLUXDB}` in two zones"] = Deployment("prod", INFLUXDB, Influx(multi_az=True))
    rows = []
    for name, deployment in chosen.items():
        lines = costs.idle(deployment)
        parts = "; ".join(f"{line.what} {money(line.usd)}" for line in lines)
        rows.append([name, money(total(lines)), parts])
    return _table(["store", "idle, a month", "of it"], rows)


def moving_table() -> str:
    rows = []
    for store in STORES:
        if store == INFLUXDB:
            rows.append([f"`{store}`", "either", "both", *("nothing" for _ in FLEETS)])
            continue
        for source, from_lake in (("a store", False), ("the lake", True)):
            fleets = [costs.moving_to(store, fleet, from_lake=from_lake) for fleet in FLEETS]
            rows += [
                [f"`{store}`", source, lines[0].what, *(money(line.usd) for line in lines)]
                for lines in zip(*fleets, strict=True)
            ]
    return _table(["moving 90 days to", "from", "what", *(f"{fleet.devices:,} devices" for fleet in FLEETS)], rows)


def break_even_table() -> str:
    rows = [
        [zones, *(f"{devices:,}" for devices in costs.break_even(multi_az=multi_az))]
        for zones, multi_az in (("one zone", False), ("two zones", True))
    ]
    return _table(
        [
            "`timestream-influxdb` in",
            "devices from which it first costs less than `dynamodb`",
            "from which it always does",
        ],
        rows,
    )


def price_table() -> str:
    rows = [[price.what, f"{price.usd:g}", price.unit, price.dated, price.source] for price in prices.PRICES]
    return _table(["what", "US dollars", "a", "dated", "read in"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "fleet": fleet_table,
    "breakdown": breakdown_table,
    "break-even": break_even_table,
    "idle": idle_table,
    "moving": moving_table,
    "prices": price_table,
}


def renewed(page: str) -> str:
    """The page with each of its tables as it is computed now."""
    return _PLACE.sub(lambda place: f"{place[1]}{TABLES[place[2]]()}{place[3]}", page)


def money(usd: float) -> str:
    """Two digits are what such an estimate holds."""
    if usd < 1:
        return "< $1"
    step = 10 ** max(0, len(str(int(usd))) - 2)
    return f"${round(usd / step) * step:,}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["--table"]:
            sys.stdout.write("\n".join(table() for table in TABLES.values()))
        case ["--table", name] if name in TABLES:
            sys.stdout.write(TABLES[name]())
        case ["--write", name]:
            Path(name).write_text(renewed(Path(name).read_text(encoding="utf-8")), encoding="utf-8")
        case _:
            sys.stderr.write(f"{_USAGE.format('|'.join(TABLES))}\n")
            return 2
    return 0
