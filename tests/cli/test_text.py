import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.text import age, json_text, printable, shown, until
from cli.units import symbol, with_unit

NOW = 1_764_000_000_000
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.text(st.characters()))
def test_nothing_that_is_printed_moves_the_cursor_or_breaks_the_line(text):
    assert not {unicodedata.category(character) for character in printable(text)} & {"Cc", "Cs", "Zl", "Zp"}


def test_escape_sequences_from_a_device_are_shown_and_not_obeyed():
    assert printable("\x1b[2J\x9b1m") == "\\u001b[2J\\u009b1m"


@given(st.text())
def test_ordinary_text_of_any_script_is_untouched(text):
    if all(unicodedata.category(character)[0] in "LNPS" for character in text):
        assert printable(text) == text


@given(json_values)
def test_json_reads_back_as_the_same_value_and_holds_no_control_codes(value):
    written = json_text(value)
    assert json.loads(written) == value
    assert not {unicodedata.category(character) for character in written if character != "\n"} & {"Cc", "Cs"}


def test_json_keeps_letters_where_the_terminal_can_show_them():
    assert json_text("Küche") == '"Küche"'
    assert json_text("Küche", ascii_only=True) == '"K\\u00fcche"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (True, "on"),
        (False, "off"),
        (21.4, "21.4"),
        (21.400000000000002, "21.4"),
        (52.520008123, "52.5200081"),
        (12, "12"),
        ("running", "running"),
        (["admin", "viewer"], "admin, viewer"),
        ([], "-"),
        ({"status": "online", "since": 3}, "status online, since 3"),
    ],
)
def test_values_read_as_people_write_them(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (NOW, "0 s ago"),
        (NOW - 59_000, "59 s ago"),
        (NOW - 60_000, "1 min ago"),
        (NOW - 3_600_000, "1 h ago"),
        (NOW - 47 * 3_600_000, "47 h ago"),
        (NOW - 48 * 3_600_000, "2 d ago"),
        (NOW + 5_000, "0 s ago"),
        (NOW + 600_000, "in 10 min"),
        (None, "-"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(ms, text):
    assert age(ms, NOW) == text


def test_units_are_symbols_where_people_use_symbols():
    assert [symbol(code) for code in ("Cel", "hPa", "m/s2", "", None)] == ["°C", "hPa", "m/s²", "", ""]
    assert with_unit("temperature", "Cel") == "temperature (°C)"
    assert with_unit("state", None) == "state"


@pytest.mark.parametrize(
    ("ms", "text"),
    [(NOW + 45_000, "in 45 s"), (NOW + 90_000, "in 1 min"), (NOW, "0 s ago"), (NOW - 12_000, "12 s ago"), (None, "-")],
)
def test_an_end_that_is_seconds_ahead_is_ahead(ms, text):
    assert until(ms, NOW) == text
