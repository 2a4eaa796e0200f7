import csv

from device_agent.pipeline.recording import Recording, read
from device_agent.pipeline.settings import ChainSettings, PipelineSettings
from device_agent.pipeline.stages.settling import Timeout
from device_agent.pipeline.stages.thinning import Delta
from device_agent.pipeline.stages.windows import Window
from device_agent.pipeline.trial import csv_lines, replay
from device_agent.sensors import Reading

RECORDING = Recording(tuple(Reading(at, {"a": float(at), "b": "on,off"}) for at in (1_000, 2_000, 3_500)), "s")


def settings(*stages):
    return PipelineSettings((ChainSettings("a", stages),))


def test_a_recording_goes_through_the_pipeline_as_on_a_device():
    out = list(replay(RECORDING, settings(Delta(absolute=1_200.0))))
    assert [(each.at, dict(each.values)) for each in out] == [
        (1_000, {"a": 1_000.0, "b": "on,off"}),
        (2_000, {"b": "on,off"}),
        (3_500, {"a": 3_500.0, "b": "on,off"}),
    ]


def test_the_tail_is_how_long_it_runs_on_without_samples():
    window = settings(Window(1_000, "last"))
    assert [each.at for each in replay(RECORDING, window) if "a" in each.values] == [2_000, 3_000]
    assert [each.at for each in replay(RECORDING, window, tail_ms=500) if "a" in each.values] == [2_000, 3_000, 4_000]
    assert list(replay(Recording((), "s"), window)) == []


def test_what_comes_out_is_csv_that_reads_back(tmp_path):
    lines = list(csv_lines(RECORDING, replay(RECORDING, settings(Timeout(800)))))
    assert lines == [
        "time,a,b,quality",
        '1,1000,"on,off",good',
        "1.8,1000,,stale",
        '2,2000,"on,off",good',
        "2.8,2000,,stale",
        '3.5,3500,"on,off",good',
    ]
    path = tmp_path / "out.csv"
    path.write_text("\n".join(lines))
    again = read(path)
    assert [each.at for each in again.readings] == [1_000, 1_800, 2_000, 2_800, 3_500]
    assert len(list(csv.reader(lines))) == len(lines)


def test_cells_without_a_value_are_empty_and_booleans_are_words():
    some = Recording((Reading(1, {"a": True}), Reading(2, {"b": 0.1})), "ms")
    assert list(csv_lines(some, some.readings)) == ["time,a,b,quality", "1,true,,good", "2,,0.1,good"]
