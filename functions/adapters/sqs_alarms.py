"""Messages to the functions `alarms`, `actions` and `backtests`, by the queue of each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from functions.adapters.aws import wrapped
from functions.domain import alarm_work
from functions.domain.alarm_work import ActionsWork, AlarmsWork, Backtest
from functions.errors import AlarmsError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

AT_ONCE = 10
"""The most messages that SQS takes in a call."""


class _SqsWorkQueue:
    doing = ""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def _put(self, work: Sequence[AlarmsWork | ActionsWork | Backtest], delay_s: int) -> None:
        """A message that is refused does not keep the others back."""
        refused: list[str] = []
        for begin in range(0, len(work), AT_ONCE):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(at), "MessageBody": alarm_work.encode(one), "DelaySeconds": delay_s}
                for at, one in enumerate(work[begin : begin + AT_ONCE])
            ]
            with wrapped(AlarmsError, self.doing):
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            refused += [f"{one['Code']} {one.get('Message', '')}".strip() for one in answer.get("Failed", [])]
        if refused:
            raise AlarmsError(f"{self.doing}: {len(refused)} of {len(work)} messages were refused, first: {refused[0]}")


class SqsAlarmsQueue(_SqsWorkQueue):
    doing = "sending work to the alarms function"

    def put(self, *work: AlarmsWork, delay_s: int = 0) -> None:
        self._put(work, delay_s)


class SqsActionsQueue(_SqsWorkQueue):
    doing = "sending work to the actions function"

    def put(self, *work: ActionsWork, delay_s: int = 0) -> None:
        self._put(work, delay_s)


class SqsBacktestsQueue(_SqsWorkQueue):
    doing = "sending work to the backtests function"

    def put(self, *work: Backtest, delay_s: int = 0) -> None:
        self._put(work, delay_s)
