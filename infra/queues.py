"""SQS queues: encrypted, TLS only, and never without a place for what cannot be handled."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

MAX_RECEIVES = 5


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
    scope: Construct, name: str, *, dead_letters: sqs.Queue, consumer_timeout_s: int, window_s: int
) -> sqs.Queue:
    """A message stays hidden while its batch gathers and through six runs of its consumer, as Lambda asks for."""
    return sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(4),
        visibility_timeout=Duration.seconds(6 * consumer_timeout_s + window_s),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=MAX_RECEIVES),
    )
