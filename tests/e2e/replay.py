"""A recording that a real agent plays, and what the API must answer afterwards, by a calculation of our own."""

import csv
import time
from collections import defaultdict
from typing import Any, NamedTuple

import pytest

from tests.e2e.cloud import ROOT, Cloud, wait_for

RECORDING = ROOT / "simulator" / "sample_data" / "nab" / "ambient_temperature_system_failure.csv"
INTERVAL_S = 0.002
FIVE_MINUTES = 300_000

SENSOR = f"""
[[sensor]]
kind = "replay"
file = {str(RECORDING)!r}
interval_s = {INTERVAL_S}
loop = false
columns.value = {{ metric = "temperature", scale = 0.5555555555555556, offset = -17.77777777777778, decimals = 3 }}
"""


class Replayed(NamedTuple):
    """A device, the rows that the API has once it has played the whole recording, and the span of time it took."""

    device: str
    rows: list[dict[str, Any]]
    start: int
    end: int

    def bins(self, cloud: Cloud) -> list[dict[str, Any]]:
        every = "avg,min,max,sum,count,last"
        return cloud.points(self.device, "temperature", self.start, self.end, bin="5m", agg=every)


def recorded_celsius() -> list[float]:
    with RECORDING.open() as file:
        return [round(float(row["value"]) * 0.5555555555555556 - 17.77777777777778, 3) for row in csv.DictReader(file)]


def play(cloud: Cloud, device: str, meanwhile: Any = None) -> Replayed:
    """`meanwhile` is called once the agent plays."""
    expected = len(recorded_celsius())
    start = int(time.time() * 1000)
    agent = cloud.start_agent(cloud.agent_config(device, "climate", SENSOR, flush_interval_s=1.0))
    try:
        if meanwhile is not None:
            meanwhile()
        wait_for(
            f"{expected} points of {device} stored",
            lambda: cloud.counter(device, "points") >= expected,
            within_s=expected * INTERVAL_S * 3 + 90,
            every_s=1,
        )
    finally:
        agent.terminate()
        assert agent.wait(timeout=20) == 0
    end = int(time.time() * 1000) + 1
    return Replayed(device, cloud.points(device, "temperature", start, end), start, end)


def assert_every_raw_point(replayed: Replayed) -> None:
    assert [row["value"] for row in replayed.rows] == recorded_celsius()
    times = [row["ts"] for row in replayed.rows]
    assert times == sorted(set(times))
    assert replayed.start <= times[0] <= times[-1] < replayed.end
    assert {(row["q"], row["late"], row["metric"]) for row in replayed.rows} == {("good", False, "temperature")}


def assert_bins(cloud: Cloud, replayed: Replayed) -> None:
    bins = defaultdict(list)
    for row in replayed.rows:
        bins[row["ts"] - row["ts"] % FIVE_MINUTES].append(row["value"])
    answered = replayed.bins(cloud)
    assert [row["ts"] for row in answered] == sorted(bins)
    for row in answered:
        values = bins[row["ts"]]
        assert row["count"] == len(values)
        assert (row["min"], row["max"], row["last"]) == (min(values), max(values), values[-1])
        assert row["sum"] == pytest.approx(sum(values), rel=1e-12)
        assert row["avg"] == pytest.approx(sum(values) / len(values), rel=1e-12)


def assert_last_value(cloud: Cloud, replayed: Replayed) -> None:
    device = cloud.device(replayed.device)
    assert device["latest"]["temperature"]["value"] == recorded_celsius()[-1]
    assert device["latest"]["temperature"]["ts"] == replayed.rows[-1]["ts"]
    assert device["latest"]["temperature"]["unit"] == "Cel"
    assert device["counters"]["points"] == len(replayed.rows)
