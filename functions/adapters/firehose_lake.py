"""The lake behind Amazon Data Firehose: raw messages as JSON lines, several to a record since records are billed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from contract.ingest import LakeLine, encode_line
from functions.adapters.backoff import Backoff
from functions.errors import LakeError

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

MESSAGES_A_RECORD = 25
"""A record is billed by 5 KB: at some 200 bytes a message it is filled, and not much is sent again when it fails."""
MAX_RECORD_BYTES = 900_000
MAX_CALL_BYTES = 3_500_000
MAX_CALL_RECORDS = 500
"""Of 1,000 KiB, 4 MiB and 500 that Firehose takes."""


class _Record(NamedTuple):
    data: bytes
    positions: tuple[int, ...]


class FirehoseLake:
    def __init__(self, client: "FirehoseClient", stream: str, *, backoff: Backoff | None = None) -> None:
        self._client = client
        self._stream = stream
        self._backoff = backoff or Backoff()

    def append(self, lines: Sequence[LakeLine]) -> None:
        failed: set[int] = set()
        problem = ""
        for records in _calls(_records(lines)):
            left, why = self._put(records)
            failed.update(position for record in left for position in record.positions)
            problem = why or problem
        if failed:
            raise LakeError(
                f"{len(failed)} of {len(lines)} messages did not reach the lake: {problem}", frozenset(failed)
            )

    def _put(self, records: list[_Record]) -> tuple[list[_Record], str]:
        """Those that Firehose would not take, and why."""
        left, problem = records, ""
        for _ in self._backoff:
            try:
                answer = self._client.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": record.data} for record in left]
                )
            except (ClientError, BotoCoreError) as exc:
                return left, str(exc)  # botocore retried what may be
            if not answer["FailedPutCount"]:
                return [], ""
            outcomes = list(zip(left, answer["RequestResponses"], strict=True))
            left = [record for record, outcome in outcomes if outcome.get("ErrorCode")]
            problem = next(f"{outcome.get('ErrorCode')}" for _, outcome in outcomes if outcome.get("ErrorCode"))
        return left, problem


def _records(lines: Sequence[LakeLine]) -> list[_Record]:
    records: list[_Record] = []
    data: list[bytes] = []
    first = size = 0
    for position, line in enumerate(map(encode_line, lines)):
        if data and (len(data) == MESSAGES_A_RECORD or size + len(line) > MAX_RECORD_BYTES):
            records.append(_Record(b"".join(data), tuple(range(first, position))))
            data, first, size = [], position, 0
        data.append(line)
        size += len(line)
    if data:
        records.append(_Record(b"".join(data), tuple(range(first, len(lines)))))
    return records


def _calls(records: list[_Record]) -> list[list[_Record]]:
    calls: list[list[_Record]] = []
    size = 0
    for record in records:
        if not calls or len(calls[-1]) == MAX_CALL_RECORDS or size + len(record.data) > MAX_CALL_BYTES:
            calls.append([])
            size = 0
        calls[-1].append(record)
        size += len(record.data)
    return calls
