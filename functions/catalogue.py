"""Every function of the deployment, with what it may touch.

`infra` makes one Lambda function, one role and one log group from each entry: `grants` is the whole of a role besides
its log group, so a permission is added here, beside the code that needs it. Resources are named by what they are: a
table (`core`), one of its indexes (`core/listing`), the Firehose stream (`lake`) or a queue (`presence-queue`, the one
that the presence function itself consumes). Consuming a function's own event source is granted by the event source.
"""

from dataclasses import dataclass

from functions.settings import (
    ApiSettings,
    AuthorizerSettings,
    EventsSettings,
    IngestSettings,
    PresenceSettings,
    RegistrarSettings,
    Settings,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on one resource; IAM action names with their service prefix."""

    resource: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One Lambda function. `dependency_group` is the group of uv.lock that its bundle installs."""

    name: str
    handler: str
    settings: type[Settings]
    dependency_group: str
    memory_mb: int
    timeout_s: int
    description: str
    grants: tuple[Grant, ...] = ()


# A TransactWriteItems call is authorised by the actions inside it, on the table that each of them names.
_QUARANTINE = (
    Grant("events", ("dynamodb:PutItem",)),
    Grant("state", ("dynamodb:UpdateItem",)),
)

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
            Grant("core", ("dynamodb:BatchGetItem",)),
            Grant("state", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),
            Grant("events", ("dynamodb:PutItem",)),
            Grant("telemetry", ("dynamodb:BatchWriteItem",)),
            Grant("lake", ("firehose:PutRecordBatch",)),
        ),
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
            Grant("state", ("dynamodb:GetItem", "dynamodb:UpdateItem")),
            Grant("presence-queue", ("sqs:SendMessage",)),
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
        name="api",
        handler="functions.handlers.api.handler",
        settings=ApiSettings,
        dependency_group="fn-api",
        memory_mb=1024,
        timeout_s=28,
        description="Answers the HTTP API.",
        grants=(
            Grant("core", ("dynamodb:BatchGetItem",)),
            Grant("core/listing", ("dynamodb:Query",)),
            Grant("core/by_model", ("dynamodb:Query",)),
            Grant("state", ("dynamodb:BatchGetItem",)),
            Grant("events", ("dynamodb:Query",)),
            Grant("telemetry", ("dynamodb:Query",)),
        ),
    ),
    FunctionSpec(
        name="authorizer",
        handler="functions.handlers.authorizer.handler",
        settings=AuthorizerSettings,
        dependency_group="fn-authorizer",
        memory_mb=512,
        timeout_s=10,
        description="Admits bearers of a valid access token to the HTTP API.",
    ),
    FunctionSpec(
        name="registrar",
        handler="functions.handlers.registrar.handler",
        settings=RegistrarSettings,
        dependency_group="fn-hot",
        memory_mb=256,
        timeout_s=100,  # CloudFormation waits 120 s for its answer
        description="Enters the devices of the fleet file into the registry when the stack is deployed.",
        grants=(Grant("core", ("dynamodb:UpdateItem",)),),
    ),
)
