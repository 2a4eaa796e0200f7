"""Every function of the deployment, with what it may touch.

`infra` makes one Lambda function, one role and one log group from each entry: `grants` is the whole of a role besides
its log group, so a permission is added here, beside the code that needs it. Resources are named by what they are: a
table (`core`), one of its indexes (`core/listing`), the Firehose stream (`lake`) or a queue (`presence-queue`, the one
that the presence function itself consumes). Consuming a function's own event source is granted by the event source.
What the telemetry store adds to a role depends on the store: `STORE_GRANTS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from functions.settings import (
    DYNAMODB,
    INFLUXDB,
    LIVEANALYTICS,
    TELEMETRY_STORES,
    ActionsSettings,
    AlarmsSettings,
    ApiSettings,
    AuditExportSettings,
    AuthorizerSettings,
    AuthSettings,
    BackfillSettings,
    BacktestsSettings,
    CommandsSettings,
    DashboardFilesSettings,
    EventsSettings,
    IngestSettings,
    LiveSettings,
    PresenceSettings,
    PushSettings,
    RegistrarSettings,
    SeriesSettings,
    Settings,
    ShadowsSettings,
    StoreAdminSettings,
    StoreSetupSettings,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on one resource; IAM action names with their service prefix."""

    resource: str
    actions: tuple[str, ...]


class StoreAccess(StrEnum):
    """How a function uses the telemetry store; `ASK` is from outside a network that the store may be in."""

    WRITE = "write"
    READ = "read"
    ASK = "ask"
    MOVE = "move"
    ADMIN = "admin"


STORE_GRANTS: Mapping[str, Mapping[StoreAccess, tuple[Grant, ...]]] = {
    DYNAMODB: {
        StoreAccess.WRITE: (Grant("telemetry", ("dynamodb:BatchWriteItem",)),),
        StoreAccess.ASK: (Grant("telemetry", ("dynamodb:Query",)),),
        StoreAccess.MOVE: (Grant("telemetry", ("dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:Scan")),),
    },
    INFLUXDB: {
        # Writing a version of a point that may stand already looks for the other one.
        StoreAccess.WRITE: (
            Grant("influx-write-token", ("secretsmanager:GetSecretValue",)),
            Grant("influx-read-token", ("secretsmanager:GetSecretValue",)),
        ),
        StoreAccess.READ: (Grant("influx-read-token", ("secretsmanager:GetSecretValue",)),),
        StoreAccess.ASK: (Grant("series-function", ("lambda:InvokeFunction",)),),
        StoreAccess.MOVE: (
            Grant("influx-write-token", ("secretsmanager:GetSecretValue",)),
            Grant("influx-read-token", ("secretsmanager:GetSecretValue",)),
        ),
        StoreAccess.ADMIN: (
            Grant("influx-admin", ("secretsmanager:GetSecretValue",)),
            Grant("influx-write-token", ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")),
            Grant("influx-read-token", ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")),
        ),
    },
    LIVEANALYTICS: {
        StoreAccess.WRITE: (
            Grant("timestream", ("timestream:WriteRecords",)),
            Grant("timestream-endpoints", ("timestream:DescribeEndpoints",)),
        ),
        StoreAccess.ASK: (
            Grant("timestream", ("timestream:Select",)),
            Grant("timestream-endpoints", ("timestream:DescribeEndpoints",)),
        ),
        StoreAccess.MOVE: (
            Grant("timestream", ("timestream:WriteRecords", "timestream:Select")),
            Grant("timestream-endpoints", ("timestream:DescribeEndpoints",)),
        ),
    },
}
"""What each use of each store takes. Besides `ASK`, whatever uses `timestream-influxdb` runs in its network."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One Lambda function. `dependency_group` is the group of uv.lock that its bundle installs.

    It is deployed with the `stores` named; `store_access` says how it uses the one that is deployed.
    """

    name: str
    handler: str
    settings: type[Settings]
    dependency_group: str
    memory_mb: int
    timeout_s: int
    description: str
    grants: tuple[Grant, ...] = ()
    store_access: StoreAccess | None = None
    stores: tuple[str, ...] = TELEMETRY_STORES

    def grants_with(self, store: str, previous: str | None = None) -> tuple[Grant, ...]:
        """The whole of the role with a telemetry store, and with the one that a move comes from."""
        if self.store_access is None:
            return self.grants
        of_store = STORE_GRANTS[store].get(self.store_access, ())
        moves = previous is not None and self.store_access is StoreAccess.MOVE
        return (*self.grants, *of_store, *(STORE_GRANTS[previous][StoreAccess.MOVE] if previous and moves else ()))

    def runs_in_store_network(self, store: str, previous: str | None = None) -> bool:
        reached = {store, previous} if self.store_access is StoreAccess.MOVE else {store}
        return INFLUXDB in reached and self.store_access not in {None, StoreAccess.ASK}


# A TransactWriteItems call is authorised by the actions inside it, on the table that each of them names.
_QUARANTINE = (
    Grant("events", ("dynamodb:PutItem",)),
    Grant("state", ("dynamodb:UpdateItem",)),
)

EVALUATION = (
    # Devices, and the rules and models; alarms with their rows, a device's timer, and what is to be done.
    Grant(
        "core",
        (
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
        ),
    ),
    Grant("state", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),
    Grant("actions-queue", ("sqs:SendMessage",)),
)
"""Of whatever evaluates rules; it also puts the history of alarms into `events`."""
LIVE_PUBLISHER = (
    Grant("live", ("dynamodb:Query",)),
    Grant("live-queue", ("sqs:SendMessage",)),
)
"""Of whatever changes something that people may watch; it also finds a device's group in the registry."""
_CONNECTIONS = (
    Grant("live-connections/post", ("execute-api:ManageConnections",)),
    Grant("live-connections/delete", ("execute-api:ManageConnections",)),
)
# Devices, and who somebody is with his grants.
_LIVE_CORE = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")

_CHANGED = ("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
_USERS = (
    Grant(
        "user-pool",
        (
            "cognito-idp:AdminCreateUser",
            "cognito-idp:AdminDeleteUser",
            "cognito-idp:AdminDisableUser",
            "cognito-idp:AdminEnableUser",
            "cognito-idp:AdminGetUser",
            "cognito-idp:AdminResetUserPassword",
            "cognito-idp:ListUsers",
        ),
    ),
)
"""What managing people takes; nobody's password can be set or read with it."""

FUNCTIONS: tuple[FunctionSpec, ...] = (
    FunctionSpec(
        name="ingest",
        handler="functions.handlers.ingest.handler",
        settings=IngestSettings,
        dependency_group="fn-hot",
        memory_mb=1024,
        timeout_s=60,
        description="Stores telemetry: lake, history, quarantine, latest values.",
        grants=(
            *EVALUATION,
            # The quarantine, and its entries that are replayed.
            Grant("events", ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")),
            Grant("lake", ("firehose:PutRecordBatch",)),
            *LIVE_PUBLISHER,
        ),
        store_access=StoreAccess.WRITE,
    ),
    FunctionSpec(
        name="presence",
        handler="functions.handlers.presence.handler",
        settings=PresenceSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=30,
        description="Says which devices are online, from AWS IoT lifecycle events, debounced.",
        grants=(
            Grant("core", ("dynamodb:BatchGetItem",)),
            Grant("state", ("dynamodb:GetItem", "dynamodb:UpdateItem")),
            Grant("presence-queue", ("sqs:SendMessage",)),
            Grant("commands-queue", ("sqs:SendMessage",)),
            Grant("alarms-queue", ("sqs:SendMessage",)),
            *LIVE_PUBLISHER,
        ),
    ),
    FunctionSpec(
        name="events",
        handler="functions.handlers.events.handler",
        settings=EventsSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=30,
        description="Keeps what devices report besides telemetry.",
        grants=_QUARANTINE,
    ),
    FunctionSpec(
        name="commands",
        handler="functions.handlers.commands.handler",
        settings=CommandsSettings,
        dependency_group="fn-hot",
        memory_mb=512,
        timeout_s=60,
        description="Sends commands to devices, hears their answers, and sees to what is due.",
        grants=(
            Grant(
                "core",
                (
                    "dynamodb:BatchGetItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                ),
            ),
            Grant("core/due", ("dynamodb:Query",)),
            # The devices of a bulk.
            Grant("core/listing", ("dynamodb:Query",)),
            Grant("core/by_model", ("dynamodb:Query",)),
            Grant("events", ("dynamodb:PutItem",)),  # the quarantine, with its counts in the state
            Grant("state", ("dynamodb:GetItem", "dynamodb:UpdateItem")),
            Grant("command-requests", ("iot:Publish",)),
            Grant("commands-queue", ("sqs:SendMessage",)),
            *LIVE_PUBLISHER,
        ),
    ),
    FunctionSpec(
        name="alarms",
        handler="functions.handlers.alarms.handler",
        settings=AlarmsSettings,
        dependency_group="fn-hot",
        memory_mb=1024,  # it compiles rules, as ingest does
        timeout_s=60,
        description="Looks at rules when time passes, a device comes or goes, or rules change.",
        grants=(
            *EVALUATION,
            Grant("core/due", ("dynamodb:Query",)),  # timers
            # The devices for which rules have changed.
            Grant("core/listing", ("dynamodb:Query",)),
            Grant("core/by_model", ("dynamodb:Query",)),
            Grant("events", ("dynamodb:PutItem",)),
            Grant("alarms-queue", ("sqs:SendMessage",)),
            *LIVE_PUBLISHER,
        ),
    ),
    FunctionSpec(
        name="actions",
        handler="functions.handlers.actions.handler",
        settings=ActionsSettings,
        dependency_group="fn-hot",
        memory_mb=512,
        timeout_s=60,
        description="Does what is to be done about alarms: tells people and systems, commands devices.",
        grants=(
            Grant(
                "core",
                (
                    "dynamodb:BatchGetItem",
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ),
            ),
            Grant("core/due", ("dynamodb:Query",)),  # the outbox and the deliveries
            Grant("state", ("dynamodb:GetItem", "dynamodb:UpdateItem")),  # where a gateway is; how often one is told
            # Alarms that are over, every attempt, and the audit of what a device is wanted to be.
            Grant("events", ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem")),
            Grant("webhook-key", ("secretsmanager:GetSecretValue",)),
            Grant("mail", ("ses:SendEmail",)),
            Grant("sms", ("sns:Publish",)),
            Grant("shadows/state", ("iot:GetThingShadow", "iot:UpdateThingShadow")),
            Grant("actions-queue", ("sqs:SendMessage",)),
            Grant("commands-queue", ("sqs:SendMessage",)),
            *LIVE_PUBLISHER,
        ),
    ),
    FunctionSpec(
        name="shadows",
        handler="functions.handlers.shadows.handler",
        settings=ShadowsSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=30,
        description="Tells those who watch what was set and what devices report of it.",
        grants=(Grant("core", ("dynamodb:BatchGetItem",)), *LIVE_PUBLISHER),
    ),
    FunctionSpec(
        name="api",
        handler="functions.handlers.api.handler",
        settings=ApiSettings,
        dependency_group="fn-api",
        memory_mb=1024,
        timeout_s=28,
        description="Answers the HTTP API.",
        grants=(
            Grant("core", ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", *_CHANGED)),
            Grant("core/listing", ("dynamodb:Query",)),
            Grant("core/by_model", ("dynamodb:Query",)),
            Grant("state", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),  # what is known of devices; token buckets
            Grant("state/by_status", ("dynamodb:Query",)),
            # Beside queries, keeping the notes of changes: the heads of the chains are read, entries and heads put.
            # Entries of the quarantine are marked when they are replayed.
            Grant(
                "events",
                (
                    "dynamodb:BatchGetItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ),
            ),
            Grant("events/by_day", ("dynamodb:Query",)),
            Grant("events/by_subject", ("dynamodb:Query",)),
            Grant("cursor-key", ("secretsmanager:GetSecretValue",)),
            Grant("webhook-key", ("secretsmanager:GetSecretValue",)),
            Grant("live", ("dynamodb:PutItem", "dynamodb:Query")),  # tickets, and what is watched
            Grant("live-queue", ("sqs:SendMessage",)),
            Grant("ingest-queue", ("sqs:SendMessage",)),
            Grant("commands-queue", ("sqs:SendMessage",)),
            Grant("alarms-queue", ("sqs:SendMessage",)),
            Grant("actions-queue", ("sqs:SendMessage",)),
            Grant("backtests-queue", ("sqs:SendMessage",)),
            Grant("shadows/state", ("iot:GetThingShadow", "iot:UpdateThingShadow")),
            Grant("shadows/config", ("iot:GetThingShadow", "iot:UpdateThingShadow")),
            Grant("device-things", ("iot:CreateThing", "iot:ListThingPrincipals")),
            Grant(
                "device-certificates",
                (
                    "iot:AttachPolicy",
                    "iot:AttachThingPrincipal",
                    "iot:DescribeCertificate",
                    "iot:DetachPolicy",
                    "iot:DetachThingPrincipal",
                    "iot:UpdateCertificate",
                ),
            ),
            # Neither is of anything that has a name beforehand.
            Grant("device-requests", ("iot:CreateCertificateFromCsr", "iot:DescribeEndpoint")),
            Grant("dead-letters-places", ("ssm:GetParameter",)),
            Grant(
                "dead-letters",
                (
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ),
            ),
            Grant("dead-letters/sources", ("sqs:SendMessage",)),  # where what is mended goes back to
            *_USERS,
        ),
        store_access=StoreAccess.ASK,
    ),
    FunctionSpec(
        name="backtests",
        handler="functions.handlers.backtests.handler",
        settings=BacktestsSettings,
        dependency_group="fn-hot",
        memory_mb=1769,  # one processor: it goes through months of data
        timeout_s=300,
        description="Runs rules over what devices sent before.",
        grants=(
            Grant("core", ("dynamodb:GetItem", "dynamodb:UpdateItem")),  # the job
        ),
        store_access=StoreAccess.ASK,
    ),
    FunctionSpec(
        name="authorizer",
        handler="functions.handlers.authorizer.handler",
        settings=AuthorizerSettings,
        dependency_group="fn-authorizer",
        memory_mb=512,
        timeout_s=10,
        description="Admits bearers of a valid access token or key to the HTTP API, with what they may do.",
        grants=(
            # Principals with their grants, keys; devices of keys; the day on which a key was used.
            Grant("core", ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem")),
        ),
    ),
    FunctionSpec(
        name="auth",
        handler="functions.handlers.auth.handler",
        settings=AuthSettings,
        dependency_group="fn-api",
        memory_mb=1024,
        timeout_s=28,
        description="Signs people in and out; touches no table.",
    ),
    FunctionSpec(
        name="live",
        handler="functions.handlers.live.handler",
        settings=LiveSettings,
        dependency_group="fn-hot",
        memory_mb=512,
        timeout_s=15,  # API Gateway waits for 29 s, a client for less
        description="Answers the WebSocket: tickets, subscriptions, heartbeats.",
        grants=(
            Grant("core", _LIVE_CORE),
            Grant("live", ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")),
            *_CONNECTIONS,
        ),
    ),
    FunctionSpec(
        name="push",
        handler="functions.handlers.push.handler",
        settings=PushSettings,
        dependency_group="fn-hot",
        memory_mb=1024,
        timeout_s=30,
        description="Sends what changed to those who watch it.",
        grants=(
            Grant("core", _LIVE_CORE),
            # It opens no connection and enters nobody, but takes away who is gone.
            Grant("live", ("dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:UpdateItem")),
            *_CONNECTIONS,
        ),
    ),
    FunctionSpec(
        name="registrar",
        handler="functions.handlers.registrar.handler",
        settings=RegistrarSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=100,  # CloudFormation waits 120 s for its answer
        description="Enters the devices of the fleet file into the registry when the stack is deployed.",
        grants=(
            Grant(
                "core",
                ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            ),
            Grant("state", ("dynamodb:UpdateItem",)),
            Grant("events", ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem")),
            Grant("alarms-queue", ("sqs:SendMessage",)),
        ),
    ),
    FunctionSpec(
        name="audit_export",
        handler="functions.handlers.audit_export.handler",
        settings=AuditExportSettings,
        dependency_group="fn-hot",
        memory_mb=512,
        timeout_s=300,
        description="Exports the audit to its bucket, each hour, and checks its chains when a day is over.",
        grants=(
            Grant("events", ("dynamodb:BatchGetItem", "dynamodb:Query")),
            Grant("audit-bucket", ("s3:ListBucket",)),
            Grant("audit-bucket/chains", ("s3:PutObject",)),
            Grant("audit-bucket/manifests", ("s3:PutObject",)),
        ),
    ),
    FunctionSpec(
        name="dashboard_files",
        handler="functions.handlers.dashboard_files.handler",
        settings=DashboardFilesSettings,
        dependency_group="fn-hot",
        memory_mb=512,  # it holds the whole build
        timeout_s=170,  # CloudFormation waits 180 s for its answer
        description="Brings the built dashboard into its bucket when the stack is deployed.",
        grants=(
            Grant("dashboard-archive", ("s3:GetObject",)),
            Grant("dashboard-bucket", ("s3:ListBucket",)),
            Grant("dashboard-bucket/files", ("s3:DeleteObject", "s3:PutObject")),
        ),
    ),
    FunctionSpec(
        name="backfill",
        handler="functions.handlers.backfill.handler",
        settings=BackfillSettings,
        dependency_group="fn-hot",
        memory_mb=1769,  # one processor: it packs and compares millions of points
        timeout_s=900,
        description="Moves history into the telemetry store, a piece at a time, from the lake or from another store.",
        grants=(
            Grant("core", ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")),
            Grant("lake-bucket", ("s3:ListBucket",)),
            Grant("lake-bucket/raw", ("s3:GetObject",)),
        ),
        store_access=StoreAccess.MOVE,
    ),
    FunctionSpec(
        name="series",
        handler="functions.handlers.series.handler",
        settings=SeriesSettings,
        dependency_group="fn-hot",
        memory_mb=1024,
        timeout_s=25,  # within the API function's own time
        description="Answers for the telemetry store inside its network.",
        store_access=StoreAccess.READ,
        stores=(INFLUXDB,),
    ),
    FunctionSpec(
        name="store_setup",
        handler="functions.handlers.store_setup.handler",
        settings=StoreSetupSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=200,  # longer than the function that it waits for
        description="Has the telemetry store set up and answers CloudFormation, whatever becomes of it.",
        grants=(Grant("store-admin-function", ("lambda:InvokeFunction",)),),
        stores=(INFLUXDB,),
    ),
    FunctionSpec(
        name="store_admin",
        handler="functions.handlers.store_admin.handler",
        settings=StoreAdminSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=150,
        description="Sets up the telemetry store inside its network: tokens, retention, mapping.",
        store_access=StoreAccess.ADMIN,
        stores=(INFLUXDB,),
    ),
)
