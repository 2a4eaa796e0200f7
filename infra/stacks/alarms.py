"""Alarms: what rules wait for, what is to be done about it, the functions that see to both, and their beat."""

from collections.abc import Mapping

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from functions.settings import ActionsSettings, AlarmsSettings
from infra.dead_letters import DeadLetters
from infra.findings import acknowledge
from infra.function import SPECS, PlatformFunction, Reach
from infra.platform import Platform
from infra.queues import BRIEF, OUTAGE
from infra.shadows import explain_shadows, shadows
from infra.stacks.commands import CommandsStack
from infra.stacks.data import DataStack
from infra.stacks.live import LiveStack
from infra.work import WorkQueue

BATCH = 10
"""The most that Lambda takes without waiting for more: somebody waits to be told."""
ACTIONS_BATCH = 1
"""Each may be a receiver that hangs: nobody else is told later because of it."""
CONCURRENCY = 10
TICK: Mapping[str, object] = {"v": 1, "kind": "tick"}


class AlarmsStack(Stack):
    """Before all stacks whose functions evaluate rules or have devices evaluated: the store's, whose endpoints name the
    queue of actions, the fleet's, ingest and the API.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        data: DataStack,
        live: LiveStack,
        commands: CommandsStack,
    ) -> None:
        super().__init__(scope, id, description="Fieldline: the queues and functions of alarms and their actions.")
        # That a device has come or gone is told once: while the tables are down, it must not become a dead letter.
        self.alarms = WorkQueue(
            self, "Alarms", consumer_timeout_s=SPECS["alarms"].timeout_s, window_s=0, patience=OUTAGE
        )
        # Whatever is to be done also stands in the tables, where each minute's sweep finds it.
        self.actions = WorkQueue(
            self, "Actions", consumer_timeout_s=SPECS["actions"].timeout_s, window_s=0, patience=BRIEF
        )
        self.webhook_key = self._webhook_key(platform)
        self._alarms(platform, data, live)
        self._actions(platform, data, live, commands)
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

    def _alarms(self, platform: Platform, data: DataStack, live: LiveStack) -> None:
        function = PlatformFunction(
            self,
            "AlarmsFunction",
            platform=platform,
            settings=AlarmsSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                live_table=live.table.table_name,
                live_queue_url=live.queue.queue_url,
                alarms_queue_url=self.alarms.queue.queue_url,
                actions_queue_url=self.actions.queue.queue_url,
            ),
            resources={**data.resources, **live.resources, **self.resources},
            consumes=[self.alarms.consume()],
        )
        self.alarms.drain(function, batch_size=BATCH, concurrency=CONCURRENCY)

    def _actions(self, platform: Platform, data: DataStack, live: LiveStack, commands: CommandsStack) -> None:
        sender = platform.config.mail_from
        function = PlatformFunction(
            self,
            "ActionsFunction",
            platform=platform,
            settings=ActionsSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                live_table=live.table.table_name,
                live_queue_url=live.queue.queue_url,
                actions_queue_url=self.actions.queue.queue_url,
                commands_queue_url=commands.queue.queue_url,
                webhook_secret=self.webhook_key.secret_arn,
                mail_from=sender or "",
            ),
            resources={
                **data.resources,
                **live.resources,
                **commands.resources,
                **self.resources,
                **shadows(self),
                "mail": self._mail(sender) if sender else None,
                "sms": Reach(all_but=[self._arn("sns", "*", region="*", account="*")]),
            },
            consumes=[self.actions.consume()],
        )
        explain_shadows(function.role, ["state"])
        if sender:
            self._explain_mail(function)
        self.actions.drain(function, batch_size=ACTIONS_BATCH, concurrency=CONCURRENCY)

    def _mail(self, sender: str) -> Reach:
        """From this address alone. SES asks for more than it: in its sandbox for the receiver's identity too, and for
        the configuration set where the sender has one.
        """
        return Reach(
            arns=[self._arn("ses", "identity/*"), self._arn("ses", "configuration-set/*")],
            conditions={"StringEquals": {"ses:FromAddress": sender}},
        )

    def _explain_mail(self, function: PlatformFunction) -> None:
        for kind in ("identity", "configuration-set"):
            acknowledge(
                function.role,
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:{kind}/*]",
                "Whom alarms are mailed to is chosen at work; a condition allows the deployment's sender only.",
            )

    def _arn(self, service: str, name: str, **place: str) -> str:
        return self.format_arn(service=service, resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME, **place)

    def _webhook_key(self, platform: Platform) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "WebhookKey",
            description="What the secrets of webhooks are derived from.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            # No deletion protection guards it, as with what Timestream keeps.
            removal_policy=platform.stage.timestream_removal,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Every receiver of webhooks holds a secret that is derived from it; a new one must be told to each.",
        )
        return secret
