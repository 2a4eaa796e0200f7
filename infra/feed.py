"""From a topic to a function: rule, queue and event source, in one stack: over two, they would wait in a circle."""

from aws_cdk import ArnFormat, Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contract.topics import RULE_SQL_VERSION
from infra.function import PlatformFunction, allow
from infra.queues import Patience, terminal_queue, work_queue


class Feed(Construct):
    """The queue of a topic rule; `drain` connects the function that empties it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        rule_name: str,
        sql: str,
        consumer_timeout_s: int,
        window_s: int,
        patience: Patience,
        errors: sqs.Queue,
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
        self.rule = self._rule(rule_name, sql, errors)

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

    def _rule(self, name: str, sql: str, errors: sqs.Queue) -> iot.CfnTopicRule:
        role = self._rule_role(name, errors)

        def send(queue: sqs.Queue) -> iot.CfnTopicRule.ActionProperty:
            return iot.CfnTopicRule.ActionProperty(
                sqs=iot.CfnTopicRule.SqsActionProperty(
                    queue_url=queue.queue_url, role_arn=role.role_arn, use_base64=False
                )
            )

        return iot.CfnTopicRule(
            self,
            "Rule",
            rule_name=name,
            topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
                sql=sql,
                aws_iot_sql_version=RULE_SQL_VERSION,
                actions=[send(self.queue)],
                error_action=send(errors),
            ),
        )

    def _rule_role(self, name: str, errors: sqs.Queue) -> iam.Role:
        rule_arn = Stack.of(self).format_arn(
            service="iot", resource="rule", resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        return iam.Role(
            self,
            "RuleRole",
            description=f"The topic rule {name} sends to its queue and to the error queue.",
            # Only this rule of this account: no other may borrow the role.
            assumed_by=iam.ServicePrincipal(
                "iot.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnEquals": {"aws:SourceArn": rule_arn},
                },
            ),
            inline_policies={
                "send": iam.PolicyDocument(
                    statements=[allow("Send", ["sqs:SendMessage"], [self.queue.queue_arn, errors.queue_arn])]
                )
            },
        )
