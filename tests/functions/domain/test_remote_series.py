"""What two functions say to each other about a series: it comes through whole, fits, and is refused when it is odd."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.telemetry import MAX_METRIC_CHARS, MAX_TEXT_CHARS, QUALITIES
from functions.domain import remote_series
from functions.domain.series import MAX_LIMIT, Aggregate, BinRow, RawRow, SeriesPage, SeriesQuery
from functions.errors import CursorError, StoreError

QUERY = SeriesQuery(device="pump-1", metrics=("temperature",), start=0, end=9)

numbers = st.floats(allow_nan=False, allow_infinity=False)
values = numbers | st.booleans() | st.text(max_size=20)
instants = st.integers(0, 2**53)
names = st.text(max_size=20)
raw_rows = st.builds(RawRow, instants, names, values, st.sampled_from(QUALITIES), st.booleans())
bin_rows = st.builds(
    BinRow, instants, names, st.dictionaries(st.sampled_from(Aggregate), values | st.integers(0, 2**53) | st.none())
)
cursors = st.none() | st.text(max_size=50)
pages = st.builds(SeriesPage, st.lists(raw_rows).map(tuple) | st.lists(bin_rows).map(tuple), cursors)
queries = st.builds(
    SeriesQuery,
    device=names,
    metrics=st.lists(names).map(tuple),
    start=st.integers(-(2**53), 2**53),
    end=instants,
    bin_ms=st.none() | instants,
    aggregates=st.lists(st.sampled_from(Aggregate)).map(tuple),
    cursor=cursors,
    limit=st.integers(1, MAX_LIMIT),
)


def through(document, *, ensure_ascii=True):
    """As the runtimes of Lambda write it; Python's escapes whatever is not ASCII or does not, by its version."""
    return json.dumps(document, ensure_ascii=ensure_ascii).encode()


def exactly(page):
    return [[type(part) for part in msgspec.structs.astuple(row)] for row in page.rows], repr(page)


@given(queries)
def test_a_question_arrives_as_it_was_asked(query):
    assert remote_series.requested(json.loads(remote_series.request(query))) == query


@given(pages, st.booleans())
def test_a_page_arrives_as_it_was_given(page, ensure_ascii):
    arrived = remote_series.answered(through(remote_series.answer(page), ensure_ascii=ensure_ascii))
    assert arrived == page
    # Equality alone would take 1 for 1.0 and for True.
    assert exactly(arrived) == exactly(page)


@given(names, names)
def test_a_refused_cursor_arrives_as_what_it_is(got, expected):
    with pytest.raises(CursorError) as caught:
        remote_series.answered(through(remote_series.refusal(CursorError(got, expected))))
    assert (caught.value.got, caught.value.expected) == (got, expected)


@pytest.mark.parametrize("text", ["the store is down", ""])
def test_a_store_s_error_arrives_with_its_words(text):
    with pytest.raises(StoreError) as caught:
        remote_series.answered(through(remote_series.refusal(StoreError(text))))
    assert str(caught.value) == text


LAMBDA_ANSWER_BYTES = 6_000_000
ESCAPED_MOST = ["\x00", "🌡", '"', "é"]


@pytest.mark.parametrize("character", ESCAPED_MOST)
def test_the_largest_page_fits_into_an_answer_of_lambda(character):
    text, metric = character * MAX_TEXT_CHARS, "m" * MAX_METRIC_CHARS
    number = -1.7976931348623157e308
    aggregates = {**dict.fromkeys(Aggregate, number), Aggregate.LAST: text, Aggregate.COUNT: 2**53}
    for row in (RawRow(2**53, metric, text, "estimated", late=True), BinRow(2**53, metric, aggregates)):
        page = SeriesPage((row,) * MAX_LIMIT, "c" * 1024)
        assert len(through(remote_series.answer(page))) < LAMBDA_ANSWER_BYTES
        assert remote_series.answered(through(remote_series.answer(page))) == page


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_page_that_might_not_fit_is_not_asked_for(limit):
    event = json.loads(remote_series.request(msgspec.structs.replace(QUERY, limit=limit)))
    with pytest.raises(StoreError, match=f"limit from 1 to {MAX_LIMIT}, got {limit}"):
        remote_series.requested(event)


def test_what_is_new_in_a_later_deployment_is_ignored():
    event = json.loads(remote_series.request(QUERY))
    event["query"]["colour"] = event["more"] = "green"
    assert remote_series.requested(event) == QUERY
    answer = remote_series.answer(SeriesPage((), "c"))
    assert remote_series.answered(through({**answer, "more": "green"})) == SeriesPage((), "c")


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_refused_by_both_sides(version):
    event = json.loads(remote_series.request(QUERY))
    with pytest.raises(StoreError, match=f"the question for a series has version {version}, expected 1"):
        remote_series.requested({**event, "v": version, "query": "in another way"})
    with pytest.raises(StoreError, match=f"the answer for a series has version {version}, expected 1"):
        remote_series.answered(through({"v": version, "rows": "in another way"}))


@pytest.mark.parametrize("event", [None, [], {}, {"v": 1}, {"v": 1, "query": {}}, {"v": "1"}, {"Records": []}])
def test_an_event_that_is_no_question_is_refused(event):
    with pytest.raises(StoreError, match="not a question for a series"):
        remote_series.requested(event)


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"<html>", b'{"v":1,"raw":[[1]]}', b'{"v":1,"bins":7}', b"\xff"])
def test_what_is_no_answer_is_an_error_of_the_store(text):
    with pytest.raises(StoreError, match="the series function gave no answer"):
        remote_series.answered(text)
