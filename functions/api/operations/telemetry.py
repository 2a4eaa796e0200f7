# ruff: noqa: A002 - parameters are called what the API calls them
"""History, and telemetry of devices that speak no MQTT."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from contract.identity import parse_metric, parse_thing
from functions.api import shapes
from functions.api.answer import Answer, answer
from functions.api.parameters import Cursor, Limit, Thing
from functions.api.request import Request
from functions.api.times import duration_ms, listed, moment, shown
from functions.domain.series import MAX_METRICS, Aggregate
from functions.errors import RequestError
from functions.services.queries import Queries, SeriesRequest

_MAX_BIN_MS = 366 * 86_400_000


class TelemetryOperations:
    def __init__(self, request: Request, queries: Queries) -> None:
        self._request = request
        self._queries = queries

    def device_telemetry(
        self,
        id: Thing,
        metric: Annotated[list[str], Query(max_length=100)],
        from_: Annotated[str, Query(alias="from", max_length=64)] = "-1h",
        to: Annotated[str | None, Query(max_length=64)] = None,
        bin: Annotated[str | None, Query(max_length=32)] = None,
        agg: Annotated[list[str] | None, Query(max_length=20)] = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> Answer:
        """History of some metrics, raw or in bins."""
        now = self._queries.clock.now_ms()
        start = moment("from", from_, now)
        end = now if to is None else moment("to", to, now)
        bin_ms = None if bin is None else _bin(bin)
        if agg is not None and bin_ms is None:
            raise RequestError("agg", "`bin` with it", "no bin")
        request = SeriesRequest(
            device=parse_thing(id),
            metrics=_metrics(metric),
            start=start,
            end=end,
            asked=(from_, to or ""),
            bin_ms=bin_ms,
            aggregates=_aggregates(agg),
            cursor=cursor,
            limit=limit,
        )
        return answer(shapes.series(id, bin_ms, self._queries.series(request)))


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
