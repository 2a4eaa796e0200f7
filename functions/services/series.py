"""History as people and apps ask for it."""

import msgspec

from functions.domain.access import Permission, Principal
from functions.domain.cursors import seal, unseal
from functions.domain.series import MAX_BINS, Aggregate, Row, SeriesQuery
from functions.errors import RequestError
from functions.ports.clock import Clock
from functions.ports.devices import StatusReader
from functions.ports.telemetry import SeriesReader
from functions.services.gate import Gate, missing


class SeriesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A series as it was asked for. `asked` spells the range as the caller did: the cursor belongs to that."""

    device: str
    metrics: tuple[str, ...]
    start: int
    end: int
    asked: tuple[str, str]
    bin_ms: int | None = None
    aggregates: tuple[Aggregate, ...] = (Aggregate.AVG,)
    cursor: str | None = None
    limit: int


class SeriesAnswer(msgspec.Struct, frozen=True):
    """`start` and `end` are those of the first page, so that a relative range does not slide between pages."""

    start: int
    end: int
    rows: tuple[Row, ...]
    cursor: str | None


class History:
    def __init__(self, gate: Gate, store: SeriesReader, statuses: StatusReader, clock: Clock) -> None:
        self._gate = gate
        self._store = store
        self._statuses = statuses
        self.clock = clock

    def series(self, who: Principal, request: SeriesRequest) -> SeriesAnswer:
        """Raises NotFoundError, ForbiddenError, CursorError, and RequestError for an impossible or too long range."""
        question = (
            "telemetry",
            request.device,
            request.metrics,
            request.bin_ms,
            request.aggregates,
            request.asked,
        )
        start, end, inner = request.start, request.end, None
        if request.cursor is not None:
            position = unseal(request.cursor, question, (int, int, str))
            start, end, inner = int(position[0]), int(position[1]), str(position[2])
        # Only now: what was asked for in relation to the present has moved since the first page.
        _check_range(start, end, request.bin_ms)
        self._require(who, request.device)
        page = self._store.series(
            SeriesQuery(
                device=request.device,
                metrics=request.metrics,
                start=start,
                end=end,
                bin_ms=request.bin_ms,
                aggregates=request.aggregates,
                cursor=inner,
                limit=request.limit,
            )
        )
        cursor = None if page.cursor is None else seal(question, (start, end, page.cursor))
        return SeriesAnswer(start, end, page.rows, cursor)

    def _require(self, who: Principal, thing: str) -> None:
        device = self._gate.heard(who, Permission.TELEMETRY_READ, thing)
        if device is None and thing not in self._statuses.statuses([thing]):
            raise missing(thing)


def _check_range(start: int, end: int, bin_ms: int | None) -> None:
    if start > end:
        raise RequestError("from", "a time not after `to`", f"{start} after {end}")
    if bin_ms is not None and end - start > bin_ms * MAX_BINS:
        raise RequestError("bin", f"at most {MAX_BINS} bins from `from` to `to`", str(-(-(end - start) // bin_ms)))
