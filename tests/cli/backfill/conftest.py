"""The command against the real function over a real socket: Lambda's Invoke here, the real handler behind it."""

from types import SimpleNamespace

import pytest

from cli.backfill.driver import Patience
from functions.adapters.memory import ManualClock
from functions.handlers import backfill as handler
from tests.functions.lambda_endpoint import LambdaEndpoint
from tests.functions.moving import Deployment

NOW = 1_764_000_000_000  # 2025-11-24T16:00:00Z
FUNCTION = "Fieldline-dev-backfill"
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": None,
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": None,
    "AWS_PROFILE": None,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "AWS_ENDPOINT_URL": None,
}


@pytest.fixture
def cloud(monkeypatch):
    """Stores `old` and `new` and a lake, and the function that moves between them."""
    deployed = Deployment(ManualClock(NOW))
    monkeypatch.setattr("functions.bootstrap.backfill", lambda _env: deployed.backfill)
    handler._backfill.cache_clear()
    yield deployed
    handler._backfill.cache_clear()


@pytest.fixture
def endpoint(cloud):
    served = LambdaEndpoint()
    served.functions[FUNCTION] = lambda event: handler.handler(event, CONTEXT)
    yield served
    served.close()


@pytest.fixture
def url(endpoint):
    return f"http://127.0.0.1:{endpoint._server.server_port}"


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the command would have waited between attempts."""
    waited = []
    monkeypatch.setattr("cli.commands.backfill.Patience", lambda: Patience(sleep=waited.append, chance=lambda: 1.0))
    return waited


@pytest.fixture
def environment(tmp_path):
    return {**CREDENTIALS, "FIELDLINE_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture
def move(run, url, waits, environment):
    """`move("--from", "old", …)`: into `new`, all of a month unless said otherwise."""

    def invoke(*args, fails=None, env=None):
        given = {
            "--from": "lake",
            "--to": "new",
            "--since": "2025-11-01",
            "--until": "2025-11-26",
            "--function": FUNCTION,
            "--endpoint-url": url,
        }
        missing = [word for option, value in given.items() if option not in args for word in (option, value)]
        return run("telemetry", "backfill", *missing, *args, fails=fails, env={**environment, **(env or {})})

    return invoke
