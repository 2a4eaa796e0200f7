"""Into the stores: telemetry, device events and presence from the broker, and history from the lake or another store.

Each rule stays with its queue and function.
"""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from contract import topics
from functions.settings import BackfillSettings, EventsSettings, IngestSettings, PresenceSettings, ShadowsSettings
from infra.dead_letters import DeadLetters
from infra.feed import Feed
from infra.findings import acknowledge
from infra.function import SPECS, PlatformFunction
from infra.lake import RAW_PREFIX
from infra.platform import Platform
from infra.queues import BRIEF, OUTAGE, Patience, terminal_queue
from infra.stacks.alarms import AlarmsStack
from infra.stacks.commands import CommandsStack
from infra.stacks.data import DataStack
from infra.stacks.live import LiveStack
from infra.telemetry_store import Stores

INGEST_BATCH = 1000
SMALL_BATCH = 100
PROMPT_BATCH = 10
"""The most that Lambda takes without a window."""
SMALL_CONCURRENCY = 5


class IngestStack(Stack):
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        data: DataStack,
        live: LiveStack,
        commands: CommandsStack,
        alarms: AlarmsStack,
        stores: Stores,
    ) -> None:
        super().__init__(scope, id, description="Fieldline: topic rules, queues and the functions that drain them.")
        self._platform = platform
        self._data = data
        self._live = live
        self._commands = commands
        self._alarms = alarms
        self._stores = stores
        self._errors = terminal_queue(self, "RuleErrors")
        self.dead_letters = {"rule-errors": DeadLetters(self._errors)}
        acknowledge(
            self._errors, "AwsSolutions-SQS3", "It is itself where the messages end that a rule cannot deliver."
        )
        CfnOutput(self, "IngestErrorQueueUrl", value=self._errors.queue_url)
        self._ingest()
        self._events()
        self._presence()
        self._shadows()
        self._backfill()

    def _ingest(self) -> None:
        data = self._data
        feed = self._feed("Ingest", topics.TELEMETRY_RULE_NAME, topics.TELEMETRY_RULE_SQL, OUTAGE)
        self.telemetry = feed
        settings = IngestSettings(
            core_table=data.core.table_name,
            state_table=data.state.table_name,
            events_table=data.events.table_name,
            lake_stream=data.lake.stream.ref,
            live_table=self._live.table.table_name,
            live_queue_url=self._live.queue.queue_url,
            actions_queue_url=self._alarms.actions.queue.queue_url,
            telemetry_store=self._stores.current.name,
            retention_days=self._platform.config.retention_days,
        )
        function = PlatformFunction(
            self,
            "IngestFunction",
            platform=self._platform,
            settings=settings,
            resources={**data.resources, **self._live.resources, **self._alarms.resources},
            stores=self._stores,
            consumes=[feed.consume()],
        )
        feed.drain(function, batch_size=INGEST_BATCH, concurrency=self._platform.stage.ingest_concurrency)

    def _events(self) -> None:
        feed = self._feed("Events", topics.EVENT_RULE_NAME, topics.EVENT_RULE_SQL)
        function = PlatformFunction(
            self,
            "EventsFunction",
            platform=self._platform,
            settings=EventsSettings(state_table=self._data.state.table_name, events_table=self._data.events.table_name),
            resources=self._data.resources,
            consumes=[feed.consume()],
        )
        feed.drain(function, batch_size=SMALL_BATCH, concurrency=SMALL_CONCURRENCY)

    def _presence(self) -> None:
        feed = self._feed("Presence", topics.PRESENCE_RULE_NAME, topics.PRESENCE_RULE_SQL)
        function = PlatformFunction(
            self,
            "PresenceFunction",
            platform=self._platform,
            settings=PresenceSettings(
                core_table=self._data.core.table_name,
                state_table=self._data.state.table_name,
                live_table=self._live.table.table_name,
                live_queue_url=self._live.queue.queue_url,
                presence_queue_url=feed.queue.queue_url,
                commands_queue_url=self._commands.queue.queue_url,
                alarms_queue_url=self._alarms.alarms.queue.queue_url,
            ),
            # It settles a disconnect with a delayed message to itself.
            resources={
                **self._data.resources,
                **self._live.resources,
                **self._commands.resources,
                **self._alarms.resources,
                "presence-queue": feed.queue.queue_arn,
            },
            consumes=[feed.consume()],
        )
        feed.drain(function, batch_size=SMALL_BATCH, concurrency=SMALL_CONCURRENCY)

    def _shadows(self) -> None:
        # Somebody watches for these: they do not wait for others.
        feed = self._feed("Shadows", topics.SHADOW_RULE_NAME, topics.SHADOW_RULE_SQL, window_s=0)
        function = PlatformFunction(
            self,
            "ShadowsFunction",
            platform=self._platform,
            settings=ShadowsSettings(
                core_table=self._data.core.table_name,
                live_table=self._live.table.table_name,
                live_queue_url=self._live.queue.queue_url,
            ),
            resources={**self._data.resources, **self._live.resources},
            consumes=[feed.consume()],
        )
        feed.drain(function, batch_size=PROMPT_BATCH, concurrency=SMALL_CONCURRENCY)

    def _backfill(self) -> None:
        data = self._data
        function = PlatformFunction(
            self,
            "BackfillFunction",
            platform=self._platform,
            settings=BackfillSettings(
                core_table=data.core.table_name,
                lake_bucket=data.lake.bucket.bucket_name,
                telemetry_store=self._stores.current.name,
                previous_store=self._stores.previous_name or "",
                retention_days=self._platform.config.retention_days,
            ),
            resources=data.resources,
            stores=self._stores,
        )
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::{data.lake.exported_arn}/{RAW_PREFIX}*]",
            "A backfill reads whatever hours it is asked for, below this prefix only.",
        )
        CfnOutput(self, "BackfillFunctionName", value=function.function.function_name)

    def _feed(
        self, name: str, rule_name: str, sql: str, patience: Patience = BRIEF, *, window_s: int | None = None
    ) -> Feed:
        feed = Feed(
            self,
            f"{name}Feed",
            rule_name=rule_name,
            sql=sql,
            consumer_timeout_s=SPECS[name.lower()].timeout_s,
            window_s=self._platform.stage.batch_window_s if window_s is None else window_s,
            patience=patience,
            errors=self._errors,
        )
        CfnOutput(self, f"{name}QueueUrl", value=feed.queue.queue_url)
        CfnOutput(self, f"{name}DlqUrl", value=feed.dead_letters.queue_url)
        self.dead_letters[name.lower()] = DeadLetters(feed.dead_letters, feed.queue)
        return feed
