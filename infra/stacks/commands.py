"""Commands: what devices answer, the queue of all work on them, the function that does it and its beat."""

from collections.abc import Mapping

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from contract import topics
from functions.settings import CommandsSettings
from infra.dead_letters import DeadLetters
from infra.feed import Feed
from infra.findings import acknowledge
from infra.function import SPECS, PlatformFunction
from infra.platform import Platform
from infra.queues import BRIEF, terminal_queue
from infra.stacks.data import DataStack
from infra.stacks.live import LiveStack

BATCH = 10
"""The most that Lambda takes without waiting for more: somebody waits for each of these."""
CONCURRENCY = 10
TICK: Mapping[str, object] = {"v": 1, "kind": "tick"}


class CommandsStack(Stack):
    """Before the stacks whose functions have commands sent: presence, when a device returns, and the API."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        data: DataStack,
        live: LiveStack,
    ) -> None:
        super().__init__(scope, id, description="Fieldline: the queue and function of commands, and their minute beat.")
        errors = terminal_queue(self, "AnswerErrors")
        acknowledge(errors, "AwsSolutions-SQS3", "It is itself where the messages end that a rule cannot deliver.")
        feed = Feed(
            self,
            "CommandsFeed",
            rule_name=topics.COMMAND_RESPONSE_RULE_NAME,
            sql=topics.COMMAND_RESPONSE_RULE_SQL,
            consumer_timeout_s=SPECS["commands"].timeout_s,
            window_s=0,
            patience=BRIEF,
            errors=errors,
        )
        self.queue = feed.queue
        self.dead_letters = {
            "commands": DeadLetters(feed.dead_letters, feed.queue),
            "answer-errors": DeadLetters(errors),
        }
        self._function(platform, data, live, feed)
        events.Rule(
            self,
            "Minute",
            description="Has the commands function look at what is due.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.SqsQueue(feed.queue, message=events.RuleTargetInput.from_object(dict(TICK)))],
        )
        CfnOutput(self, "CommandsQueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, "CommandsDlqUrl", value=feed.dead_letters.queue_url)
        CfnOutput(self, "CommandsErrorQueueUrl", value=errors.queue_url)

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        return {"commands-queue": self.queue.queue_arn}

    def _function(self, platform: Platform, data: DataStack, live: LiveStack, feed: Feed) -> None:
        requests = self.format_arn(
            service="iot",
            resource="topic",
            resource_name="cmd/*/req",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        function = PlatformFunction(
            self,
            "CommandsFunction",
            platform=platform,
            settings=CommandsSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                live_table=live.table.table_name,
                live_queue_url=live.queue.queue_url,
                commands_queue_url=feed.queue.queue_url,
            ),
            resources={**data.resources, **live.resources, **self.resources, "command-requests": requests},
            consumes=[feed.consume()],
        )
        acknowledge(
            function.role,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iot:<AWS::Region>:<AWS::AccountId>:topic/cmd/*/req]",
            "It sends commands to every device, and publishes to nothing else.",
        )
        feed.drain(function, batch_size=BATCH, concurrency=CONCURRENCY)
