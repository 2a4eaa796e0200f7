from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ContractError, IdentityError
from contract.identity import (
    ALARM_PATTERN,
    COMMAND_ID_PATTERN,
    GROUP_PATTERN,
    METRIC_PATTERN,
    THING_PATTERN,
    parse_alarm,
    parse_command_id,
    parse_group,
    parse_metric,
    parse_thing,
)

PARSERS = [
    (parse_thing, THING_PATTERN),
    (parse_group, GROUP_PATTERN),
    (parse_metric, METRIC_PATTERN),
    (parse_command_id, COMMAND_ID_PATTERN),
    (parse_alarm, ALARM_PATTERN),
]
parsers = pytest.mark.parametrize(("parse", "pattern"), PARSERS, ids=lambda value: getattr(value, "__name__", ""))


@parsers
@settings(deadline=None)
@given(data=st.data())
def test_a_well_formed_name_comes_back_unchanged(parse, pattern, data):
    name = data.draw(st.from_regex(pattern, fullmatch=True))
    assert parse(name) == name


@parsers
@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_is_a_name_or_an_identity_error(parse, pattern, text):
    with suppress(IdentityError):
        assert parse(text) == text


@parsers
@pytest.mark.parametrize(
    "text", ["", " ", "a\n", "\na", "a b", "a#", "a+", "ä", "a$", "${iot:Certificate.Subject}", "a\0"]
)
def test_what_would_break_a_topic_or_a_key_is_refused(parse, pattern, text):
    with pytest.raises(IdentityError):
        parse(text)


@pytest.mark.parametrize("text", ["-a", "A", "a_b", "a.b", "a/b", "a" * 64])
def test_a_thing_keeps_to_its_alphabet_and_length(text):
    with pytest.raises(IdentityError):
        parse_thing(text)


@pytest.mark.parametrize("text", ["/a", "a/", "a//b", "a/B", "a/b/c/d/e/f/g", "a/../b"])
def test_a_group_is_one_to_six_segments(text):
    with pytest.raises(IdentityError):
        parse_group(text)


@pytest.mark.parametrize(
    "text", ["pump-7", "pump-7.", ".1", "pump-7.01", "pump-7.123456789", "pump-7.1.2", "pump-7.-1"]
)
def test_an_alarm_is_a_device_and_a_number(text):
    with pytest.raises(IdentityError):
        parse_alarm(text)


def test_an_error_says_what_was_expected_and_what_came():
    with pytest.raises(ContractError) as caught:
        parse_thing("Pump 7")
    assert str(caught.value) == (
        "Invalid identity: `thing` must be 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit, got 'Pump 7'."
    )
    assert caught.value.reason == "invalid_thing"
