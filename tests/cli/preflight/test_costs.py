"""The arithmetic behind docs/storage.md, and that the page shows what it gives."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.backfill.planning import PIECE_BYTES
from cli.preflight import costs, prices
from cli.preflight.cost_tables import TABLES, main, money, renewed
from cli.preflight.costs import Fleet, total
from cli.preflight.deployment import STORES, Deployment, Influx
from contract.backfill import MAX_SLICE_POINTS
from functions.adapters.chunk import encode
from functions.adapters.dynamodb_chunks import chunk_key
from functions.adapters.firehose_lake import MESSAGES_A_RECORD
from functions.adapters.liveanalytics_telemetry import EXPORT_POINTS
from functions.adapters.shards import SHARDS
from functions.domain import alarm_work, command_work
from functions.domain.series import Point
from infra.config import INFLUX_INSTANCES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "storage.md").read_text()
METRICS = {"current": 21.25, "humidity": 40.5, "pressure": 1013.2, "temperature": 21.44, "vibration": 4.312}


def by_what(lines):
    return {line.what: line.usd for line in lines}


def test_the_page_shows_every_table_as_it_is_computed():
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", PAGE)) == set(TABLES)
    assert renewed(PAGE) == PAGE, "renew it: .venv/bin/python -m cli.preflight.costs --write docs/storage.md"


def test_tables_that_have_changed_are_renewed_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: idle -->\n| old |\n<!-- end -->\nafter\n")
    assert main(["--write", str(page)]) == 0
    assert page.read_text() == f"before\n<!-- table: idle -->\n{TABLES['idle']()}<!-- end -->\nafter\n"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_printed_by_its_name(name):
    done = subprocess.run(
        [sys.executable, "-m", "cli.preflight.costs", "--table", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == TABLES[name]()


def test_a_table_that_does_not_exist_is_a_usage_error():
    done = subprocess.run(
        [sys.executable, "-m", "cli.preflight.costs", "--table", "x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "fleet" in done.stderr


def test_every_price_says_where_it_was_read_or_that_it_is_assumed():
    assert len(prices.PRICES) > 15
    for price in prices.PRICES:
        assert price.usd > 0
        assert price.assumed or "https://" in price.source or "no address kept" in price.source, price.what
        assert price.dated or "infracost" in price.source or price.assumed, price.what


def test_by_hand_a_thousand_devices_in_dynamodb():
    """43,800 messages a device and month, a write unit each; 1,440 × 90 items of 286 bytes."""
    of = by_what(costs.dynamodb(Fleet(1000)))
    assert of["writes"] == pytest.approx(1000 * 43_800 * 0.625e-6)
    assert of["storage"] == pytest.approx(1000 * 1440 * 90 * 286 / 1e9 * 0.25)


def test_by_hand_a_thousand_devices_in_liveanalytics():
    """219 million points; 100 of 41 bytes are 5 KiB; a day of them in memory, 97 days on disk."""
    of = by_what(costs.liveanalytics(Fleet(1000)))
    assert of["writes"] == pytest.approx(219e6 / 100 * 5 * 0.5e-6)
    assert of[f"memory store, {costs.MEMORY_HOURS} h"] == pytest.approx(
        costs.MEMORY_HOURS * 300e3 * 41 / 1e9 * 0.036 * 730
    )
    assert of["magnetic store"] == pytest.approx(1000 * 1440 * 97 * 5 * 41 / 1e9 * 0.03)


def test_by_hand_the_way_in():
    of = by_what(costs.shared(Fleet(1000)))
    assert of["IoT Core: connections"] == pytest.approx(1000 * 43_800 * 0.08e-6)
    assert of["IoT Core: rule and action (Basic Ingest, no message fee)"] == pytest.approx(43.8e6 * 0.30e-6)
    assert of["SQS: send, receive, delete (tens)"] == pytest.approx(43.8e6 * 1.2 * 0.4e-6)


@pytest.mark.parametrize(
    ("devices", "instance"),
    [
        (1_000, "medium"),
        (19_999, "large"),
        (20_000, "2xlarge"),
        (100_000, "2xlarge"),
        (999_999, "4xlarge"),
        (1_000_000, "8xlarge"),
    ],
)
def test_the_instance_follows_the_number_of_series(devices, instance):
    assert costs.influx_for(Fleet(devices)).instance == f"db.influx.{instance}"


@pytest.mark.parametrize(
    ("instance", "units"), list(zip(INFLUX_INSTANCES, (1, 2, 4, 8, 16, 32, 48, 64, 96), strict=True))
)
def test_the_price_of_an_instance_follows_its_size(instance, units):
    assert costs.instance_units(instance) == units


@given(st.integers(1, 2_000_000), st.integers(1, 400), st.integers(1, 3650))
def test_the_disk_holds_what_the_retention_keeps(devices, retention, metrics):
    fleet = Fleet(devices, metrics=min(metrics, 50), retention_days=retention)
    needed = devices * 1440 * (retention + costs.GRACE_DAYS) * fleet.metrics * costs.INFLUX_POINT_BYTES
    assert costs.influx_for(fleet).storage_gib * 2**30 > needed


@given(st.integers(1, 2_000_000), st.integers(1, 2_000_000))
def test_more_devices_never_cost_less(one, other):
    fewer, more = sorted((one, other))
    for of in (*costs.STORE_COSTS.values(), costs.shared):
        assert total(of(Fleet(fewer))) <= total(of(Fleet(more))) + 1e-6


@pytest.mark.parametrize("multi_az", [False, True])
def test_the_break_even_is_where_the_one_gets_cheaper_than_the_other(multi_az):
    first, always = costs.break_even(multi_az=multi_az)
    cheaper = {
        devices: total(costs.influxdb(Fleet(devices), multi_az=multi_az)) < total(costs.dynamodb(Fleet(devices)))
        for devices in (first - 100, first, always - 100, always, 1_000_000)
    }
    assert list(cheaper.values()) == [False, True, False, True, True]


LIVE = "timestream-liveanalytics"
A_QUERY = 4 * 30 / 3600 * 0.518


def test_by_hand_reading_back_what_was_moved_into_liveanalytics_from_a_store():
    """90,000 days of devices with 7,200 points, 5,000 points a query."""
    of = by_what(costs.moving_to(LIVE, Fleet(1000), from_lake=False))
    assert of["writes"] == pytest.approx(90_000 * 7200 / 100 * 5 * 0.5e-6)
    assert of["reading back"] == pytest.approx(90_000 * 2 * A_QUERY)


def test_by_hand_reading_back_what_was_moved_into_liveanalytics_from_the_lake():
    """Two megabytes are 33,333 messages: each slice has 33 of each of a thousand devices, a query for each."""
    of = by_what(costs.moving_to(LIVE, Fleet(1000), from_lake=True))
    assert of["reading back"] == pytest.approx(90_000 * 43.2 * A_QUERY)
    # Beyond, each message is read back by itself.
    of = by_what(costs.moving_to(LIVE, Fleet(100_000), from_lake=True))
    assert of["reading back"] == pytest.approx(9_000_000 * 1440 * A_QUERY)


def test_by_hand_moving_into_dynamodb_from_a_store():
    """An item an hour of 1,680 bytes, two write units; a day of it is five read units."""
    of = by_what(costs.moving_to("dynamodb", Fleet(1000), from_lake=False))
    assert of["writes"] == pytest.approx(90_000 * 24 * 2 * 0.625e-6)
    assert of["reading back"] == pytest.approx(90_000 * 7200 * 5.6 / 8192 * 0.125e-6)


def test_a_move_is_cut_as_the_command_cuts_it():
    assert costs.PIECE_BYTES == PIECE_BYTES
    assert costs.SLICE_POINTS == MAX_SLICE_POINTS
    assert costs.EXPORT_POINTS == EXPORT_POINTS


def test_only_the_store_with_an_instance_costs_something_when_idle():
    idle = {store: total(costs.idle(Deployment("prod", store))) for store in STORES}
    assert idle["dynamodb"] == idle["timestream-liveanalytics"] < 15
    assert idle["timestream-influxdb"] > 100
    two = Deployment("prod", "timestream-influxdb", Influx(multi_az=True))
    assert total(costs.idle(two)) - idle["timestream-influxdb"] == pytest.approx(0.12 * 730 + 20 * 0.10)


def test_what_is_due_is_looked_for_as_often_as_is_paid_for():
    sweeps = len(command_work.TICKS_S) + 2 * len(alarm_work.TICKS_S) + 1
    assert SHARDS * sweeps == costs.SWEPT_A_MINUTE
    ticks = 3
    assert sweeps + ticks == costs.SWEEPS_A_MINUTE


def test_a_chunk_has_the_size_that_is_paid_for():
    ts = 1_764_000_000_000
    plain = encode(
        [
            Point("press-000123", name, ts, value, "good", late=False, received_at=ts + 1500)
            for name, value in METRICS.items()
        ]
    )
    key = chunk_key("press-000123", ts, plain)
    size = (
        sum(len(text) for text in ("pk", key.pk, "sk", key.sk, "chunk", "expires"))
        + len(plain)
        + len("1771779600") // 2
        + 1
    )
    assert math.isclose(size, costs.CHUNK_BYTES, rel_tol=0.05)
    assert size + costs.ITEM_OVERHEAD_BYTES < 1024


def test_a_firehose_record_holds_as_many_lines_as_ingest_packs():
    assert costs.LINES_A_RECORD == MESSAGES_A_RECORD


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.4, "< $1"), (9.27, "$9"), (87.6, "$88"), (120.79, "$120"), (1277, "$1,300"), (99_243, "$99,000")],
)
def test_money_has_two_digits(usd, text):
    assert money(usd) == text
