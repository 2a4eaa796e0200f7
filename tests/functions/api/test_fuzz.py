"""Schemathesis against the API's code over in-memory adapters: what the description allows and forbids, tried."""

from functions.adapters.clock import SystemClock
from functions.api.openapi.document import document
from functions.routes import ROUTES
from tests.functions.api_harness import api_harness, person
from tests.functions.api_server import ApiServer
from tests.fuzzing import fuzz


def test_no_request_breaks_the_api_or_its_description(tmp_path):
    api = api_harness(SystemClock())
    for n in range(3):
        api.register(f"pump-{n}")
    elsewhere = [route.operation for route in ROUTES if route.function == "auth"]
    with ApiServer(api, {"key": person("admin", name="ann")}) as server:
        fuzz(
            server.url,
            "key",
            document(),
            tmp_path,
            examples=5,
            seconds=15,
            phases=("examples", "coverage", "fuzzing"),
            leave_out=elsewhere,
        )
    assert server.failures == []
