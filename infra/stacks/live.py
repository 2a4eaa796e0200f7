"""Live data: the WebSocket, who watches what, and the queue of what is told to them."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.settings import LiveSettings, PushSettings
from infra.dead_letters import DeadLetters
from infra.function import SPECS, PlatformFunction, allow
from infra.gateway_account import GatewayAccount
from infra.platform import Platform
from infra.queues import Patience, terminal_queue, work_queue
from infra.stacks.data import DataStack
from infra.tables import table
from infra.websocket_api import WebSocketApi

PUSH_BATCH = 10
"""The most that Lambda takes without waiting for more: live data does not wait."""
PUSH_CONCURRENCY = 10
SOON = Patience(receives=2)
"""What could not be told at once is old news the next time."""


class LiveStack(Stack):
    """Before all stacks whose functions change something that people watch."""

    def __init__(self, scope: Construct, id: str, *, platform: Platform, data: DataStack) -> None:  # noqa: A002 - the name constructs use
        super().__init__(
            scope,
            id,
            description="Fieldline: WebSocket API, connections and the queue of live events.",
            termination_protection=platform.stage.deletion_protection,
        )
        account = GatewayAccount(self, "GatewayAccount")
        self.table = table(self, "LiveTable", platform.stage, rebuildable=True)
        self._dead_letters = terminal_queue(self, "PushDeadLetters")
        self.queue = work_queue(
            self,
            "PushQueue",
            dead_letters=self._dead_letters,
            consumer_timeout_s=SPECS["push"].timeout_s,
            window_s=0,
            patience=SOON,
        )
        self.dead_letters = {"live": DeadLetters(self._dead_letters, self.queue)}
        self._socket = WebSocketApi(self, "Socket", stage=platform.stage)
        self._socket.node.add_dependency(account)
        self._live(platform, data)
        self._push(platform, data)
        # A store's stack that has left the app goes on importing them.
        for arn in self.resources.values():
            self.export_value(arn)
        CfnOutput(self, "LiveUrl", value=self.url)
        CfnOutput(self, "LiveTableName", value=self.table.table_name)

    @property
    def url(self) -> str:
        return self._socket.url

    @property
    def host(self) -> str:
        """Of the WebSocket API."""
        return self._socket.host

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        return {"live": self.table.table_arn, "live-queue": self.queue.queue_arn}

    def _live(self, platform: Platform, data: DataStack) -> None:
        function = PlatformFunction(
            self,
            "LiveFunction",
            platform=platform,
            settings=LiveSettings(
                core_table=data.core.table_name,
                live_table=self.table.table_name,
                live_endpoint=self._socket.endpoint,
                live_origins=platform.config.live_origins,
            ),
            resources={**data.resources, **self.resources, **self._socket.resources},
        )
        self._socket.serve(function.function)
        self._socket.explain(function.role)

    def _push(self, platform: Platform, data: DataStack) -> None:
        consume = allow(
            "Consume",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
            [self.queue.queue_arn],
        )
        function = PlatformFunction(
            self,
            "PushFunction",
            platform=platform,
            settings=PushSettings(
                core_table=data.core.table_name,
                live_table=self.table.table_name,
                live_endpoint=self._socket.endpoint,
            ),
            resources={**data.resources, **self.resources, **self._socket.resources},
            consumes=[consume],
        )
        self._socket.explain(function.role)
        lambda_.EventSourceMapping(
            self,
            "PushSource",
            target=function.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=PUSH_BATCH,
            max_concurrency=PUSH_CONCURRENCY,
            report_batch_item_failures=True,
        )
