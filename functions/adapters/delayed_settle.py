"""Debouncing by an SQS message that arrives later, in the very queue that lifecycle events come through."""

from typing import TYPE_CHECKING

from contract import documents
from contract.documents import InternalEvent
from functions.adapters.aws import wrapped
from functions.domain.presence import SETTLE
from functions.errors import StateError
from functions.ports.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class DelayedSettle:
    def __init__(self, client: "SQSClient", queue_url: str, *, delay_s: int, clock: Clock) -> None:
        self._client = client
        self._queue_url = queue_url
        self._delay_s = delay_s
        self._clock = clock

    def schedule(self, thing: str, session: str) -> None:
        event = InternalEvent(kind=SETTLE, thing=thing, at=self._clock.now_ms(), data={"session": session})
        with wrapped(StateError, f"scheduling the presence of {thing}"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=documents.encode(event).decode(),
                DelaySeconds=self._delay_s,
            )
