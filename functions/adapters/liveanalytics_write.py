"""Writing points to Timestream for LiveAnalytics: requests side by side, and what became of each point.

Late points go to the magnetic store, which looks at them after it has answered: what it refuses then, it reports to the
rejected-data location of the table only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from functions.adapters.aws import error_code, side_by_side
from functions.adapters.liveanalytics_calls import FAILURES, Deadline, GarbledError, patiently
from functions.adapters.liveanalytics_records import records, requests, version
from functions.domain.series import Point, Rejected

if TYPE_CHECKING:
    from mypy_boto3_timestream_write import TimestreamWriteClient
    from mypy_boto3_timestream_write.type_defs import RecordTypeDef

Identity: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True)
class Outcome:
    """Points that could not be written now, by identity with what went wrong, and those that never will be."""

    failed: dict[Identity, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)

    def join(self, other: "Outcome") -> "Outcome":
        return Outcome(self.failed | other.failed, self.rejected + other.rejected)


class RecordWriter:
    def __init__(self, client: "TimestreamWriteClient", database: str, table: str) -> None:
        self._client = client
        self._database = database
        self._table = table

    def write(self, points: Sequence[Point], now: int, deadline: Deadline) -> Outcome:
        """No two points may have one identity. `now` in ms tells what the service means by outside its window."""
        outcome = Outcome()
        for one in side_by_side(lambda some: self._request(some, now, deadline), requests(points)):
            outcome = outcome.join(one)
        return outcome

    def _request(self, points: list[Point], now: int, deadline: Deadline) -> Outcome:
        if deadline.passed:
            return _failed(points, "no time was left to try")
        common, rest = records(points)
        try:
            patiently(lambda: self._call(common, rest), deadline)
        except ClientError as exc:
            match error_code(exc):
                case "RejectedRecordsException":
                    return _judged(points, exc, now)
                case "ValidationException":
                    return self._invalid(points, exc, now, deadline)
            return _failed(points, str(exc))
        except (*FAILURES, GarbledError) as exc:
            return _failed(points, str(exc))
        return Outcome()

    def _call(self, common: "RecordTypeDef", rest: "list[RecordTypeDef]") -> None:
        answer: Any = self._client.write_records(
            DatabaseName=self._database, TableName=self._table, CommonAttributes=common, Records=rest
        )
        # Whatever else answers 200 has not written anything.
        if type(answer.get("RecordsIngested", {}).get("Total")) is not int:
            raise GarbledError("an answer that does not say how many records were ingested")

    def _invalid(self, points: list[Point], exc: ClientError, now: int, deadline: Deadline) -> Outcome:
        """The service refuses such a request whole and does not say for which record: halves find it."""
        if len(points) == 1:
            return Outcome(rejected=[Rejected(points[0], "unstorable", _message(exc))])
        middle = len(points) // 2
        return self._request(points[:middle], now, deadline).join(self._request(points[middle:], now, deadline))


def _failed(points: Sequence[Point], why: str) -> Outcome:
    return Outcome(failed={(point.device, point.metric, point.ts): why for point in points})


def _judged(points: list[Point], exc: ClientError, now: int) -> Outcome:
    """Records that the answer does not name were written."""
    response: Any = exc.response
    named = response.get("RejectedRecords")
    try:
        judged = [(points[int(one["RecordIndex"])], one) for one in named]
    except (TypeError, LookupError, ValueError):
        return _failed(points, f"expected the rejected records by their index, got {named!r:.200}")
    if not judged:
        return _failed(points, str(exc))
    verdicts = (_verdict(point, one, now) for point, one in judged)
    return Outcome(rejected=[verdict for verdict in verdicts if verdict is not None])


def _verdict(point: Point, rejected: dict[str, Any], now: int) -> Rejected | None:
    """None when a version is there that is no older, which is what writing was to bring about."""
    reason = str(rejected.get("Reason", ""))
    existing = rejected.get("ExistingVersion")
    if (existing is not None and existing >= version(point)) or "already exists" in reason:
        return None
    if "outside the time range" in reason:
        # It reaches 15 minutes ahead and as far back as the table's retention.
        return Rejected(point, "future" if point.ts > now else "expired", reason)
    return Rejected(point, "unstorable", reason)


def _message(exc: ClientError) -> str:
    return exc.response.get("Error", {}).get("Message", "") or str(exc)
