import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.csv_output import safe_cell, write_rows

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
dangerous = st.tuples(st.sampled_from(["", " ", "\u00a0", "\0", "\t "]), st.sampled_from(FORMULA), st.text()).map(
    "".join
)


def written(rows):
    out = io.StringIO(newline="")
    write_rows(out, rows)
    return list(csv.reader(io.StringIO(out.getvalue(), newline="")))


@given(st.one_of(st.text(), dangerous))
def test_no_text_begins_as_a_formula(text):
    cell = safe_cell(text)
    assert not cell.lstrip().startswith(FORMULA)
    assert not cell.startswith(FORMULA)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"], include_characters="\t\r\n")))
def test_text_is_changed_by_nothing_but_an_apostrophe_before_it(text):
    assert safe_cell(text) in {text, f"'{text}"}


@pytest.mark.parametrize("text", ["", "running", "4 = 2+2", "a-b", "ada@example.com", "'quoted'"])
def test_harmless_text_stays_as_it_is(text):
    assert safe_cell(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_exact_also_below_zero(number):
    assert float(safe_cell(number)) == number
    assert math.copysign(1, float(safe_cell(number))) == math.copysign(1, number)


def test_control_codes_are_shown_and_not_sent():
    assert safe_cell("a\x1b[2J\0") == "a\\u001b[2J\\u0000"


def test_a_boolean_is_a_word_and_nothing_is_empty():
    assert [safe_cell(cell) for cell in (True, False, None)] == ["true", "false", ""]


@given(st.lists(st.lists(st.one_of(st.text(st.characters(codec="utf-8")), dangerous), min_size=2), min_size=1))
def test_separators_quotes_and_line_ends_never_make_another_cell(rows):
    assert written(rows) == [[safe_cell(cell) for cell in row] for row in rows]
