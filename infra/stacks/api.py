"""What people and apps talk to: the REST API, its functions, and who may sign in."""

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from functions.settings import ApiSettings, AuthorizerSettings, AuthSettings, BacktestsSettings, SeriesSettings
from infra.audit import AuditExport
from infra.dead_letters import DeadLetterPlaces, DeadLetters
from infra.enrolment import explain_identities, identities
from infra.findings import acknowledge
from infra.function import SPECS, PlatformFunction
from infra.platform import Platform
from infra.queues import BRIEF
from infra.rest_api import STAGE_NAME, RestApi
from infra.shadows import explain_shadows, shadows
from infra.stacks.alarms import AlarmsStack
from infra.stacks.commands import CommandsStack
from infra.stacks.data import DataStack
from infra.stacks.fleet import FleetStack
from infra.stacks.ingest import IngestStack
from infra.stacks.live import LiveStack
from infra.telemetry_store import Stores
from infra.user_pool import Users
from infra.work import WorkQueue

BACKTESTS_AT_ONCE = 2
"""The least that Lambda can be told: each takes a processor, and of the store's readers."""


class ApiStack(Stack):
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        data: DataStack,
        fleet: FleetStack,
        ingest: IngestStack,
        live: LiveStack,
        commands: CommandsStack,
        alarms: AlarmsStack,
        stores: Stores,
    ) -> None:
        super().__init__(
            scope,
            id,
            description="Fieldline: REST API, authorizer and user pool.",
            termination_protection=platform.stage.deletion_protection,
        )
        users = Users(self, "Users", stage=platform.stage)
        cursor_key = self._cursor_key()
        AuditExport(self, "AuditExport", platform=platform, data=data)
        reached = self._reached(stores, platform)
        backtests = self._backtests(platform, data, reached)
        places = DeadLetterPlaces(
            self,
            "DeadLetters",
            stage=platform.stage.name,
            queues={
                **ingest.dead_letters,
                **commands.dead_letters,
                **live.dead_letters,
                **alarms.dead_letters,
                "backtests": DeadLetters(backtests.dead_letters, backtests.queue),
            },
        )
        handler = PlatformFunction(
            self,
            "ApiFunction",
            platform=platform,
            settings=ApiSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                ingest_queue_url=ingest.telemetry.queue.queue_url,
                commands_queue_url=commands.queue.queue_url,
                alarms_queue_url=alarms.alarms.queue.queue_url,
                actions_queue_url=alarms.actions.queue.queue_url,
                backtests_queue_url=backtests.queue.queue_url,
                live_table=live.table.table_name,
                live_queue_url=live.queue.queue_url,
                live_url=live.url,
                stage=platform.stage.name,
                region=Aws.REGION,
                user_pool_id=users.pool.user_pool_id,
                issuer=users.issuer,
                client_id=users.client.user_pool_client_id,
                sign_in_endpoint=users.sign_in_endpoint,
                cursor_secret=cursor_key.secret_arn,
                webhook_secret=alarms.webhook_key.secret_arn,
                mail_from=platform.config.mail_from or "",
                dead_letters=places.name,
                device_policies=fleet.device_policies,
                request_rate=platform.stage.principal_rate,
                request_burst=platform.stage.principal_burst,
                telemetry_store=stores.current.name,
                retention_days=platform.config.retention_days,
            ),
            resources={
                **data.resources,
                **live.resources,
                **commands.resources,
                **alarms.resources,
                **places.resources,
                "backtests-queue": backtests.queue.queue_arn,
                "user-pool": users.pool.user_pool_arn,
                "cursor-key": cursor_key.secret_arn,
                "ingest-queue": ingest.telemetry.queue.queue_arn,
                **shadows(self),
                **identities(self),
            },
            stores=reached,
        )
        explain_shadows(handler.role)
        explain_identities(handler.role)
        authorizer = PlatformFunction(
            self,
            "AuthorizerFunction",
            platform=platform,
            settings=AuthorizerSettings(
                core_table=data.core.table_name,
                issuer=users.issuer,
                jwks_url=users.jwks_url,
                client_ids=(users.client.user_pool_client_id,),
            ),
            resources=data.resources,
        )
        auth = PlatformFunction(
            self,
            "AuthFunction",
            platform=platform,
            settings=AuthSettings(
                client_id=users.client.user_pool_client_id,
                sign_in_endpoint=users.sign_in_endpoint,
                cookie_path=f"/{STAGE_NAME}/auth",
            ),
            resources={},
        )
        self.rest = RestApi(
            self,
            "Rest",
            stage=platform.stage,
            handlers={"api": handler.function, "auth": auth.function},
            authorizer=authorizer.function,
        )
        outputs = {
            "ApiUrl": self.rest.url,
            "UserPoolId": users.pool.user_pool_id,
            "UserPoolClientId": users.client.user_pool_client_id,
            "BacktestsQueueUrl": backtests.queue.queue_url,
            "BacktestsDlqUrl": backtests.dead_letters.queue_url,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _backtests(self, platform: Platform, data: DataStack, reached: Stores) -> WorkQueue:
        """Here, since with some stores the function asks the one that is in the store's network."""
        spec = SPECS["backtests"]
        work = WorkQueue(self, "Backtests", consumer_timeout_s=spec.timeout_s, window_s=0, patience=BRIEF)
        function = PlatformFunction(
            self,
            "BacktestsFunction",
            platform=platform,
            settings=BacktestsSettings(
                core_table=data.core.table_name,
                telemetry_store=reached.current.name,
                retention_days=platform.config.retention_days,
            ),
            resources=data.resources,
            stores=reached,
            consumes=[work.consume()],
        )
        work.drain(function, batch_size=1, concurrency=BACKTESTS_AT_ONCE)
        return work

    def _cursor_key(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "CursorKey",
            description="Signs the cursors of the API's lists.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "It signs positions in lists, no rights; a new one ends every list that is being read.",
        )
        return secret

    def _reached(self, stores: Stores, platform: Platform) -> Stores:
        """The stores as the API sees them: through a function where the current one is in a network.

        It is in this stack, so that a change of store replaces both in one step.
        """
        if stores.current.name not in SPECS["series"].stores:
            return stores
        series = PlatformFunction(
            self,
            "SeriesFunction",
            platform=platform,
            settings=SeriesSettings(telemetry_store=stores.current.name, retention_days=platform.config.retention_days),
            resources={},
            stores=stores,
        )
        CfnOutput(self, "SeriesFunctionName", value=series.function.function_name)
        return stores.behind(series.function)
