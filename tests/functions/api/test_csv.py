"""CSV that no spreadsheet calculates and that every reader takes apart as it was put together."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.csv import cell, csv_answer


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["pump-7", "1.5", "a=b", "", "'=1", -3.5, 0, 17])
def test_everything_else_stays_as_it_is(value):
    assert cell(value) == value


def test_nested_values_are_json_and_nothing_is_empty():
    assert cell({"a": [1]}) == '{"a":[1]}'
    assert (cell(None), cell(value=True), cell(value=False)) == ("", "true", "false")


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\x00")), min_size=2, max_size=2), max_size=5))
def test_a_reader_gets_every_row_and_no_cell_that_begins_a_formula(rows):
    answer = csv_answer(("a", "b"), rows)
    read = list(csv.reader(io.StringIO(answer.body, newline="")))
    assert read[0] == ["a", "b"]
    assert [[text.removeprefix("'") for text in row] for row in read[1:]] == [
        [text.removeprefix("'") for text in row] for row in rows
    ]
    assert not any(text.lstrip().startswith(("=", "+", "-", "@")) for row in read[1:] for text in row)


def test_the_next_page_is_named_in_a_header():
    assert csv_answer(("a",), [], cursor="c").headers["X-Next-Cursor"] == "c"
    assert "X-Next-Cursor" not in csv_answer(("a",), []).headers
