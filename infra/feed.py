"""From a topic to a function: rule, queue and event source, in one stack: over two, they would wait in a circle."""

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contract.topics import RULE_SQL_VERSION
from infra.function import allow
from infra.queues import Patience
from infra.work import WorkQueue


class Feed(WorkQueue):
    """The queue of a topic rule."""

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
        super().__init__(scope, id, consumer_timeout_s=consumer_timeout_s, window_s=window_s, patience=patience)
        self.rule = self._rule(rule_name, sql, errors)

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
