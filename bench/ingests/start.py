"""What a cold start of the `ingest` function costs beside boto3 with the same clients alone."""

from collections.abc import Iterator
from typing import Final

from bench.agents.figures import Figure, beside
from bench.apis import start

GOAL: Final = 1.3
ENVIRONMENT: Final = {
    name: start.ENVIRONMENT[name]
    for name in (
        "PATH",
        "PYTHONPATH",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "FIELDLINE_CORE_TABLE",
        "FIELDLINE_STATE_TABLE",
        "FIELDLINE_EVENTS_TABLE",
        "FIELDLINE_TELEMETRY_TABLE",
        "FIELDLINE_TELEMETRY_STORE",
        "FIELDLINE_ACTIONS_QUEUE_URL",
        "FIELDLINE_LIVE_TABLE",
        "FIELDLINE_LIVE_QUEUE_URL",
    )
} | {"FIELDLINE_LAKE_STREAM": "lake"}
OURS: Final = "from functions.handlers import ingest; ingest._ingest()"
PEER: Final = """
import boto3
from botocore.config import Config
for service in ("dynamodb", "sqs", "firehose"):
    boto3.client(service, config=Config(
        connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=16,
    ))
"""


def measure(rounds: int) -> Iterator[Figure]:
    ours, theirs = start.started(OURS, PEER, ENVIRONMENT, rounds)
    yield beside("import and client creation of ingest", ours, "ms", "boto3 with the same clients", theirs, GOAL)
