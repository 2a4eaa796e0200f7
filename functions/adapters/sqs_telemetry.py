"""The queue of telemetry, for what does not come through the topic rule."""

from typing import TYPE_CHECKING

from contract import ingest
from contract.ingest import IngestMessage
from functions.adapters.aws import wrapped
from functions.errors import TelemetryQueueError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsTelemetryQueue:
    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, message: IngestMessage, *, delay_s: int = 0) -> None:
        with wrapped(TelemetryQueueError, f"queueing telemetry of {message.thing}"):
            self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=ingest.encode(message).decode(), DelaySeconds=delay_s
            )
