"""The queue between whoever changes something and the function that tells those who watch."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from functions.adapters.aws import wrapped
from functions.errors import LiveError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_AT_ONCE = 10
_BYTES_AT_ONCE = 240 * 1024
"""SQS takes 256 KB in all."""


class SqsLiveQueue:
    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, messages: Sequence[bytes]) -> None:
        failed = []
        for batch in _batches(messages):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(at), "MessageBody": message.decode()} for at, message in enumerate(batch)
            ]
            with wrapped(LiveError, "sending live events"):
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failed += [f"{one['Code']}: {one.get('Message', '')}" for one in answer.get("Failed", [])]
        if failed:
            raise LiveError(f"{len(failed)} messages of live events were not taken: {failed[0]}")


def _batches(messages: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for message in messages:
        if batch and (len(batch) == _AT_ONCE or sum(map(len, batch)) + len(message) > _BYTES_AT_ONCE):
            yield batch
            batch = []
        batch.append(message)
    if batch:
        yield batch
