"""From a rule's document to its struct, with everything that is wrong noted under its path."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from contract import conditions, schema
from contract.conditions import MAX_DURATION_MS, Comparison, Condition, NoData
from contract.durations import read_duration
from contract.errors import ConditionError, IdentityError, RuleError, shown
from contract.identity import parse_group, parse_metric, parse_thing
from contract.models import SEVERITIES, DeviceModel, Severity
from contract.rules.rule import (
    MAX_ACTIONS,
    MAX_DESCRIPTION_CHARS,
    MAX_ESCALATIONS,
    MAX_FLAPS,
    MAX_MESSAGE_CHARS,
    MAX_PARAMETERS_BYTES,
    MAX_RECIPIENTS,
    MAX_TITLE_CHARS,
    MOMENTS,
    RULE_PATTERN,
    Action,
    Band,
    Command,
    Desire,
    Escalation,
    Flapping,
    Moment,
    Notify,
    Rule,
)
from contract.rules.templates import compile_template

__all__ = ["read"]

_IS_RULE: Final = re.compile(RULE_PATTERN).fullmatch
_SCOPES: Final = {"model": parse_thing, "group": parse_group, "device": parse_thing}
_OF_RULE: Final = (
    "rule",
    "title",
    "description",
    "scope",
    "enabled",
    "severity",
    "when",
    "clear",
    "clear_after",
    "clear_after_ms",
    "bands",
    "stale_after",
    "stale_after_ms",
    "flapping",
    "message",
    "actions",
    "escalation",
)
_OF_BAND: Final = ("severity", "when", "clear", "clear_after", "clear_after_ms")
_OF_ACTION: Final[dict[str, tuple[str, ...]]] = {
    "notify": ("notify", "on"),
    "command": ("command", "parameters", "on"),
    "desire": ("desire", "on"),
}
_A_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")
_A_TEXT: Final = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]*")


def read(document: Any, model: DeviceModel | None) -> Rule:
    """See `contract.rules.read_rule`."""
    reader = _Reader(model)
    rule = reader.rule(document)
    if rule is None or reader.problems:
        raise RuleError(tuple(reader.problems))
    return rule


class _Reader:
    """Reads one rule. What it returns is of use only if there are no `problems`."""

    def __init__(self, model: DeviceModel | None) -> None:
        self.problems: list[tuple[str, str, str]] = []
        self._model = model

    def rule(self, document: Any) -> Rule | None:
        if not isinstance(document, dict):
            self._note("", "a rule: an object", shown(document))
            return None
        self._refuse_unknown(document, "", _OF_RULE)
        name = self._name(document)
        enabled = self._boolean(document, "enabled", default=True)
        of_model, _, key = name.partition(":")
        return Rule(
            id=name,
            title=self._line(document, "title", MAX_TITLE_CHARS, of_rule=name),
            description=self._text(document, "description", MAX_DESCRIPTION_CHARS),
            scope=self._scope(document, f"model:{of_model}" if key else None),
            enabled=enabled,
            bands=self._bands(document, may_lack=bool(key) and not enabled),
            stale_after_ms=self._duration(document, "stale_after", ""),
            flapping=self._flapping(document["flapping"]) if "flapping" in document else None,
            message=self._message(document),
            actions=tuple(self._actions(document)),
            escalation=tuple(self._escalation(document)),
        )

    def _name(self, document: dict[str, Any]) -> str:
        name = document.get("rule")
        if isinstance(name, str) and _IS_RULE(name):
            return name
        expected = "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit, or `{model}:{key}` for a model's rule"
        self._note("rule", expected, shown(name) if "rule" in document else "nothing")
        return ""

    def _scope(self, document: dict[str, Any], of_model: str | None) -> str:
        scope = document.get("scope", of_model)
        kind, colon, name = scope.partition(":") if isinstance(scope, str) else ("", "", "")
        if of_model is not None and scope != of_model:
            self._note("scope", f"{of_model}, as the rule's id says", shown(scope))
        elif scope != "*" and (not colon or kind not in _SCOPES):
            expected = "`*`, `model:` and a model, `group:` and a group, or `device:` and a device"
            self._note("scope", expected, shown(scope) if "scope" in document else "nothing")
        elif scope != "*":
            try:
                _SCOPES[kind](name)
            except IdentityError as error:
                self._note("scope", f"`{kind}:` and {error.expected}", shown(scope))
        return scope if isinstance(scope, str) else ""

    def _bands(self, document: dict[str, Any], *, may_lack: bool) -> tuple[Band, ...]:
        if "bands" not in document:
            if may_lack and "when" not in document:
                return ()
            band = self._band(document, "")
            return () if band is None else (band,)
        for key in _OF_BAND:
            if key in document:
                self._note(key, "left out beside `bands`, which have their own", shown(document[key]))
        bands = document["bands"]
        if not isinstance(bands, list) or not 1 <= len(bands) <= len(SEVERITIES):
            self._note("bands", f"a list of 1 to {len(SEVERITIES)} bands", shown(bands))
            return ()
        read: list[Band] = []
        for index, each in enumerate(bands):
            at = f"bands[{index}]"
            if not isinstance(each, dict):
                self._note(at, "a band: an object", shown(each))
                continue
            self._refuse_unknown(each, f"{at}.", _OF_BAND)
            band = self._band(each, f"{at}.")
            if band is not None and any(band.severity == other.severity for other in read):
                self._note(f"{at}.severity", "another one than the bands before have", shown(band.severity))
            read += [] if band is None else [band]
        return tuple(sorted(read, key=lambda band: SEVERITIES.index(band.severity)))

    def _band(self, document: dict[str, Any], at: str) -> Band | None:
        severity = self._severity(document, at)
        if "when" not in document:
            self._note(f"{at}when", "present", "nothing")
            return None
        when = self._condition(document["when"], f"{at}when")
        clear = self._condition(document["clear"], f"{at}clear") if "clear" in document else None
        after = self._duration(document, "clear_after", at)
        if after is not None:
            if "clear" in document:
                self._note(f"{at}clear_after", "left out beside `clear`", "both")
            elif when is not None:
                quiet = {"not": conditions.to_document(_at_once(when)), "for_ms": after}
                clear = self._condition(quiet, f"{at}clear_after")
        return None if when is None else Band(severity=severity, when=when, clear=clear)

    def _severity(self, document: dict[str, Any], at: str) -> Severity:
        got = document.get("severity")
        for severity in SEVERITIES:
            if severity == got:
                return severity
        self._note(
            f"{at}severity", f"one of {', '.join(SEVERITIES)}", shown(got) if "severity" in document else "nothing"
        )
        return SEVERITIES[0]

    def _condition(self, document: Any, at: str) -> Condition | None:
        try:
            return conditions.parse(document, None if self._model is None else self._model.metrics)
        except ConditionError as error:
            for field, expected, got in error.problems:
                self._note(f"{at}.{field}" if field else at, expected, got)
            return None

    def _flapping(self, document: Any) -> Flapping | None:
        if not isinstance(document, dict):
            self._note("flapping", "an object with `times` and `within`", shown(document))
            return None
        self._refuse_unknown(document, "flapping.", ("times", "within", "within_ms"))
        times = document.get("times")
        if "times" not in document:
            self._note("flapping.times", "present", "nothing")
            times = 2
        elif type(times) is not int or not 2 <= times <= MAX_FLAPS:  # noqa: PLR2004 - once is no flapping
            self._note("flapping.times", f"an integer from 2 to {MAX_FLAPS}", shown(times))
            times = 2
        within = self._duration(document, "within", "flapping.", required=True)
        return Flapping(times=times, within_ms=within or 1)

    def _actions(self, document: dict[str, Any]) -> Iterator[Action]:
        for at, each in self._objects(document, "actions", MAX_ACTIONS):
            kinds = [kind for kind in _OF_ACTION if kind in each]
            if len(kinds) != 1:
                self._note(at, f"an action with one of {', '.join(_OF_ACTION)}", " and ".join(kinds) or "none of them")
                continue
            self._refuse_unknown(each, f"{at}.", _OF_ACTION[kinds[0]])
            on = self._moments(each, f"{at}.on")
            if kinds[0] == "notify":
                recipients = self._recipients(each["notify"], f"{at}.notify")
                yield Notify(recipients=recipients, on=on or ("raised", "escalated", "cleared"))
            elif kinds[0] == "command":
                yield self._command(each, at, on)
            else:
                yield self._desire(each, at, on)

    def _command(self, document: dict[str, Any], at: str, on: tuple[Moment, ...]) -> Command:
        name = self._key(document["command"], f"{at}.command")
        parameters = self._parameters(document.get("parameters", {}), f"{at}.parameters")
        if self._model is not None and name:
            actuator = self._model.actuators.get(name)
            if actuator is None:
                self._note_actuator(self._model, f"{at}.command", name)
            else:
                self._check(actuator.parameters, parameters, f"{at}.parameters")
        return Command(actuator=name, parameters=parameters, on=on or ("raised",))

    def _desire(self, document: dict[str, Any], at: str, on: tuple[Moment, ...]) -> Desire:
        desired = self._parameters(document["desire"], f"{at}.desire")
        if self._model is not None:
            for name, state in desired.items():
                actuator = self._model.actuators.get(name)
                if actuator is None:
                    self._note_actuator(self._model, f"{at}.desire", name)
                elif state is not None:  # which takes the wish back
                    self._check(actuator.parameters, state, f"{at}.desire.{name}")
        return Desire(desired=desired, on=on or ("raised",))

    def _note_actuator(self, model: DeviceModel, at: str, name: str) -> None:
        known = ", ".join(model.actuators) or "it has none"
        self._note(at, f"an actuator of the model {model.name}: {known}", shown(name))

    def _escalation(self, document: dict[str, Any]) -> Iterator[Escalation]:
        last = 0
        for at, each in self._objects(document, "escalation", MAX_ESCALATIONS):
            self._refuse_unknown(each, f"{at}.", ("after", "after_ms", "notify"))
            after = self._duration(each, "after", f"{at}.", required=True) or last + 1
            if after <= last:
                self._note(f"{at}.after", "longer than the one before", f"{after} ms after {last} ms")
            last = after
            if "notify" not in each:
                self._note(f"{at}.notify", "present", "nothing")
                continue
            yield Escalation(after_ms=after, recipients=self._recipients(each["notify"], f"{at}.notify"))

    def _objects(self, document: dict[str, Any], key: str, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
        objects = document.get(key, [])
        if not isinstance(objects, list) or len(objects) > most:
            self._note(key, f"a list of at most {most}", shown(objects))
            return
        for index, each in enumerate(objects):
            if isinstance(each, dict):
                yield f"{key}[{index}]", each
            else:
                self._note(f"{key}[{index}]", "an object", shown(each))

    def _recipients(self, names: Any, at: str) -> tuple[str, ...]:
        if not isinstance(names, list) or not 1 <= len(names) <= MAX_RECIPIENTS:
            self._note(at, f"a list of 1 to {MAX_RECIPIENTS} recipients", shown(names))
            return ()
        read: list[str] = []
        for index, name in enumerate(names):
            try:
                read.append(parse_thing(name if isinstance(name, str) else ""))
            except IdentityError as error:
                self._note(f"{at}[{index}]", f"a recipient: {error.expected}", shown(name))
        if len(set(read)) < len(read):
            self._note(at, "each recipient once", "one of them twice")
        return tuple(read)

    def _moments(self, document: dict[str, Any], at: str) -> tuple[Moment, ...]:
        """Which moments; none if the document does not say."""
        if "on" not in document:
            return ()
        asked = document["on"]
        if not isinstance(asked, list) or not asked or any(moment not in MOMENTS for moment in asked):
            strange = [moment for moment in asked if moment not in MOMENTS] if isinstance(asked, list) else []
            self._note(at, f"a list of at least one of {', '.join(MOMENTS)}", shown(strange[0] if strange else asked))
            return ()
        return tuple(moment for moment in MOMENTS if moment in asked)

    def _parameters(self, parameters: Any, at: str) -> dict[str, Any]:
        if not isinstance(parameters, dict):
            self._note(at, "an object", shown(parameters))
            return {}
        try:
            size = len(msgspec.json.encode(parameters))
        except (TypeError, ValueError, RecursionError) as error:
            self._note(at, "made of JSON's values", str(error))
            return {}
        if size > MAX_PARAMETERS_BYTES:
            self._note(at, f"at most {MAX_PARAMETERS_BYTES} bytes as JSON", f"{size} bytes")
        return parameters

    def _check(self, of: Mapping[str, Any], value: dict[str, Any], at: str) -> None:
        for wrong in schema.violations(of, value):
            self._note(f"{at}.{wrong.field}".rstrip("."), wrong.expected, wrong.got)

    def _key(self, name: Any, at: str) -> str:
        try:
            return parse_metric(name if isinstance(name, str) else "")
        except IdentityError as error:
            self._note(at, f"an actuator: {error.expected}", shown(name))
            return ""

    def _line(self, document: dict[str, Any], key: str, most: int, *, of_rule: str) -> str:
        text = document.get(key, of_rule)
        if isinstance(text, str) and text.strip() and len(text) <= most and _A_LINE.fullmatch(text):
            return text
        if text:
            self._note(key, f"a line of 1 to {most} characters", shown(text))
        return ""

    def _text(self, document: dict[str, Any], key: str, most: int) -> str:
        text = document.get(key, "")
        if isinstance(text, str) and len(text) <= most and _A_TEXT.fullmatch(text):
            return text
        self._note(key, f"a text of at most {most} characters", shown(text))
        return ""

    def _message(self, document: dict[str, Any]) -> str:
        text = self._text(document, "message", MAX_MESSAGE_CHARS)
        try:
            template = compile_template(text)
        except RuleError as error:
            for _, expected, got in error.problems:
                self._note("message", expected, got)
            return text
        known = template.metrics if self._model is None else self._model.metrics.keys()
        for name in sorted(template.metrics - known):
            self._note("message", f"a template over {', '.join(known)}", shown(f"{{{name}}}"))
        return text

    def _boolean(self, document: dict[str, Any], key: str, *, default: bool) -> bool:
        value = document.get(key, default)
        if isinstance(value, bool):
            return value
        self._note(key, "true or false", shown(value))
        return default

    def _duration(self, document: dict[str, Any], key: str, at: str, *, required: bool = False) -> int | None:
        if required and key not in document and f"{key}_ms" not in document:
            self._note(f"{at}{key}", "present", "nothing")
        return read_duration(
            document, key, 1, MAX_DURATION_MS, lambda wrong, expected, got: self._note(f"{at}{wrong}", expected, got)
        )

    def _refuse_unknown(self, document: dict[str, Any], at: str, known: tuple[str, ...]) -> None:
        for key in document:
            if key not in known:
                self._note(f"{at}{key}", f"one of {', '.join(known)}", "a key that is none of them")

    def _note(self, at: str, expected: str, got: str) -> None:
        self.problems.append((at, expected, got))


def _at_once(condition: Condition) -> Condition:
    """What it waits for, without its own wait: that begins anew when it fires, and until it is over would look like
    quiet.
    """
    match condition:
        case NoData():
            return condition
        case Comparison():
            return msgspec.structs.replace(condition, for_ms=0, count=1, of=None)
    return msgspec.structs.replace(condition, for_ms=0)
