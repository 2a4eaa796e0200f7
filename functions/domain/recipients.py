"""Whom alarms are told, by which channel, and when he wants to be left alone. Pure; times are ms since the epoch."""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from contract.conditions import DAYS, Window
from contract.errors import shown
from contract.identity import THING_PATTERN
from contract.models import SEVERITIES, Severity
from contract.schedules import DAY_MINUTES, Calendar, parse_time, parse_zone, spelled_time
from functions.domain.access import EVERYTHING, Target
from functions.domain.webhook_addresses import parse_url
from functions.errors import RequestError

MAX_RECIPIENTS: Final = 500
"""Of a deployment: they are one partition, and a list that people read."""
MAX_ADDRESS_CHARS: Final = 1_000
MAX_SPANS: Final = 14
MAX_PER_HOUR: Final = 1_000
MIN_DIGEST_MS: Final = 60_000
MAX_DIGEST_MS: Final = 24 * 3_600_000
DEFAULT_DIGEST_MS: Final = 15 * 60_000
ROTATION_MS: Final = 24 * 3_600_000
"""How long the secret before the newest one signs as well."""

_ID = re.compile(THING_PATTERN)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_MAX_EMAIL_CHARS = 254
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_HOUR_US: Final = 3_600_000_000
_WEEK_MS: Final = 7 * 86_400_000

SpelledSpan = tuple[Sequence[str], str, str]
"""Days, the time from which, and the time until which, such as `(["mon", "tue"], "22:00", "06:00")`."""


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    WEBHOOK = "webhook"
    """A POST with a signature, as https://www.standardwebhooks.com specifies it."""
    SLACK = "slack"
    """A POST that Slack, Mattermost and others take."""


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the week, in the time zone `zone`. What is as bad as `unless`, or worse, is told all the same."""

    zone: str
    spans: tuple[Window, ...]
    unless: Severity | None = None

    def until(self, now: int, severity: Severity | None) -> int | None:
        """When the quiet that holds now is over; None where it does not hold for this `severity`.

        Spans that follow on each other are one, up to a week.
        """
        if severity is not None and self.unless is not None and as_bad_as(severity, self.unless):
            return None
        holds, until = _calendar(self.zone, self.spans).at(now)
        return min(until, now + _WEEK_MS) if holds and until is not None else None


class Hourly(msgspec.Struct, frozen=True):
    """A bucket of `messages` that fills within an hour: that many at once, then one each time that another comes in."""

    messages: int

    @property
    def interval_us(self) -> int:
        return _HOUR_US // self.messages

    @property
    def depth_us(self) -> int:
        return self.messages * self.interval_us


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Told of alarms of devices in `scope` that are as bad as `minimum`, or worse, where a rule names him.

    `per_hour` bounds the messages that he is sent. What is beyond it, or falls into quiet hours, is gathered for
    `digest_ms` and longer and told in one message; it is muted where that is None. `generation` is that of the secret
    that signs webhooks, `rotated_at` when it was made. `version` is that of the stored item.
    """

    id: str
    name: str
    channel: Channel
    address: str
    scope: str = EVERYTHING
    minimum: Severity = "info"
    quiet: QuietHours | None = None
    per_hour: int | None = None
    digest_ms: int | None = DEFAULT_DIGEST_MS
    created_at: int
    updated_at: int
    generation: int = 1
    rotated_at: int | None = None
    version: int = 0

    def covers(self, thing: str, group: str) -> bool:
        return self.scope in Target(thing, group).scopes

    def wants(self, severity: Severity) -> bool:
        return as_bad_as(severity, self.minimum)

    @property
    def hourly(self) -> Hourly | None:
        return None if self.per_hour is None else Hourly(self.per_hour)

    def generations(self, now: int) -> tuple[int, ...]:
        """Of the secrets that sign now, the newest first."""
        both = self.rotated_at is not None and self.generation > 1 and now < self.rotated_at + ROTATION_MS
        return (self.generation, self.generation - 1) if both else (self.generation,)

    def rotated(self, now: int) -> "Recipient":
        return msgspec.structs.replace(self, generation=self.generation + 1, rotated_at=now, updated_at=now)


def as_bad_as(severity: Severity, other: Severity) -> bool:
    """Whether it is as bad as the `other`, or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(other)


def parse_recipient_id(text: str) -> str:
    """Raises RequestError."""
    if not _ID.fullmatch(text):
        raise RequestError("id", "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", shown(text))
    return text


def parse_address(channel: Channel, text: str, *, loopback: bool) -> str:
    """An address of the channel in its one spelling; raises RequestError, which shows no address.

    `loopback` is the switch of the laptop: it also takes `http` and any port.
    """
    if len(text) > MAX_ADDRESS_CHARS:
        raise RequestError("address", f"at most {MAX_ADDRESS_CHARS} characters", f"{len(text)}")
    match channel:
        case Channel.EMAIL:
            return _matched(_EMAIL, text, "an e-mail address in ASCII, such as ann@example.com", _MAX_EMAIL_CHARS)
        case Channel.SMS:
            return _matched(_PHONE, text, "a phone number in E.164 form, such as +4366012345678", MAX_ADDRESS_CHARS)
        case Channel.WEBHOOK | Channel.SLACK:
            return parse_url(text, loopback=loopback).text


def parse_quiet_hours(
    zone: str, spans: Sequence[tuple[Sequence[str], str, str]], unless: Severity | None
) -> QuietHours:
    """Raises RequestError."""
    if not 1 <= len(spans) <= MAX_SPANS:
        raise RequestError("quiet_hours.spans", f"1 to {MAX_SPANS} spans", str(len(spans)))
    return QuietHours(zone=_zone(zone), spans=tuple(map(_span, spans)), unless=unless)


def spelled_span(span: Window) -> SpelledSpan:
    """The inverse of how `parse_quiet_hours` reads one."""
    return tuple(DAYS[day] for day in span.days), spelled_time(span.start), spelled_time(span.end)


def masked(channel: Channel, address: str) -> str:
    """An address as it may stand in logs and in the audit: Slack's is a secret in itself, others may hold one."""
    if channel not in {Channel.SLACK, Channel.WEBHOOK}:
        return address
    scheme, _, rest = address.partition("://")
    host, _, beyond = rest.partition("/")
    return f"{scheme}://{host}/" + ("…" if beyond else "")


def _span(span: SpelledSpan) -> Window:
    days, start, end = span
    if not days or any(day not in DAYS for day in days):
        raise RequestError("quiet_hours.days", f"some of {', '.join(DAYS)}", shown(", ".join(days)))
    if start == end:
        raise RequestError("quiet_hours.to", "another time than from", shown(end))
    begins, ends = parse_time(start), parse_time(end)
    if begins is None or begins == DAY_MINUTES:
        raise RequestError("quiet_hours.from", "a time such as 22:00", shown(start))
    if ends is None:
        raise RequestError("quiet_hours.to", "a time such as 22:00", shown(end))
    return Window(days=tuple(sorted({DAYS.index(day) for day in days})), start=begins, end=ends)


def _zone(text: str) -> str:
    zone = parse_zone(text)
    if zone is None:
        raise RequestError("quiet_hours.zone", "a time zone of the IANA database, such as Europe/Vienna", shown(text))
    return zone


@lru_cache(maxsize=MAX_RECIPIENTS)
def _calendar(zone: str, spans: tuple[Window, ...]) -> Calendar:
    return Calendar(zone, spans)


def _matched(pattern: re.Pattern[str], text: str, expected: str, limit: int) -> str:
    if len(text) > limit or not pattern.fullmatch(text):
        raise RequestError("address", expected, f"{len(text)} characters of something else")
    return text
