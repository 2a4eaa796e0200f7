"""A queue of work and the function that empties it: with dead letters, visibility and rights that fit each other."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import PlatformFunction, allow
from infra.queues import Patience, terminal_queue, work_queue


class WorkQueue(Construct):
    """`drain` connects the function that empties it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        consumer_timeout_s: int,
        window_s: int,
        patience: Patience,
    ) -> None:
        super().__init__(scope, id)
        self._window_s = window_s
        self.dead_letters = terminal_queue(self, "DeadLetters")
        self.queue = work_queue(
            self,
            "Queue",
            dead_letters=self.dead_letters,
            consumer_timeout_s=consumer_timeout_s,
            window_s=window_s,
            patience=patience,
        )

    def drain(self, consumer: PlatformFunction, *, batch_size: int, concurrency: int) -> None:
        """Deliver batches to the function; a message that it reports as failed comes back alone."""
        lambda_.EventSourceMapping(
            self,
            "Source",
            target=consumer.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch_size,
            max_batching_window=Duration.seconds(self._window_s),
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )

    def consume(self) -> iam.PolicyStatement:
        """What the function's role needs so that Lambda can poll for it."""
        return allow(
            "Consume",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
            [self.queue.queue_arn],
        )
