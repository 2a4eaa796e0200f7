# ruff: noqa: A002 - parameters are called what the API calls them
"""Where rules stand on a device, and why."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Query

from contract.identity import parse_thing
from contract.models import Severity
from contract.rules import to_document
from functions.api.answer import Answer, answer, answers
from functions.api.parameters import Rule, Thing, rule_id
from functions.api.request import Request
from functions.api.times import moment
from functions.domain.alarms import alarm_id
from functions.domain.explaining import Explained, Outlook
from functions.services.explaining import Explaining, RuleOnDevice


class RuleOnDeviceView(msgspec.Struct, frozen=True):
    """A rule that applies to the device. `reasons` say in words what its outlook hangs on.

    `alarm` is the one that is active, since `since`; `default` is true for a rule that the model brings along.
    """

    rule: str
    title: str
    scope: str
    version: int
    default: bool
    outlook: Outlook
    alarm: str | None
    since: int | None
    severity: Severity | None
    reasons: tuple[str, ...]


class RulesOnDeviceView(msgspec.Struct, frozen=True):
    device: str
    now: int
    items: tuple[RuleOnDeviceView, ...]


class BandView(msgspec.Struct, frozen=True):
    """`when` and, of one that has fired, `clear` are trees: each part with its verdict, value, age and more."""

    severity: Severity
    fired: bool
    when: dict[str, Any]
    clear: dict[str, Any] | None


class ExplanationView(msgspec.Struct, frozen=True):
    """How a rule stood `at` an instant. `replayed`: worked out anew from stored telemetry, without its alarm's name.

    `at` is null, and there are no bands, of a rule that is disabled or for which the device has no room.
    """

    device: str
    rule: str
    version: int
    replayed: bool
    at: int | None
    outlook: Outlook
    alarm: str | None
    since: int | None
    severity: Severity | None
    reasons: tuple[str, ...]
    bands: tuple[BandView, ...]
    document: dict[str, Any]


class ExplanationOperations:
    def __init__(self, request: Request, explaining: Explaining) -> None:
        self._request = request
        self._explaining = explaining

    @answers(RulesOnDeviceView)
    def device_rules(self, id: Thing) -> Answer:
        """The rules that apply to a device, and where each stands now."""
        thing = parse_thing(id)
        found = self._explaining.rules(self._request.who, thing)
        items = tuple(_item(thing, one) for one in found)
        return answer(RulesOnDeviceView(thing, self._explaining.clock.now_ms(), items))

    @answers(ExplanationView)
    def explain_rule(self, id: Thing, rule: Rule, at: Annotated[str | None, Query(max_length=64)] = None) -> Answer:
        """Why a rule has fired on a device, or has not: now, or `at` a time by the telemetry that is stored."""
        thing = parse_thing(id)
        when = None if at is None else moment("at", at, self._explaining.clock.now_ms())
        found = self._explaining.explain(self._request.who, thing, rule_id(rule), when)
        return answer(_explanation(thing, found, replayed=when is not None))


def _item(thing: str, one: RuleOnDevice) -> RuleOnDeviceView:
    rule, explained = one.in_force.rule, one.explained
    return RuleOnDeviceView(
        rule=rule.id,
        title=rule.title,
        scope=rule.scope,
        version=one.in_force.version,
        default=one.in_force.definition is None,
        outlook=explained.outlook,
        alarm=_alarm(thing, explained),
        since=explained.since,
        severity=explained.severity,
        reasons=explained.reasons,
    )


def _explanation(thing: str, one: RuleOnDevice, *, replayed: bool) -> ExplanationView:
    rule, explained = one.in_force.rule, one.explained
    return ExplanationView(
        device=thing,
        rule=rule.id,
        version=one.in_force.version,
        replayed=replayed,
        at=explained.at,
        outlook=explained.outlook,
        alarm=_alarm(thing, explained),
        since=explained.since,
        severity=explained.severity,
        reasons=explained.reasons,
        bands=tuple(
            BandView(band["severity"], band["fired"], band["when"], band.get("clear")) for band in explained.bands
        ),
        document=to_document(rule),
    )


def _alarm(thing: str, explained: Explained) -> str | None:
    return None if explained.number is None else alarm_id(thing, explained.number)
