import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.durations import DurationError, format_duration, format_instant, parse_duration, parse_instant

NOW = 1_764_000_000_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1h30m", 5_400_000),
        ("090s", 90_000),
    ],
)
def test_a_duration_is_a_count_and_a_unit(text, ms):
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "5 m",
        "-5m",
        "5min",
        "1.5h",
        "5M",
        "0s",
        "5m5m",
        "\u0665m",
        "1e3s",
        "99999d",
        "9" * 40 + "s",
        "5m\n",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert "expected" in str(caught.value)
    assert repr(text) in str(caught.value)


@given(st.integers(1, 100 * 366 * 86_400_000))
def test_a_formatted_duration_reads_back_as_itself(ms):
    assert parse_duration(format_duration(ms)) == ms


@given(st.text())
def test_any_text_is_a_duration_or_its_error(text):
    with contextlib.suppress(DurationError):
        assert parse_duration(text) > 0


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("now", NOW),
        ("24h", NOW - 86_400_000),
        ("-24h", NOW - 86_400_000),
        ("90w", NOW - 90 * 604_800_000),
        ("1970-01-01", 0),
        ("2025-11-24T16:00:00Z", NOW),
        ("2025-11-24t16:00:00z", NOW),
        ("2025-11-24T17:00:00+01:00", NOW),
        ("2025-11-24T17:00+01:00", NOW),
        ("2025-11-24T16:00:00.250Z", NOW + 250),
        ("1764000000001", NOW + 1),
    ],
)
def test_a_point_in_time_is_an_age_a_date_or_a_number(text, ms):
    assert parse_instant(text, NOW) == ms


def test_an_age_beyond_the_epoch_means_the_epoch():
    assert parse_instant("100w", 1000) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-13-01",
        "2025-02-30T00:00:00Z",
        "2025-11-24T16:00:00",
        "2025-W48-1",
        "1969-12-31",
        "24",
        "--1h",
    ],
)
def test_what_is_no_point_in_time_is_refused(text):
    with pytest.raises(DurationError, match="expected"):
        parse_instant(text, NOW)


@given(st.integers(0, 253_402_300_799_999))
def test_a_formatted_time_reads_back_as_itself(ms):
    assert parse_instant(format_instant(ms), NOW) == ms


@given(st.text())
def test_any_text_is_a_time_or_its_error(text):
    with contextlib.suppress(DurationError):
        assert 0 <= parse_instant(text, NOW) <= 253_402_300_799_999
