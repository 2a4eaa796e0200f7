"""Recipients: who wants what, when he is left alone, how much he is sent."""

from datetime import UTC, datetime

import pytest

from functions.domain.rates import take
from functions.domain.recipients import (
    ROTATION_MS,
    Channel,
    Hourly,
    Recipient,
    as_bad_as,
    masked,
    parse_address,
    parse_quiet_hours,
    parse_recipient_id,
    spelled_span,
)
from functions.errors import RequestError
from tests.functions.domain.deliveries_of import NOW

NIGHTS = parse_quiet_hours("Europe/Vienna", [(["mon", "tue", "wed", "thu", "fri"], "22:00", "06:00")], "critical")
WEEKEND = parse_quiet_hours(
    "Europe/Vienna",
    [(["fri"], "18:00", "00:00"), (["sat", "sun"], "00:00", "24:00"), (["sun"], "20:00", "08:00")],
    None,
)


def at(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def local(ms):
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def recipient(**more):
    return Recipient(
        id="on-call",
        name="On call",
        channel=Channel.EMAIL,
        address="ann@example.com",
        created_at=NOW,
        updated_at=NOW,
        **more,
    )


@pytest.mark.parametrize(
    ("when", "until"),
    [
        ("2025-11-24T21:59:59+01:00", None),
        ("2025-11-24T22:00:00+01:00", "2025-11-25T06:00:00+01:00"),
        ("2025-11-25T05:59:59+01:00", "2025-11-25T06:00:00+01:00"),
        ("2025-11-25T06:00:00+01:00", None),
        # It is of the evening's day: from Friday into Saturday, and not from Sunday into Monday.
        ("2025-11-29T03:00:00+01:00", "2025-11-29T06:00:00+01:00"),
        ("2025-12-01T03:00:00+01:00", None),
        # In the night in which clocks are put back it is an hour longer, and shorter in the other one.
        ("2025-10-25T00:30:00+02:00", "2025-10-25T06:00:00+02:00"),
        ("2026-03-27T23:30:00+01:00", "2026-03-28T06:00:00+01:00"),
    ],
)
def test_quiet_hours_are_of_the_recipients_own_clock(when, until):
    found = NIGHTS.until(at(when), "major")
    assert found == (None if until is None else at(until))


def test_the_night_of_a_change_of_clocks_ends_by_the_clock():
    sundays = parse_quiet_hours("Europe/Vienna", [(["sat"], "22:00", "06:00")], None)
    assert sundays.until(at("2025-10-25T22:30:00+02:00"), None) == at("2025-10-26T06:00:00+01:00")
    assert sundays.until(at("2026-03-28T22:30:00+01:00"), None) == at("2026-03-29T06:00:00+02:00")


def test_what_is_bad_enough_is_told_in_the_night():
    night = at("2025-11-25T03:00:00+01:00")
    assert NIGHTS.until(night, "critical") is None
    assert NIGHTS.until(night, "major") is not None
    assert NIGHTS.until(night, None) is not None


def test_spans_that_follow_on_each_other_are_one():
    friday = at("2025-11-28T19:00:00+01:00")
    assert WEEKEND.until(friday, "critical") == at("2025-12-01T08:00:00+01:00")
    assert WEEKEND.until(at("2025-11-30T21:00:00+01:00"), None) == at("2025-12-01T08:00:00+01:00")


def test_quiet_without_end_is_taken_for_a_week():
    always = parse_quiet_hours(
        "UTC",
        [
            (["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "08:00", "07:59"),
            (["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "07:00", "09:00"),
        ],
        None,
    )
    until = always.until(NOW, None)
    assert NOW + 6 * 86_400_000 < until <= NOW + 7 * 86_400_000


def test_spans_are_spelled_as_they_were_read():
    assert spelled_span(NIGHTS.spans[0]) == (("mon", "tue", "wed", "thu", "fri"), "22:00", "06:00")


@pytest.mark.parametrize(
    ("zone", "spans", "expected"),
    [
        ("Europe/Atlantis", [(["mon"], "22:00", "06:00")], "a time zone of the IANA database"),
        ("../../etc/passwd", [(["mon"], "22:00", "06:00")], "a time zone of the IANA database"),
        ("UTC", [], "1 to 14 spans"),
        ("UTC", [([], "22:00", "06:00")], "some of mon, tue"),
        ("UTC", [(["montag"], "22:00", "06:00")], "some of mon, tue"),
        ("UTC", [(["mon"], "24:00", "06:00")], "a time such as 22:00"),
        ("UTC", [(["mon"], "22:00", "22:00")], "another time than from"),
    ],
)
def test_quiet_hours_that_cannot_be_are_refused(zone, spans, expected):
    with pytest.raises(RequestError, match=expected):
        parse_quiet_hours(zone, spans, None)


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.EMAIL, "ann.o'neill+plant@mail.example.com"),
        (Channel.SMS, "+4366012345678"),
        (Channel.WEBHOOK, "https://hooks.example.com/alarms?token=1"),
        (Channel.SLACK, "https://hooks.slack.com/services/T0/B0/secret"),
    ],
)
def test_an_address_of_its_channel_is_taken(channel, address):
    assert parse_address(channel, address, loopback=False) == address


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.EMAIL, "bob"),
        (Channel.EMAIL, "ann@localhost"),
        (Channel.EMAIL, "ann@example.com\r\nBcc: eve@example.com"),
        (Channel.EMAIL, "Ann <ann@example.com>"),
        (Channel.EMAIL, f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.com"),
        (Channel.SMS, "066012345678"),
        (Channel.SMS, "+43 660 1234"),
        (Channel.WEBHOOK, "http://hooks.example.com/"),
        (Channel.WEBHOOK, f"https://example.com/{'a' * 1000}"),
        (Channel.SLACK, "hooks.slack.com/services"),
    ],
)
def test_another_address_is_refused_and_not_repeated(channel, address):
    with pytest.raises(RequestError) as refused:
        parse_address(channel, address, loopback=False)
    assert refused.value.field == "address"
    assert address not in str(refused.value)


def test_ids_are_those_of_rules():
    assert parse_recipient_id("on-call") == "on-call"
    for text in ("", "On call", "a/b", "x" * 64, "a.b"):
        with pytest.raises(RequestError):
            parse_recipient_id(text)


def test_he_is_told_of_his_own_devices_and_of_what_is_bad_enough():
    one = recipient(scope="group:plant-1", minimum="minor")
    assert one.covers("pump-7", "plant-1/line-2")
    assert not one.covers("pump-7", "plant-10")
    assert [severity for severity in ("critical", "minor", "warning", "info") if one.wants(severity)] == [
        "critical",
        "minor",
    ]
    assert as_bad_as("critical", "critical")


def test_the_secret_before_the_newest_one_signs_for_a_day():
    one = recipient()
    assert one.generations(NOW) == (1,)
    rotated = one.rotated(NOW)
    assert rotated.generations(NOW + ROTATION_MS - 1) == (2, 1)
    assert rotated.generations(NOW + ROTATION_MS) == (2,)


def test_a_limit_is_a_bucket_that_fills_within_an_hour():
    full_at, got = 0, []
    for second in (0, 0, 0, 1, 1200, 1201, 2400, 9000, 9000, 9000, 9000):
        taken, full_at = take(full_at, second * 1_000_000, 1, Hourly(3))
        got.append(taken.tokens)
    assert got == [1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0]


def test_what_may_be_a_secret_is_not_shown():
    assert masked(Channel.SLACK, "https://hooks.slack.com/services/T0/B0/x") == "https://hooks.slack.com/…"
    assert masked(Channel.WEBHOOK, "https://hooks.example.com/") == "https://hooks.example.com/"
    assert masked(Channel.EMAIL, "ann@example.com") == "ann@example.com"
