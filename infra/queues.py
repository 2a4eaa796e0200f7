"""SQS queues: encrypted, TLS only, and never without a place for what cannot be handled."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

_DAY_S = 86_400
_WAITING_S = 16 * 3600
"""What all receives of a message together may be late by, among others that wait too: of a thousand each a minute."""


@dataclass(frozen=True)
class Patience:
    """How often a queue offers a message that cannot be handled, and how long it keeps it at least."""

    receives: int
    days: int = 0

    def retention_s(self, visibility_s: int) -> int:
        """Longer than all receives take, so that a message becomes a dead letter before it expires, unseen."""
        return max(self.days * _DAY_S, self.receives * visibility_s + _WAITING_S)


BRIEF = Patience(receives=5, days=4)
"""What fails five times will fail again."""
OUTAGE = Patience(receives=1000)
"""For a consumer behind which a store may be down. A message that failed stays hidden for the visibility timeout: with
six minutes, SQS's most receives take 4.2 days, and only what fails for longer becomes a dead letter.
"""


def terminal_queue(scope: Construct, name: str) -> sqs.Queue:
    """Where messages end that nothing could handle; people empty it, by redrive or replay."""
    return sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        # Longer than any source keeps a message: its age counts on from the first queue.
        retention_period=Duration.days(14),
    )


def work_queue(
    scope: Construct, name: str, *, dead_letters: sqs.Queue, consumer_timeout_s: int, window_s: int, patience: Patience
) -> sqs.Queue:
    """A message stays hidden while its batch gathers and through six runs of its consumer, as Lambda asks for."""
    visibility_s = 6 * consumer_timeout_s + window_s
    return sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.seconds(patience.retention_s(visibility_s)),
        visibility_timeout=Duration.seconds(visibility_s),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=patience.receives),
    )
