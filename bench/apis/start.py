"""What a cold start of the `api` function costs beside the libraries that it cannot do without."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.agents.figures import Figure, beside

ROOT = Path(__file__).resolve().parents[2]
GOAL = 1.6
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "PYTHONPATH": str(ROOT),
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "FIELDLINE_CORE_TABLE": "core",
    "FIELDLINE_STATE_TABLE": "state",
    "FIELDLINE_EVENTS_TABLE": "events",
    "FIELDLINE_TELEMETRY_TABLE": "telemetry",
    "FIELDLINE_TELEMETRY_STORE": "dynamodb",
    "FIELDLINE_INGEST_QUEUE_URL": "https://queue/ingest",
    "FIELDLINE_COMMANDS_QUEUE_URL": "https://queue/commands",
    "FIELDLINE_ALARMS_QUEUE_URL": "https://queue/alarms",
    "FIELDLINE_ACTIONS_QUEUE_URL": "https://queue/actions",
    "FIELDLINE_BACKTESTS_QUEUE_URL": "https://queue/backtests",
    "FIELDLINE_WEBHOOK_SECRET": "webhooks",
    "FIELDLINE_DEAD_LETTERS": "dead-letters",
    "FIELDLINE_DEVICE_POLICIES": "data,management",
    "FIELDLINE_STAGE": "dev",
    "FIELDLINE_REGION": "eu-west-1",
    "FIELDLINE_USER_POOL_ID": "pool",
    "FIELDLINE_ISSUER": "https://issuer",
    "FIELDLINE_CLIENT_ID": "client",
    "FIELDLINE_SIGN_IN_ENDPOINT": "https://cognito",
    "FIELDLINE_LIVE_TABLE": "live",
    "FIELDLINE_LIVE_QUEUE_URL": "https://queue/live",
    "FIELDLINE_LIVE_URL": "wss://live",
    "FIELDLINE_CURSOR_SECRET": "cursors",
}
OURS = "from functions.handlers import api; api._app()"
PEER = """
import boto3, pydantic
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from botocore.config import Config
boto3.client("dynamodb", config=Config(connect_timeout=2, read_timeout=10, max_pool_connections=16))
app = APIGatewayRestResolver(enable_validation=True)
@app.get("/devices/<id>")
def show(id: str) -> str:
    return id
"""
NOTHING = "pass"


def measure(rounds: int) -> Iterator[Figure]:
    ours, theirs = started(OURS, PEER, ENVIRONMENT, rounds)
    yield beside("import and init of api", ours, "ms", "boto3, pydantic and Powertools' resolver", theirs, GOAL)


def started(ours: str, peer: str, environment: Mapping[str, str], rounds: int) -> tuple[float, float]:
    """The best of so many starts of each, in turns, without that of Python itself.

    In ms of processor time, of which a start takes the same whatever else the machine does.
    """
    taken: dict[str, list[float]] = {ours: [], peer: [], NOTHING: []}
    for _ in range(rounds + 1):  # the first one compiles
        for script, times in taken.items():
            times.append(_started(script, environment))
    one, other, nothing = (min(times[1:]) * 1000 for times in taken.values())
    return one - nothing, other - nothing


def _started(script: str, environment: Mapping[str, str]) -> float:
    # Before it takes itself apart: the end of a process is no part of its start.
    ended = f"{script}\nimport os; os._exit(0)"
    process = subprocess.Popen([sys.executable, "-c", ended], cwd=ROOT, env=dict(environment))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a start ended with {process.returncode}: {script}")
    return used.ru_utime + used.ru_stime
