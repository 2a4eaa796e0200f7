# ruff: noqa: A002 - parameters are called what the API calls them
"""History, and telemetry of devices that speak no MQTT."""

from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from contract.identity import parse_metric, parse_thing
from contract.telemetry import Quality, Value
from functions.api.answer import CSV, JSON, Answer, answer, answers
from functions.api.csv import csv_answer
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Limit, Thing
from functions.api.request import Request
from functions.api.times import duration_ms, listed, moment, shown
from functions.domain.access import Kind
from functions.domain.engine.losses import HourlyLoss
from functions.domain.series import MAX_METRICS, Aggregate, RawRow, Row
from functions.errors import RequestError
from functions.services.intake import Intake
from functions.services.losses import ReadLosses
from functions.services.series import History, SeriesAnswer, SeriesRequest

_MAX_BIN_MS = 366 * 86_400_000
_OPERATION = "device_telemetry"


class RawPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point as it was measured. `late`: it came after its model's lateness bound."""

    ts: int
    metric: str
    value: Value
    q: Quality
    late: bool


class Bin(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A bin, by where it begins; it holds the aggregates that were asked for, null where there is no such number."""

    ts: int
    metric: str
    avg: float | msgspec.UnsetType | None = msgspec.UNSET
    min: float | msgspec.UnsetType | None = msgspec.UNSET
    max: float | msgspec.UnsetType | None = msgspec.UNSET
    sum: float | msgspec.UnsetType | None = msgspec.UNSET
    count: int | msgspec.UnsetType = msgspec.UNSET
    last: Value | msgspec.UnsetType | None = msgspec.UNSET


class RawSeries(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A page of points over `[from, to)`, ordered by time, then metric."""

    device: str
    from_: int
    to: int
    bin: None
    items: tuple[RawPoint, ...]
    cursor: str | None


class BinnedSeries(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A page of bins over `[from, to)`, ordered by time, then metric. `bin` is their length in ms."""

    device: str
    from_: int
    to: int
    bin: int
    items: tuple[Bin, ...]
    cursor: str | None


class TelemetryAccepted(msgspec.Struct, frozen=True):
    """Queued as of `received_at`: what the model does not allow is quarantined when it is stored."""

    device: str
    received_at: int
    bytes: int


class LossView(msgspec.Struct, frozen=True):
    """Messages of the hour that begins at `hour`. `received` has the late ones, and no duplicates.

    `late` came when nobody waited for them any more; `lost` never came, which is `loss_percent` of what was sent.
    """

    hour: int
    received: int
    duplicates: int
    late: int
    lost: int
    loss_percent: float


class LossesView(msgspec.Struct, frozen=True):
    """By the hour of their receipt, the newest hour first, from the first one in which the device was heard.

    `total` is of all these hours, at most 48, and has the first as its `hour`.
    """

    device: str
    total: LossView
    items: tuple[LossView, ...]
    cursor: str | None


class TelemetryOperations:
    def __init__(
        self, request: Request, history: History, intake: Intake, losses: ReadLosses, cursors: Cursors
    ) -> None:
        self._request = request
        self._history = history
        self._intake = intake
        self._losses = losses
        self._cursors = cursors

    @answers(RawSeries | BinnedSeries, media=(JSON, CSV))
    def device_telemetry(
        self,
        id: Thing,
        metric: Annotated[list[str], Query(max_length=MAX_METRICS)],
        from_: Annotated[str, Query(alias="from", max_length=64)] = "-1h",
        to: Annotated[str | None, Query(max_length=64)] = None,
        bin: Annotated[str | None, Query(max_length=32)] = None,
        agg: Annotated[list[str] | None, Query(max_length=20)] = None,
        format: Annotated[Literal["json", "csv"], Query()] = "json",
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> Answer:
        """History of some metrics, raw or in bins."""
        now = self._history.clock.now_ms()
        start = moment("from", from_, now)
        end = now if to is None else moment("to", to, now)
        bin_ms = None if bin is None else _bin(bin)
        if agg is not None and bin_ms is None:
            raise RequestError("agg", "`bin` with it", "no bin")
        who = self._request.who
        request = SeriesRequest(
            device=parse_thing(id),
            metrics=_metrics(metric),
            start=start,
            end=end,
            asked=(from_, to or ""),
            bin_ms=bin_ms,
            aggregates=_aggregates(agg),
            cursor=self._cursors.open(cursor, who, _OPERATION),
            limit=limit,
        )
        page = self._history.series(who, request)
        more = self._cursors.close(page.cursor, who, _OPERATION)
        if format == "csv" or self._request.prefers_csv:
            return csv_answer(*_table(request, page), cursor=more)
        # Rows as they are: a struct for each of them would cost more than all the rest of the answer.
        return answer(
            {
                "device": id,
                "from": page.start,
                "to": page.end,
                "bin": bin_ms,
                "items": [_row(row) for row in page.rows],
                "cursor": more,
            }
        )

    @answers(LossesView)
    def device_loss(self, id: Thing) -> Answer:
        """What was lost of a device's messages on the way, came late or twice: each hour of the last two days."""
        loss = self._losses.of(self._request.who, parse_thing(id))
        return answer(LossesView(id, _loss(loss.total), tuple(map(_loss, loss.hours)), None))

    @answers(TelemetryAccepted, status=202, problems=("not-found", "too-large"))
    def send_telemetry(
        self,
        envelope: Annotated[dict[str, Any], Body()],  # noqa: ARG002 - the bytes count; this has them be an object
        device: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Answer:
        """An envelope of a device that speaks no MQTT, by its own key or by an administrator for `device`."""
        who = self._request.who
        if device is None:
            if who.kind is not Kind.DEVICE:
                raise RequestError("device", "the device whose telemetry this is", "nothing")
            device = who.id.removeprefix("device:")
        taken = self._intake.take(self._request.actor, parse_thing(device), self._request.body)
        return answer(TelemetryAccepted(taken.thing, taken.received_at, len(taken.data)), status=202)


def _loss(one: HourlyLoss) -> LossView:
    return LossView(one.hour, one.received, one.duplicates, one.late, one.lost, round(one.share * 100, 2))


def _row(row: Row) -> dict[str, Any]:
    if isinstance(row, RawRow):
        return {"ts": row.ts, "metric": row.metric, "value": row.value, "q": row.quality, "late": row.late}
    return {"ts": row.ts, "metric": row.metric, **{name.value: value for name, value in row.values.items()}}


def _table(request: SeriesRequest, page: SeriesAnswer) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    names = ("value", "q", "late") if request.bin_ms is None else tuple(request.aggregates)
    header = ("ts", "metric", *names)
    rows = [tuple(_row(row).get(column) for column in header) for row in page.rows]
    return header, rows


def _metrics(texts: list[str]) -> tuple[str, ...]:
    metrics = tuple(parse_metric(text) for text in listed(texts))
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise RequestError("metric", f"1 to {MAX_METRICS} metrics", str(len(metrics)))
    return tuple(sorted(metrics))


def _bin(text: str) -> int:
    bin_ms = duration_ms("bin", text)
    if bin_ms > _MAX_BIN_MS:
        raise RequestError("bin", "at most 366d", shown(text))
    return bin_ms


def _aggregates(texts: list[str] | None) -> tuple[Aggregate, ...]:
    names = listed(texts or ["avg"])
    unknown = [name for name in names if name not in list(Aggregate)]
    if unknown or not names:
        raise RequestError("agg", f"some of {', '.join(Aggregate)}", shown(", ".join(unknown)))
    return tuple(Aggregate(name) for name in names)
