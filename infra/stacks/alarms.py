"""Alarms: the queues of what rules wait for and of what is to be done, and the beat of both."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.findings import acknowledge
from infra.platform import Platform
from infra.queues import BRIEF, OUTAGE
from infra.work import WorkQueue

TICK: Mapping[str, object] = {"v": 1, "kind": "tick"}


class AlarmsStack(Stack):
    """Before all stacks whose functions evaluate rules or have devices evaluated: the store's, whose endpoints name the
    queue of actions, the fleet's, ingest and the API.
    """

    def __init__(self, scope: Construct, id: str, *, platform: Platform) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id, description="Fieldline: the queues and functions of alarms and their actions.")
        # That a device has come or gone is told once: while the tables are down, it must not become a dead letter.
        self.alarms = WorkQueue(self, "Alarms", consumer_timeout_s=60, window_s=0, patience=OUTAGE)
        # Whatever is to be done also stands in the tables, where each minute's sweep finds it.
        self.actions = WorkQueue(self, "Actions", consumer_timeout_s=60, window_s=0, patience=BRIEF)
        self.webhook_key = self._webhook_key(platform)
        message = events.RuleTargetInput.from_object(dict(TICK))
        events.Rule(
            self,
            "Minute",
            description="Has the functions alarms and actions look at what is due.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.SqsQueue(work.queue, message=message) for work in (self.alarms, self.actions)],
        )
        # A store's stack that has left the app goes on importing it.
        self.export_value(self.actions.queue.queue_arn)
        for name, work in (("Alarms", self.alarms), ("Actions", self.actions)):
            CfnOutput(self, f"{name}QueueUrl", value=work.queue.queue_url)
            CfnOutput(self, f"{name}DlqUrl", value=work.dead_letters.queue_url)
        self.dead_letters = {
            "alarms": DeadLetters(self.alarms.dead_letters, self.alarms.queue),
            "actions": DeadLetters(self.actions.dead_letters, self.actions.queue),
        }

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        return {
            "alarms-queue": self.alarms.queue.queue_arn,
            "actions-queue": self.actions.queue.queue_arn,
            "webhook-key": self.webhook_key.secret_arn,
        }

    def _webhook_key(self, platform: Platform) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "WebhookKey",
            description="What the secrets of webhooks are derived from.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=platform.stage.removal,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Every receiver of webhooks holds a secret that is derived from it; a new one must be told to each.",
        )
        return secret
