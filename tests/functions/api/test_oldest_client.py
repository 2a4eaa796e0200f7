"""Today's API for clients of its first release: see docs/adr/0015."""

import pytest

from functions.routes import ROUTES
from tests import oldest_client
from tests.functions.api_harness import api_harness, person

# What a browser or a person asks for, with nothing that a client keeps.
NO_CLIENT = {"openapi", "documentation"}


@pytest.fixture
def api(clock):
    return api_harness(clock, who=person("admin", name="ann"))


@pytest.mark.parametrize("fixture", oldest_client.FIXTURES, ids=lambda path: path.stem)
def test_the_oldest_client_s_requests_get_what_they_got(api, fixture):
    kept = {"now": api.clock.now_ms(), "later": api.clock.now_ms() + 3_600_000}
    for step in oldest_client.steps(fixture):
        request = oldest_client.filled(step["request"], kept)
        status, document = api.call(
            request["method"],
            request["path"],
            *request.get("query", {}).items(),
            body=request.get("body"),
            headers=request.get("headers"),
        )
        said = f"{request['method']} {request['path']}: {document}"
        assert status == step["status"], said
        assert oldest_client.missing(step["answer"], document) == [], said
        kept |= {name: document[field] for name, field in step.get("keep", {}).items()}


def test_every_operation_is_used_by_the_oldest_client():
    used = {step["request"]["operation"] for fixture in oldest_client.FIXTURES for step in oldest_client.steps(fixture)}
    assert used == {route.operation for route in ROUTES} - NO_CLIENT


@pytest.mark.parametrize(
    ("recorded", "today", "gone"),
    [
        ({"a": 1}, {"a": 2.5, "b": 1}, []),
        ({"a": None}, {"a": "text"}, []),
        ({"a": []}, {"a": [1]}, []),
        ({"a": 1}, {}, ["document.a is gone"]),
        ({"a": 1}, {"a": "1"}, ["document.a was 1, is '1'"]),
        ({"a": {"b": "x"}}, {"a": {"c": "x"}}, ["document.a.b is gone"]),
        ({"a": [{"b": 1}]}, {"a": [{"c": 1}]}, ["document.a[].b is gone"]),
        ({"a": [1]}, {"a": []}, ["document.a had items, is empty"]),
        ({"a": True}, {"a": 1}, ["document.a was True, is 1"]),
    ],
)
def test_what_a_client_would_miss_is_found(recorded, today, gone):
    assert oldest_client.missing(recorded, today) == gone
