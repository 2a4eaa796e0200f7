"""The HTTP API before a telemetry store that is behind another function, fails, or cannot do what was asked."""

import json
from threading import Event

import pytest

from functions.adapters.backoff import Backoff
from functions.adapters.invoked_series import InvokedSeries
from functions.domain import remote_series
from functions.errors import CursorError, StoreError, UnsupportedError

SERIES = ("/devices/pump-1/telemetry", ("metric", "temperature"))


@pytest.fixture
def behind_lambda(api, lambda_endpoint, monkeypatch):
    """The API with its store in another network, which answers through a function."""
    api.register("pump-1")
    invoked = InvokedSeries(lambda_endpoint.client(read_s=0.5), "series", backoff=Backoff(sleep=lambda _: None))
    monkeypatch.setattr(api.store, "series", invoked.series)
    return lambda_endpoint


def crash(_):
    raise ZeroDivisionError("at table secret-name")


@pytest.mark.parametrize(
    "function",
    [
        crash,
        lambda _: remote_series.refusal(StoreError("https://secret-name:8086 does not answer")),
        lambda _: {"v": 2},
        lambda _: b"",
        lambda _: Event().wait(1),
    ],
    ids=["crashes", "its store is down", "is of another version", "answers nothing", "hangs"],
)
def test_a_store_behind_a_function_that_fails_is_a_503_to_come_back_from(api, behind_lambda, function):
    behind_lambda.functions["series"] = function
    status, body = api.get(*SERIES)
    assert (status, body["title"], api.headers["Retry-After"]) == (503, "Service unavailable", "1")
    assert "secret-name" not in json.dumps(body)


def test_a_function_that_stays_busy_is_a_503_to_come_back_from(api, behind_lambda):
    behind_lambda.refusals = [(429, "TooManyRequestsException")] * 9
    assert api.get(*SERIES)[0] == 503


def test_a_cursor_that_the_store_behind_a_function_refuses_is_the_caller_s_mistake(api, behind_lambda):
    behind_lambda.functions["series"] = lambda _: remote_series.refusal(CursorError("'x'"))
    status, body = api.get(*SERIES)
    assert (status, body["field"], body["got"]) == (400, "cursor", "'x'")


def test_what_the_store_can_never_do_is_a_501_that_asks_for_no_other_try(api, monkeypatch):
    api.register("pump-1")

    def cannot(_):
        raise UnsupportedError("timestream-liveanalytics cannot do this")

    monkeypatch.setattr(api.store, "series", cannot)
    status, body = api.get(*SERIES)
    assert (status, body["title"]) == (501, "Not implemented")
    assert "Retry-After" not in api.headers
