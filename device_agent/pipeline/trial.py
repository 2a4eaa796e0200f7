"""Trying a pipeline on a recording: what would come out, and when. No clock and no device take part."""

import csv
import io
from collections.abc import Iterable, Iterator

from contract.telemetry import Value
from device_agent.pipeline.pipeline import Pipeline
from device_agent.pipeline.recording import Recording
from device_agent.pipeline.settings import PipelineSettings
from device_agent.sensors import Reading


def replay(recording: Recording, settings: PipelineSettings, *, tail_ms: int = 0) -> Iterator[Reading]:
    """What comes out of a new pipeline, up to `tail_ms` after the last reading."""
    pipeline = Pipeline(settings)
    for reading in recording.readings:
        yield from pipeline.take(reading)
    if recording.readings:
        yield from pipeline.tick(recording.readings[-1].at + tail_ms + 1)


def csv_lines(recording: Recording, readings: Iterable[Reading]) -> Iterator[str]:
    """The readings as CSV with a header, times as the recording writes them; without line ends."""
    made = list(readings)
    metrics = sorted({metric for reading in made for metric in reading.values})
    yield _line(["time", *metrics, "quality"])
    for reading in made:
        cells = [_cell(reading.values[metric]) if metric in reading.values else "" for metric in metrics]
        yield _line([recording.shown(reading.at), *cells, reading.quality])


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.10g}"


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
