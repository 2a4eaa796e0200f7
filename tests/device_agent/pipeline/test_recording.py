from pathlib import Path

import pytest

from device_agent.errors import RecordingError
from device_agent.pipeline.recording import read
from device_agent.sensors import Reading

SAMPLE_DATA = Path(__file__).parents[3] / "simulator" / "sample_data" / "nab"


def recording(tmp_path, text, names=None):
    path = tmp_path / "recording.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, names)


def test_cells_are_numbers_booleans_or_texts_and_an_empty_one_is_no_value(tmp_path):
    found = recording(tmp_path, "a,time,b\n1.5,10,on\n,11,eco\n\nFALSE,12.5,\n")
    assert found.readings == (
        Reading(10_000, {"a": 1.5, "b": True}),
        Reading(11_000, {"b": "eco"}),
        Reading(12_500, {"a": False}),
    )


@pytest.mark.parametrize(
    ("name", "cell", "at", "shown"),
    [
        ("time", "12.25", 12_250, "12.25"),
        ("time", "1764000000", 1_764_000_000_000, "1764000000"),
        ("time", "1764000000123", 1_764_000_000_123, "1764000000123"),
        ("time_ms", "500", 500, "500"),
        ("whatever", "500", 500_000, "500"),
        ("time", "2025-11-24T16:00:00Z", 1_764_000_000_000, "2025-11-24T16:00:00Z"),
        ("time", "2025-11-24 17:00:00.5+01:00", 1_764_000_000_500, "2025-11-24T16:00:00.500Z"),
        ("timestamp", "2025-11-24 16:00:00", 1_764_000_000_000, "2025-11-24T16:00:00Z"),
    ],
)
def test_a_time_is_iso_or_seconds_or_ms(tmp_path, name, cell, at, shown):
    found = recording(tmp_path, f"{name},a\n{cell},1\n")
    assert found.readings[0].at == at
    assert found.shown(at) == shown


def test_a_column_may_stand_for_a_metric_of_another_name():
    found = read(SAMPLE_DATA / "machine_temperature_system_failure.csv", {"value": "temperature"})
    assert found.readings[0] == Reading(1_386_018_900_000, {"temperature": 73.96732207})
    assert len(found.readings) + len(found.skipped) == 22_695


def test_lines_that_are_not_later_than_the_one_before_are_passed_over_and_told(tmp_path):
    found = recording(tmp_path, "time,a\n1,1\n1,2\n3,3\n2,4\n")
    assert [reading.at for reading in found.readings] == [1_000, 3_000]
    assert found.skipped == (3, 5)


WRONG = {
    "empty": ("", r"csv:1: it must be a header of a time and a metric or more, got \[\]"),
    "one column": ("time\n1\n", "csv:1: it must be a header"),
    "name": ("time,Temp C\n1,2\n", "csv:1: a column must be 1 to 64 of a-z"),
    "time": ("time,a\n1,2\nsoon,3\n", r"csv:3: a time must be like those before \(s\), got 'soon'"),
    "no time": ("a,time\n1\n", "csv:2: a time must be like those before"),
    "early": ("time,a\n-1,2\n", "csv:2: a time must be from 1970 to 9999, got '-1'"),
    "late": ("time_ms,a\n1e300,2\n", "csv:2: a time must be from 1970"),
    "infinite": ("time,a\ninf,2\n", "csv:2: a time must be"),
    "NaN": ("time,a\n1,nan\n", "csv:2: a number must be finite, got nan"),
    "long": (f"time,a\n1,{'x' * 257}\n", "csv:2: a text must have at most 256 characters"),
    "cells": ("time,a\n1,2,3\n", "csv:2: a row must have at most 2 cells, got 3"),
    "bytes": (b"time,a\n1,\xff\n", "it must be CSV in UTF-8"),
}


@pytest.mark.parametrize(("text", "error"), WRONG.values(), ids=WRONG)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path, text, error):
    with pytest.raises(RecordingError, match=error):
        recording(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"absent\.csv: No such file"):
        read(tmp_path / "absent.csv")
