"""A recording is played row by row, with new times and a position that survives."""

import json
from pathlib import Path

import pytest

from contract import models
from device_agent.errors import SensorError
from device_agent.sensors.replay import Column, ReplaySettings

MODEL = models.shipped()["machine"]
SAMPLES = Path(__file__).parents[3] / "simulator" / "sample_data" / "nab"


@pytest.fixture
def play(tmp_path, host):
    def play_(rows, *columns, position=None, loop=False, start_row=0, header="timestamp,value", name="a.csv"):
        file = tmp_path / name
        if rows is not None:
            file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        columns = columns or (Column("value", "temperature"),)
        settings = ReplaySettings("r", file, columns, interval_s=1, loop=loop, start_row=start_row)
        sensor = settings.make(host(MODEL), position)
        sensors.append(sensor)
        return sensor

    sensors = []
    yield play_
    for sensor in sensors:
        sensor.close()


async def values(sensor, count, key="temperature"):
    readings = [await sensor.read(1000 * n) for n in range(count)]
    return [reading and reading.values.get(key) for reading in readings]


async def test_rows_come_in_file_order_and_end_with_the_file(play):
    assert await values(play(["t,1.5", "t,2", "t,-3e2"]), 5) == [1.5, 2.0, -300.0, None, None]


async def test_a_looped_recording_starts_again(play):
    assert await values(play(["t,1", "t,2"], loop=True), 5) == [1, 2, 1, 2, 1]


async def test_rows_are_at_the_time_they_are_played(play):
    sensor = play(["2013-07-04 00:00:00,1", "2013-07-04 00:00:00,2"])

    assert [(await sensor.read(now)).at for now in (5000, 6000)] == [5000, 6000]


async def test_a_sensor_made_from_a_position_goes_on_after_that_row(play):
    rows = [f"t,{n}" for n in range(5)]
    before = play(rows)
    await before.read(5000)
    position = (await before.read(6000)).position

    assert (await play(rows, position=position).read(0)).values == {"temperature": 2.0}


async def test_a_position_in_another_recording_does_not_skip_its_rows(play):
    position = (await play(["t,1", "t,2"]).read(6000)).position

    assert (await play(["t,7"], position=position, name="b.csv").read(0)).values == {"temperature": 7.0}


async def test_a_position_beyond_a_shortened_recording_starts_again_or_ends(play):
    position = json.dumps({"file": "a.csv", "row": 99})

    assert await values(play(["t,1"], position=position, loop=True), 2) == [1, 1]
    assert await values(play(["t,1"], position=position), 1) == [None]


def test_a_position_that_cannot_be_read_is_an_error_that_shows_it(play):
    with pytest.raises(SensorError, match="rubbish"):
        play(["t,1"], position="rubbish")


async def test_a_device_may_start_in_the_middle(play):
    sensor = play(["t,1", "t,2", "t,3"], start_row=1, loop=True)

    assert await values(sensor, 4) == [2, 3, 1, 2]


async def test_fahrenheit_becomes_celsius(play):
    column = Column("value", "temperature", scale=5 / 9, offset=-160 / 9, decimals=4)

    assert await values(play(["t,212", "t,32", "t,69.88083514"], column), 3) == [100.0, 0.0, 21.0449]


async def test_columns_become_the_types_of_the_model(play):
    columns = (Column("t", "temperature"), Column("r", "relay"), Column("n", "not_in_the_model"))
    sensor = play(["20,on,1", "21,False,2"], *columns, header="t,r,n")

    assert (await sensor.read(0)).values == {"temperature": 20.0, "relay": True, "not_in_the_model": 1.0}
    assert (await sensor.read(1)).values == {"temperature": 21.0, "relay": False, "not_in_the_model": 2.0}


async def test_an_empty_cell_is_no_value_and_no_error(play):
    columns = (Column("t", "temperature"), Column("v", "vibration"))
    sensor = play(["20,", ",3"], *columns, header="t,v")

    assert (await sensor.read(0)).values == {"temperature": 20.0}
    assert (await sensor.read(1)).values == {"vibration": 3.0}


@pytest.mark.parametrize("cell", ["broken", "nan", "1e999", "1,5"])
async def test_a_bad_cell_is_named_and_the_next_row_is_played(play, cell):
    sensor = play([f't,"{cell}"', "t,2"])

    with pytest.raises(SensorError, match="row 1, column value: expected a finite number"):
        await sensor.read(0)
    assert (await sensor.read(1)).values == {"temperature": 2.0}


async def test_a_recording_without_rows_is_an_error_when_looped(play):
    with pytest.raises(SensorError, match="no rows"):
        await play([], loop=True).read(0)


async def test_a_recording_that_is_gone_is_an_error_not_a_crash(play):
    with pytest.raises(SensorError, match="cannot be read"):
        await play(None, name="missing.csv").read(0)


async def test_a_recording_with_repeated_times_gives_a_reading_for_every_row(host):
    file = SAMPLES / "machine_temperature_system_failure.csv"
    column = Column("value", "temperature")
    sensor = ReplaySettings("r", file, (column,), interval_s=1, loop=False, start_row=0).make(host(MODEL), None)

    count = 0
    while await sensor.read(0) is not None:
        count += 1
    sensor.close()

    assert count == 22_695
