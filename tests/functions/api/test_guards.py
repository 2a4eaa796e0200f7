"""What stands between a request and its operation: bucket, permission, body, idempotency key; in this order."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, ConfigDict

from functions.adapters.memory_idempotency import MemoryRequestMemory
from functions.adapters.memory_rates import MemoryRateBuckets
from functions.api.admission import admitting
from functions.api.app import resolver, serve
from functions.api.bodies import MAX_BODY_BYTES
from functions.api.idempotency import Once
from functions.api.request import Request
from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.domain.idempotency import KEPT_MS, LEASE_MS
from functions.domain.rates import Limit
from functions.errors import ConflictError, IdempotencyError
from functions.routes import Route
from functions.services.rates import Rates

ANN = Principal("user:1", Kind.USER, "ann", (Grant(Role.ADMIN, EVERYTHING),))
BOB = Principal("user:2", Kind.USER, "bob", (Grant(Role.ADMIN, EVERYTHING),))
VIEWER = Principal("user:3", Kind.USER, "eve", (Grant(Role.VIEWER, EVERYTHING),))
ROUTES = (
    Route("POST", "/things", "make", "devices:create", "things", creates=True),
    Route("POST", "/secrets", "secret", "keys:write", "things", creates=True, shown_once=True),
    Route("GET", "/things", "look", "devices:read", "things"),
    Route("GET", "/health", "health", None, "things"),
)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str


class Things:
    """`made` counts what was done; `fails` is raised instead."""

    def __init__(self):
        self.made, self.fails, self.status = 0, None, 201

    def make(self, body: Body) -> Response[str]:
        if self.fails:
            raise self.fails
        self.made += 1
        headers = {"ETag": f'"{self.made}"', "Location": "/things/1"}
        return Response(self.status, "application/json", f'{{"n": {self.made}}}', headers=headers)

    def secret(self, body: Body) -> Response[str]:
        self.made += 1
        return Response(201, "application/json", '{"secret": "flk_1"}')

    def look(self) -> Response[str]:
        return Response(200, "application/json", "{}")

    health = look


class Served(SimpleNamespace):
    def call(self, method="POST", path="/things", body='{"name": "a"}', who=ANN, key=None, media="application/json"):
        headers = {name: value for name, value in (("content-type", media), ("Idempotency-Key", key)) if value}
        event = {
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": {
                "requestId": "r",
                "stage": "v1",
                "authorizer": {"principal": msgspec.json.encode(who).decode()},
            },
            "body": body if method == "POST" else None,
            "isBase64Encoded": False,
        }
        answer = self.app.resolve(event, SimpleNamespace())
        self.headers = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def api(clock):
    app = resolver()
    api = Served(app=app, clock=clock, things=Things(), memory=MemoryRequestMemory(), limit=Limit(100, 100))
    tokens = iter(range(10_000))
    logger = Logger(service="test")
    serve(
        app,
        {"things": api.things},
        logger,
        routes=ROUTES,
        admission=admitting(Rates(MemoryRateBuckets(), Limit(10, 8), clock, pytest.fail)),
        once=Once(Request(app), api.memory, clock, lambda: str(next(tokens)), logger),
    )
    return api


def test_a_request_sent_again_with_its_key_is_done_once_and_answered_alike(api):
    first = api.call(key="k")
    first_headers = api.headers
    assert api.call(key="k") == first == (201, {"n": 1})
    assert api.headers == {**first_headers, "Idempotency-Replayed": "true"}
    assert api.things.made == 1


def test_without_a_key_every_request_is_another(api):
    assert [api.call()[1]["n"] for _ in range(2)] == [1, 2]


def test_a_key_is_one_principals(api):
    assert [api.call(key="k", who=who)[1]["n"] for who in (ANN, BOB)] == [1, 2]


@pytest.mark.parametrize("other", [{"body": '{"name": "b"}'}, {"path": "/secrets"}])
def test_a_key_that_came_with_another_request_is_refused(api, other):
    api.call(key="k")
    status, problem = api.call(key="k", **other)
    assert (status, problem["type"]) == (422, "urn:fieldline:problem:idempotency-key-reused")
    assert api.things.made == 1


def test_a_key_is_free_again_after_a_day(api):
    api.call(key="k")
    api.clock.now += KEPT_MS
    assert api.call(key="k", body='{"name": "b"}') == (201, {"n": 2})


def test_a_request_that_is_still_running_is_told_so_and_a_dead_one_is_followed(api):
    api.things.fails = KeyboardInterrupt()  # as if the process ended
    with pytest.raises(KeyboardInterrupt):
        api.call(key="k")
    api.things.fails = None
    status, problem = api.call(key="k")
    assert (status, problem["type"]) == (409, "urn:fieldline:problem:idempotency-in-progress")
    assert int(api.headers["Retry-After"]) == LEASE_MS // 1000
    api.clock.now += LEASE_MS
    assert api.call(key="k") == (201, {"n": 1})


def test_a_refused_request_frees_its_key(api):
    api.things.fails = ConflictError("there is one")
    assert api.call(key="k")[0] == 409
    api.things.fails = None
    assert api.call(key="k", body='{"name": "b"}') == (201, {"n": 1})


def test_an_answer_with_a_secret_is_not_kept_and_not_given_again(api):
    assert api.call(path="/secrets", key="k") == (201, {"secret": "flk_1"})
    status, problem = api.call(path="/secrets", key="k")
    assert status == 409
    assert "shown only once" in problem["detail"]
    assert "flk_1" not in repr(api.memory.claims)
    assert api.things.made == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ключ", "a\n"])
def test_a_key_is_visible_ascii_of_a_bounded_length(api, key):
    status, problem = api.call(key=key or " ")
    assert (status, problem["field"]) == (400, "Idempotency-Key")
    assert api.call(key="x" * 255)[0] == 201


def test_an_answer_that_cannot_be_remembered_is_given_nevertheless(api, monkeypatch):
    def fail(*_):
        raise IdempotencyError("no answer")

    monkeypatch.setattr(api.memory, "finish", fail)
    assert api.call(key="k") == (201, {"n": 1})
    monkeypatch.setattr(api.memory, "begin", fail)
    assert api.call(key="k2")[0] == 503
    assert api.things.made == 1


def test_somebody_without_the_right_learns_nothing_of_the_body_and_claims_no_key(api):
    assert api.call(who=VIEWER, body="{nonsense", key="k")[0] == 403
    assert api.memory.claims == {}


def test_too_many_requests_are_told_when_to_come_again(api):
    statuses = [api.call("GET")[0] for _ in range(9)]
    assert statuses == [200] * 8 + [429]
    assert api.headers["Retry-After"] == "1"
    assert api.call("GET", who=BOB)[0] == 200
    assert api.call("GET", "/health")[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ('{"name": "' + "x" * MAX_BODY_BYTES + '"}', 413, "at most 262144 bytes"),
        ('{"name": "a", "name": "b"}', 400, "used once in its object"),
        ("[" * 100_000 + "]" * 100_000, 400, "nested at most 16 deep"),
        ("{", 400, "one JSON document"),
        ('{"name": 1}', 400, "name"),
        ('{"name": "a", "role": "admin"}', 400, "role"),
        ("", 400, ""),
    ],
)
def test_a_body_that_is_none_is_refused_with_its_reason(api, body, status, words):
    got, problem = api.call(body=body)
    assert got == status
    assert words in problem["detail"]
    assert api.things.made == 0


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_says_that_it_is_json(api, media):
    status, problem = api.call(media=media)
    assert (status, problem["type"]) == (415, "urn:fieldline:problem:unsupported-media-type")
    assert api.call(media="application/json; charset=utf-8")[0] == 201
