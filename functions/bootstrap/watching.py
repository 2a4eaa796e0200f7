"""Live data: who is told of changes, and what those who change something need to tell."""

from typing import TYPE_CHECKING, Any

from functions.bootstrap.clients import CLOCK, Clients, Env, clients, new_client
from functions.settings import LiveSettings, PushSettings

if TYPE_CHECKING:
    from functions.ports.devices import DeviceFinder
    from functions.ports.live import LivePublisher, LiveSockets
    from functions.services.live import Live
    from functions.services.live_push import Push
    from functions.services.live_standing import Standing

FRAME_S = 2
"""How long a frame to a watcher is waited for: whoever takes longer is dropped."""


def live(env: Env) -> "Live":
    from functions.adapters.dynamodb_live import DynamoDBLiveConnections, DynamoDBLiveTickets
    from functions.services.live import Live

    settings = LiveSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    return Live(
        DynamoDBLiveTickets(dynamodb, settings.live_table),
        DynamoDBLiveConnections(dynamodb, settings.live_table),
        _sockets(settings.live_endpoint),
        _standing(dynamodb, settings.core_table),
        CLOCK,
        settings.live_origins,
    )


def push(env: Env) -> "Push":
    from functions.adapters.dynamodb_live import DynamoDBLiveConnections
    from functions.services.live_push import Push

    settings = PushSettings.from_env(env)
    dynamodb = new_client("dynamodb")
    return Push(
        DynamoDBLiveConnections(dynamodb, settings.live_table),
        _sockets(settings.live_endpoint),
        _standing(dynamodb, settings.core_table),
        CLOCK,
    )


def live_publisher(client: Clients, table: str, queue_url: str, registry: "DeviceFinder") -> "LivePublisher":
    from functions.adapters.dynamodb_live import DynamoDBWatchedTopics
    from functions.adapters.live_queue import SqsLiveQueue
    from functions.services.live_publisher import QueuedPublisher

    watched = DynamoDBWatchedTopics(client("dynamodb"), table)
    return QueuedPublisher(watched, SqsLiveQueue(client("sqs"), queue_url), registry, CLOCK)


def _sockets(endpoint: str) -> "LiveSockets":
    from functions.adapters.connections import ApiGatewaySockets

    return ApiGatewaySockets(new_client("apigatewaymanagementapi", read_s=FRAME_S, attempts=1, endpoint_url=endpoint))


def _standing(dynamodb: Any, core_table: str) -> "Standing":
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.services.live_standing import Standing
    from functions.services.whois import WhoIs

    registry = DynamoDBDeviceFinder(dynamodb, core_table)
    whois = WhoIs(DynamoDBPrincipals(dynamodb, core_table), DynamoDBKeys(dynamodb, core_table))
    return Standing(whois, registry, CLOCK)
