"""Lines in the terminal: one panel for each metric, because their units differ."""

from collections.abc import Sequence
from datetime import UTC, datetime

_PANEL_ROWS = 14
_NARROWEST = 40
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000

Series = Sequence[tuple[int, float]]


def panel(
    title: str,
    series: Series,
    width: int,
    *,
    colour: bool,
    levels: Sequence[float] = (),
    periods: Sequence[tuple[int, int]] = (),
) -> str:
    """A plot of (milliseconds, value) pairs in time order, as text of `width` columns; the series is not empty.

    `levels` are drawn across it, and `periods`, from and to in milliseconds, as bars along its foot.
    """
    import plotext

    plotext.terminal.limit(width=False, height=False)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(max(width, _NARROWEST), _PANEL_ROWS)
    figure.theme("simple" if colour else "colorless")
    figure.title(title)
    figure.date().activate(form=_time_format(series[-1][0] - series[0][0]), zone=0)
    figure.draw(figure.signal([_moment(ms) for ms, _ in series], [value for _, value in series]).lines())
    for level in levels:
        figure.line(level, style="dotted", pixel="red")
        # What has no extent of its own does not widen the axis.
        figure.draw(figure.signal([_moment(series[0][0])], [level], marker=" "))
    everything = [*(value for _, value in series), *levels]
    foot, height = min(everything), (max(everything) - min(everything)) or 1.0
    for start, end in periods:
        corners = [_moment(max(series[0][0], start)), _moment(min(series[-1][0], end))]
        figure.draw(figure.rectangle(corners, (foot, foot + height / (2 * _PANEL_ROWS))))
    drawn = str(figure.build())
    return (drawn if colour else plotext.uncolorize(drawn)).rstrip("\n")


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _time_format(span_ms: int) -> str:
    if span_ms > 2 * _DAY_MS:
        return "%Y-%m-%d"
    if span_ms > 5 * _MINUTE_MS:
        return "%m-%d %H:%M"
    return "%H:%M:%S"
