"""A pipeline's work as a picture for a terminal: each metric before and after it."""

import importlib.util
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from device_agent.pipeline.recording import Recording
from device_agent.sensors import Reading

_BARS: Final = "▁▂▃▄▅▆▇█"
_ROWS: Final = 16
_NARROWEST: Final = 40

Series: TypeAlias = Sequence[tuple[int, float]]
"""Times in ms and values, by rising time."""


def plotted(recording: Recording, after: Iterable[Reading], *, width: int = 80) -> str:
    """One picture a metric: by plotext where that is installed, else a line of bars before and one after.

    Booleans are drawn as 0 and 1; texts are left out.
    """
    before_of, after_of = _series(recording.readings), _series(after)
    draw = _drawn if importlib.util.find_spec("plotext") else _barred
    pictures = [
        draw(metric, before_of.get(metric, []), after_of.get(metric, []), recording, width)
        for metric in sorted(before_of.keys() | after_of.keys())
    ]
    return "\n\n".join(pictures)


def sparkline(series: Series, begin: int, end: int, width: int) -> str:
    """The means of `width` equal spans of [begin, end], as bars from the least to the greatest; no sample, no bar."""
    sums, counts = [0.0] * width, [0] * width
    for at, value in series:
        place = min((at - begin) * width // max(1, end - begin), width - 1)
        sums[place] += value
        counts[place] += 1
    means = [total / count if count else None for total, count in zip(sums, counts, strict=True)]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    top = len(_BARS) - 1
    return "".join(" " if mean is None else _BARS[round((mean - low) / span * top)] for mean in means)


def _series(readings: Iterable[Reading]) -> dict[str, list[tuple[int, float]]]:
    series: dict[str, list[tuple[int, float]]] = {}
    for reading in readings:
        for metric, value in reading.values.items():
            if not isinstance(value, str):
                series.setdefault(metric, []).append((reading.at, float(value)))
    return series


def _barred(metric: str, before: Series, after: Series, _: Recording, width: int) -> str:
    times = [at for at, _ in (*before, *after)]
    lines = [metric]
    for word, series in (("in ", before), ("out", after)):
        if series:
            values = [value for _, value in series]
            bars = sparkline(series, min(times), max(times), width - len(word) - 1)
            lines.append(f"{word} {bars.rstrip()}")
            lines.append(f"    {len(values)} samples, {min(values):.6g} to {max(values):.6g}")
    return "\n".join(lines)


def _drawn(metric: str, before: Series, after: Series, recording: Recording, width: int) -> str:
    import plotext

    plotext.terminal.limit(width=False, height=False)
    figure: Any = plotext.figure
    figure.clear()
    figure.plot_size(max(width, _NARROWEST), _ROWS)
    figure.theme("colorless")
    times = [at for at, _ in (*before, *after)]
    figure.title(f"{metric}, {recording.shown(min(times))} to {recording.shown(max(times))}")
    if recording.unit == "iso":
        figure.date().activate(form="%m-%d %H:%M", zone=0)
    for word, series in (("in", before), ("out", after)):
        if series:
            moments = [_moment(at, recording) for at, _ in series]
            figure.draw(figure.signal(moments, [value for _, value in series]).lines().label(word))
    return str(plotext.uncolorize(str(figure.build()))).rstrip()


def _moment(at: int, recording: Recording) -> datetime | float:
    return datetime.fromtimestamp(at / 1000, UTC) if recording.unit == "iso" else at / 1000
