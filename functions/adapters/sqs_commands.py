"""Messages to the commands function, by its own queue."""

from typing import TYPE_CHECKING

from contract import documents
from contract.documents import InternalEvent
from functions.adapters.aws import wrapped
from functions.domain import command_work
from functions.domain.command_work import Work
from functions.errors import CommandsError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsCommandQueue:
    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def wake(self, thing: str, kind: str, at: int, *, delay_s: int = 0) -> None:
        event = InternalEvent(kind=kind, thing=thing, at=at)
        self._send(documents.encode(event).decode(), delay_s, f"waking the commands of {thing}")

    def put(self, work: Work, *, delay_s: int = 0) -> None:
        self._send(command_work.encode(work), delay_s, "sending work to the commands function")

    def _send(self, body: str, delay_s: int, doing: str) -> None:
        with wrapped(CommandsError, doing):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=delay_s)
