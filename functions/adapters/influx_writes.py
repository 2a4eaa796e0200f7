"""Writing points in batches, and finding those that the server will never take.

A server that refuses part of a batch names a reason and not the points. So what it refuses is halved and sent again,
which does no harm to what it took, down to the point that is to blame.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple

from functions.adapters.influx_auth import Authorization
from functions.adapters.influx_client import InfluxClient, RefusedError, UnavailableError
from functions.adapters.influx_http import Deadline
from functions.adapters.influx_lines import UnencodableError, encode
from functions.adapters.influx_marks import mark
from functions.adapters.influx_pages import Asking
from functions.domain.series import Point, Rejected, newest
from functions.errors import StoreError

BATCH_POINTS = 5_000
_SIDE_BY_SIDE = 2
"""Batches on the way: the server parses one while it makes another durable."""
_SHOWN_CHARS = 300

# What the server says of points that it will refuse for ever. Whatever else it says may pass: a full cache or disk, a
# limit of series that somebody raises, a proxy that speaks for a server which is not there.
_REFUSES_FOR_EVER = re.compile("field type conflict|unable to parse|beyond retention policy|max key length exceeded")
_DROPPED = re.compile(r"beyond retention policy dropped=(\d+)$")


_Submit = Callable[..., "Future[None]"]


class _Begun(NamedTuple):
    points: Sequence[Point]
    lines: int
    sent: "Future[None]"


def _at_once(call: Callable[..., None], *arguments: object) -> "Future[None]":
    done: Future[None] = Future()
    try:
        call(*arguments)
        done.set_result(None)
    except (RefusedError, StoreError) as exc:
        done.set_exception(exc)
    return done


class Writing:
    """One call of `write`."""

    def __init__(self, client: InfluxClient, auth: Authorization, deadline: Deadline, asking: Asking | None) -> None:
        """Without `asking` all points must be fresh."""
        self._client = client
        self._asking = asking
        self._auth = auth
        self._deadline = deadline
        self.stored = False
        """Whether anything is known to be."""
        self.rejected: list[Rejected] = []
        self.open: list[Point] = []
        """Points that may not have been stored, because of the `problem`."""
        self.problem: StoreError | None = None

    def write(self, points: Sequence[Point]) -> None:
        """Of two versions in `points` the one that stands is written, and both are looked for unless they are fresh."""
        self._store([*newest(points).values()])
        refused = {_identity(one.point) for one in self.rejected}
        unsure = [point for point in points if not point.fresh and (not refused or _identity(point) not in refused)]
        if isinstance(self.problem, UnavailableError):
            self.open += unsure
        elif unsure:
            self.mark(unsure)

    def mark(self, unsure: Sequence[Point]) -> None:
        """Those that have another version beside them; they may be `open` afterwards."""
        if self._asking is None:
            return
        try:
            mark(self._asking, lambda marks: self._client.write(marks, self._auth, self._deadline), unsure)
        except StoreError as exc:
            self._leave_open(unsure, exc)
        except RefusedError as exc:
            self._leave_open(unsure, StoreError(str(exc)))

    def _store(self, points: Sequence[Point]) -> None:
        """Batch by batch, the next ones being encoded and sent while the server is at the one before."""
        batches = [points[first : first + BATCH_POINTS] for first in range(0, len(points), BATCH_POINTS)]
        if len(batches) <= 1:
            for batch in batches:
                self._settle(self._begin(batch, _at_once))
            return
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as senders:
            begun: deque[_Begun | None] = deque()
            for batch in batches:
                begun.append(self._begin(batch, senders.submit))
                if len(begun) > _SIDE_BY_SIDE:
                    self._settle(begun.popleft())
            for one in begun:
                self._settle(one)

    def _begin(self, points: Sequence[Point], submit: _Submit) -> "_Begun | None":
        if isinstance(self.problem, UnavailableError):
            self.open += points
            return None
        try:
            body, lines = encode(points)
        except UnencodableError as exc:
            if len(points) > 1:
                self._send_halves(points)
            else:
                self.rejected.append(Rejected(points[0], "unstorable", str(exc)))
            return None
        return _Begun(points, lines, submit(self._client.write, body, self._auth, self._deadline))

    def _settle(self, begun: "_Begun | None") -> None:
        if begun is None:
            return
        try:
            begun.sent.result()
            self.stored = True
        except RefusedError as exc:
            self._part(begun.points, begun.lines, exc)
        except StoreError as exc:
            self._leave_open(begun.points, exc)

    def _part(self, points: Sequence[Point], lines: int, refusal: RefusedError) -> None:
        """Those points that will never be taken from those that were, or may be."""
        wrong = refusal.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY} and bool(
            _REFUSES_FOR_EVER.search(refusal.reason)
        )
        dropped = _DROPPED.search(refusal.reason)
        if wrong and (len(points) == 1 or (dropped is not None and int(dropped[1]) == lines)):
            detail = refusal.reason[:_SHOWN_CHARS]
            self.rejected += [Rejected(point, "refused", detail) for point in points]
        elif len(points) > 1 and (wrong or refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self._send_halves(points)
        else:
            self._leave_open(points, StoreError(str(refusal)))

    def _send_halves(self, points: Sequence[Point]) -> None:
        middle = len(points) // 2
        for half in (points[:middle], points[middle:]):
            self._settle(self._begin(half, _at_once))

    def _leave_open(self, points: Sequence[Point], problem: StoreError) -> None:
        self.open += points
        self.problem = problem


def _identity(point: Point) -> tuple[str, str, int]:
    return point.device, point.metric, point.ts
