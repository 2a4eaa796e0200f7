"""The telemetry table: chunks by device, day and hour. Knows keys, batches and retries, not what a chunk means."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.chunk import shrink
from functions.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
MAX_CHUNK_BYTES = 300_000
"""Of an item's 400 KB."""

_BATCH = 25
_DAYS_AT_ONCE = 8


class Key(NamedTuple):
    pk: str
    sk: str


class StoredHour(NamedTuple):
    """All chunks of one device and UTC hour that begins at `start`, and where each is."""

    start: int
    chunks: list[tuple[Key, bytes]]

    @property
    def size(self) -> int:
        return sum(len(data) for _, data in self.chunks)


def chunk_key(device: str, hour: int, plain: bytes) -> Key:
    """`hour` is where the chunk's UTC hour begins; `plain` its bytes before deflation."""
    moment = datetime.fromtimestamp(hour // 1000, UTC)
    digest = blake2b(plain, digest_size=12).hexdigest()
    return Key(_partition(device, hour), f"{moment:%H}#{digest}")


def _partition(device: str, ts: int) -> str:
    return f"{device}#{datetime.fromtimestamp(ts // 1000, UTC):%Y-%m-%d}"


class ChunkTable:
    def __init__(self, client: "DynamoDBClient", table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def put(self, chunks: dict[Key, bytes], retention_ms: int) -> dict[Key, str]:
        """Store plain chunks; returns those that could not be stored, with what went wrong."""
        return self._write([{"PutRequest": {"Item": _item(key, plain, retention_ms)}} for key, plain in chunks.items()])

    def remove(self, keys: Sequence[Key]) -> dict[Key, str]:
        return self._write([{"DeleteRequest": {"Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}}}} for key in keys])

    def hours(self, device: str, start: int, end: int) -> Iterator[StoredHour]:
        """What is stored of `[start, end)`, hour by hour; days are read ahead, ever more of them, up to eight."""
        days = list(range(start - start % DAY_MS, end, DAY_MS))
        ahead = 1
        while days:
            now, days = days[:ahead], days[ahead:]
            spans = [(max(start, day), min(end, day + DAY_MS)) for day in now]
            firsts = side_by_side(lambda span: self._page(device, *span), spans)
            for (day_start, day_end), first in zip(spans, firsts, strict=True):
                yield from self._day(device, day_start, day_end, first)
            ahead = min(2 * ahead, _DAYS_AT_ONCE)

    def everywhere(self, after: Key | None) -> tuple[list[tuple[str, int]], Key | None]:
        """Device and hour of each chunk, and from where to go on, None at the end. In all, it reads the whole table."""
        request: dict[str, Any] = {"TableName": self._table, "ProjectionExpression": "pk, sk"}
        if after is not None:
            request["ExclusiveStartKey"] = {"pk": {"S": after.pk}, "sk": {"S": after.sk}}
        with wrapped(StoreError, "looking for devices with telemetry"):
            page = self._client.scan(**request)
        found = [_device_and_hour(Key(item["pk"]["S"], item["sk"]["S"])) for item in page["Items"]]
        last = page.get("LastEvaluatedKey")
        return found, Key(last["pk"]["S"], last["sk"]["S"]) if last else None

    def _day(self, device: str, start: int, end: int, page: dict[str, Any]) -> Iterator[StoredHour]:
        day, partition = start - start % DAY_MS, _partition(device, start)
        hour: StoredHour | None = None
        while True:
            for item in page["Items"]:
                key = Key(partition, item["sk"]["S"])
                begins = day + int(key.sk[:2]) * HOUR_MS
                if hour is None or hour.start != begins:
                    if hour is not None:
                        yield hour
                    hour = StoredHour(begins, [])
                hour.chunks.append((key, item["chunk"]["B"]))
            last = page.get("LastEvaluatedKey")
            if not last:
                break
            page = self._page(device, start, end, last)
        if hour is not None:
            yield hour

    def _page(self, device: str, start: int, end: int, after: dict[str, Any] | None = None) -> dict[str, Any]:
        first, last = start % DAY_MS // HOUR_MS, (end - 1) % DAY_MS // HOUR_MS
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": _partition(device, start)},
                ":first": {"S": f"{first:02d}#"},
                ":last": {"S": f"{last:02d}#~"},  # no digit of a digest comes after the tilde
            },
            "ProjectionExpression": "sk, chunk",
        }
        if after is not None:
            request["ExclusiveStartKey"] = after
        with wrapped(StoreError, f"reading telemetry of {device}"):
            return dict(self._client.query(**request))

    def _write(self, requests: list[dict[str, Any]]) -> dict[Key, str]:
        batches = [requests[at : at + _BATCH] for at in range(0, len(requests), _BATCH)]
        failed: dict[Key, str] = {}
        for some in side_by_side(self._write_batch, batches):
            failed.update(some)
        return failed

    def _write_batch(self, requests: list[dict[str, Any]]) -> dict[Key, str]:
        left: Any = requests
        for _ in self._backoff:
            try:
                answer = self._client.batch_write_item(RequestItems={self._table: left})
            except (ClientError, BotoCoreError) as exc:
                return {_key_of(request): str(exc) for request in left}  # botocore retried what may be
            left = answer["UnprocessedItems"].get(self._table, [])
            if not left:
                return {}
        return {_key_of(request): "left unprocessed by DynamoDB" for request in left}


def _item(key: Key, plain: bytes, retention_ms: int) -> dict[str, Any]:
    _, hour = _device_and_hour(key)
    expires = (hour + HOUR_MS + retention_ms) // 1000
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}, "chunk": {"B": shrink(plain)}, "expires": {"N": str(expires)}}


def _device_and_hour(key: Key) -> tuple[str, int]:
    device, _, day = key.pk.rpartition("#")
    begins = datetime.strptime(f"{day}T{key.sk[:2]}Z", "%Y-%m-%dT%H%z")
    return device, int(begins.timestamp()) * 1000


def _key_of(request: dict[str, Any]) -> Key:
    attributes = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
    return Key(str(attributes["pk"]["S"]), str(attributes["sk"]["S"]))
