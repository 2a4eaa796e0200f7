"""Asking for a series by Lambda's Invoke: whatever becomes of the call, the answer is a page or the store's error."""

import json
from types import SimpleNamespace

import pytest

from functions.adapters.backoff import Backoff
from functions.adapters.invoked_series import InvokedSeries
from functions.domain import remote_series
from functions.domain.series import SeriesPage, SeriesQuery
from functions.errors import CursorError, StoreError
from functions.handlers import series

QUERY = SeriesQuery(device="pump-1", metrics=("temperature",), start=0, end=9)
CONTEXT = SimpleNamespace(
    function_name="series", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)
BUSY = (429, "TooManyRequestsException")


@pytest.fixture
def waits():
    return []


@pytest.fixture
def invoked(lambda_endpoint, waits):
    return InvokedSeries(lambda_endpoint.client(), "series", backoff=Backoff(attempts=3, sleep=waits.append))


def serve(endpoint, monkeypatch, answer):
    monkeypatch.setattr(series, "_store", lambda: SimpleNamespace(series=answer))
    endpoint.functions["series"] = lambda event: series.handler(event, CONTEXT)


def raising(exc):
    def answer(_):
        raise exc

    return answer


def test_the_question_reaches_the_store_and_its_page_comes_back(invoked, lambda_endpoint, monkeypatch):
    asked = []
    serve(lambda_endpoint, monkeypatch, lambda query: asked.append(query) or SeriesPage((), "next"))
    assert invoked.series(QUERY) == SeriesPage((), "next")
    assert asked == [QUERY]


def test_a_refused_cursor_comes_back_as_one(invoked, lambda_endpoint, monkeypatch):
    serve(lambda_endpoint, monkeypatch, raising(CursorError("x")))
    with pytest.raises(CursorError, match="got x"):
        invoked.series(QUERY)


def test_a_store_that_does_not_answer_comes_back_as_that(invoked, lambda_endpoint, monkeypatch):
    serve(lambda_endpoint, monkeypatch, raising(StoreError("the store is down")))
    with pytest.raises(StoreError, match=r"^the store is down$"):
        invoked.series(QUERY)
    assert len(lambda_endpoint.calls) == 1


def test_a_function_that_crashes_is_an_error_of_the_store(invoked, lambda_endpoint, monkeypatch):
    serve(lambda_endpoint, monkeypatch, raising(ZeroDivisionError("a bug")))
    with pytest.raises(StoreError, match="the function series failed: ZeroDivisionError: a bug"):
        invoked.series(QUERY)
    assert len(lambda_endpoint.calls) == 1


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: r Error: Task timed out after 25.00 seconds"},
            "Sandbox.Timedout: RequestId: r Error: Task timed out after 25.00 seconds",
        ),
        ({"errorMessage": "2026-11-23T04:00:00Z r Task timed out after 25.00 seconds"}, "Task timed out"),
        (
            {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": "Response payload size exceeded"},
            "Function.ResponseSizeTooLarge",
        ),
        ("out of memory", "out of memory"),
    ],
)
def test_what_lambda_says_of_a_failed_function_is_told(lambda_endpoint, invoked, monkeypatch, failure, said):
    monkeypatch.setattr(
        lambda_endpoint,
        "_invoke",
        lambda *_: (200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure).encode()),
    )
    with pytest.raises(StoreError, match=said):
        invoked.series(QUERY)


def test_a_busy_function_is_asked_again(invoked, lambda_endpoint, monkeypatch, waits):
    serve(lambda_endpoint, monkeypatch, lambda _: SeriesPage((), None))
    lambda_endpoint.refusals = [BUSY, (500, "ServiceException")]
    assert invoked.series(QUERY) == SeriesPage((), None)
    assert (len(lambda_endpoint.calls), len(waits)) == (3, 2)


def test_a_function_that_stays_busy_is_an_error_of_the_store(invoked, lambda_endpoint):
    lambda_endpoint.refusals = [BUSY] * 9
    with pytest.raises(StoreError, match=r"the function series could not be called: .*TooManyRequestsException"):
        invoked.series(QUERY)
    assert len(lambda_endpoint.calls) == 3


@pytest.mark.parametrize("refusal", [(404, "ResourceNotFoundException"), (403, "AccessDeniedException")])
def test_what_will_not_change_is_not_asked_again(invoked, lambda_endpoint, refusal):
    lambda_endpoint.refusals = [refusal] * 2
    with pytest.raises(StoreError, match=refusal[1]):
        invoked.series(QUERY)
    assert len(lambda_endpoint.calls) == 1


def test_an_answer_that_does_not_come_in_time_is_not_waited_for_twice(lambda_endpoint, waits):
    from threading import Event

    over = Event()
    lambda_endpoint.functions["series"] = lambda _: over.wait(60)
    client = lambda_endpoint.client(read_s=0.2)
    with pytest.raises(StoreError, match="the function series did not answer: Read timeout"):
        InvokedSeries(client, "series", backoff=Backoff(sleep=waits.append)).series(QUERY)
    over.set()
    assert (len(lambda_endpoint.calls), waits) == (1, [])


def test_an_endpoint_that_is_not_there_is_an_error_of_the_store(lambda_endpoint, invoked):
    lambda_endpoint.close()
    with pytest.raises(StoreError, match="the function series did not answer"):
        invoked.series(QUERY)


@pytest.mark.parametrize("answer", [b"null", b"", b"<html>"])
def test_an_answer_that_is_none_is_an_error_of_the_store(invoked, lambda_endpoint, answer):
    lambda_endpoint.functions["series"] = lambda _: answer
    with pytest.raises(StoreError, match="gave no answer"):
        invoked.series(QUERY)


def test_a_question_of_another_version_is_answered_by_a_refusal(lambda_endpoint, monkeypatch):
    serve(lambda_endpoint, monkeypatch, lambda _: 1 / 0)
    answer = series.handler({"v": 2, "query": {}}, CONTEXT)
    with pytest.raises(StoreError, match="the question for a series has version 2, expected 1"):
        remote_series.answered(json.dumps(answer).encode())
