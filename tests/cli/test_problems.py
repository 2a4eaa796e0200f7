import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import BusyError, CliError, NotAllowedError, NotFoundError, NotSignedInError, ServerFaultError
from cli.problems import error_for


def problem(**members):
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CliError),
        (401, NotSignedInError),
        (403, NotAllowedError),
        (404, NotFoundError),
        (429, BusyError),
        (500, ServerFaultError),
        (503, ServerFaultError),
        (302, CliError),
    ],
)
def test_the_status_decides_the_kind(status, kind):
    assert type(error_for(status, b"")) is kind


def test_a_problem_is_told_with_field_expectation_and_request():
    body = problem(title="Bad request", detail="Not a range", field="from", expected="an RFC 3339 time", got="'x'")
    assert str(error_for(400, body, "r-1")) == ("Not a range. from: expected an RFC 3339 time, got 'x'. (request r-1)")


def test_what_the_detail_says_already_is_not_said_twice():
    body = problem(
        detail="bin: expected 1s to 31d, got 0s", field="bin", expected="1s to 31d", got="0s", request_id="r"
    )
    assert str(error_for(400, body)) == "bin: expected 1s to 31d, got 0s. (request r)"


def test_the_title_stands_in_for_a_missing_detail():
    assert str(error_for(404, problem(title="No such device", request_id="r"))) == "No such device. (request r)"


def test_an_answer_of_the_gateway_itself_gets_our_words():
    assert str(error_for(403, b'{"message":"Forbidden"}', "abc")) == "Your role does not allow this. (request abc)"


@given(st.integers(100, 599), st.binary())
def test_any_answer_becomes_a_sentence(status, body):
    assert str(error_for(status, body)).strip()


@given(
    st.integers(400, 599),
    st.dictionaries(
        st.sampled_from(["detail", "title", "field", "expected", "got", "request_id"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    ),
)
def test_any_problem_becomes_a_sentence(status, members):
    assert str(error_for(status, json.dumps(members).encode())).strip()
