"""From a file of tests to trials, with everything that is wrong noted under its path."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from contract._condition_notes import is_value
from contract.conditions import ATTRIBUTE, ONLINE
from contract.durations import milliseconds
from contract.errors import IdentityError, shown
from contract.identity import parse_metric, parse_thing
from contract.models import SEVERITIES, Severity
from contract.rules._files import Entry, Problem, Problems, entries
from contract.rules._series import Samples, instant, read_csv, read_series
from contract.rules.rule import MOMENTS, Moment, Rule
from contract.rules.trial import Expected, Trial

__all__ = ["MAX_TRIALS", "read"]

MAX_TRIALS: Final = 1_000
_MAX_EXPECTED: Final = 1_000
_KEYS: Final = ("test", "rule", "device", "attributes", "start", "until", "online", "series", "csv", "expect")
_OF_EXPECTED: Final = (*MOMENTS, "at", "between", "message")
_START: Final = 1_767_225_600_000  # 2026-01-01: some day, so that schedules have one


class _Times(NamedTuple):
    start: int
    relative: bool


def read(text: bytes | str, source: str, rules: Mapping[str, Rule], folder: Path | None) -> list[Trial]:
    """See `contract.rules.trial.read_trials`."""
    problems, trials = Problems(source), []
    for index, entry in enumerate(entries(text, source)):
        if index == MAX_TRIALS:
            problems.note(("", f"at most {MAX_TRIALS} tests", "more"), entry.line(""))
            break
        reader = _Reader(rules, folder)
        trial = reader.trial(entry, source)
        name = entry.value.get("test") if isinstance(entry.value, dict) else None
        problems.note_all(tuple(reader.problems), entry, name if isinstance(name, str) else f"[{index}]")
        trials += [] if trial is None else [trial]
    problems.raise_any()
    return trials


class _Reader:
    """Reads one test. What it returns is of use only if there are no `problems`."""

    def __init__(self, rules: Mapping[str, Rule], folder: Path | None) -> None:
        self.problems: list[Problem] = []
        self._rules = rules
        self._folder = folder

    def trial(self, entry: Entry, source: str) -> Trial | None:
        document = entry.value
        if not isinstance(document, dict):
            self._note("", "a test: an object", shown(document))
            return None
        for key in document:
            if key not in _KEYS:
                self._note(key, f"one of {', '.join(_KEYS)}", "a key that is none of them")
        rule = self._rule(document)
        samples = Samples()
        if "csv" in document:
            read_csv(document["csv"], self._folder, "csv", samples, self._note)
        times = self._times(document, samples)
        self._series(document, times, samples)
        expected = self._expected(document, times)
        ordered = tuple(sorted(samples.by_time.items()))
        last = max([times.start, *(at for at, _ in ordered), *(each.latest for each in expected)])
        until = self._time(document["until"], times, "until") if "until" in document else last
        device, name = self._device(document)
        if rule is None:
            return None
        return Trial(
            name=self._name(document),
            source=source,
            line=entry.line(""),
            rule=rule,
            start=times.start,
            until=until,
            samples=tuple(each for each in ordered if each[0] <= until),
            expected=tuple(expected),
            device=device,
            device_name=name,
            relative=times.relative,
        )

    def _name(self, document: dict[str, Any]) -> str:
        name = document.get("test")
        if isinstance(name, str) and name.strip():
            return name
        self._note("test", "a name: what this test shows", shown(name) if "test" in document else "nothing")
        return ""

    def _rule(self, document: dict[str, Any]) -> Rule | None:
        name = document.get("rule")
        rule = self._rules.get(name) if isinstance(name, str) else None
        if rule is None:
            known = ", ".join(sorted(self._rules)) or "none"
            self._note("rule", f"the id of a rule: {known}", shown(name) if "rule" in document else "nothing")
        elif not rule.bands:
            self._note("rule", "a rule with a condition", f"{name}, which only disables one of a model")
            return None
        return rule

    def _times(self, document: dict[str, Any], samples: Samples) -> _Times:
        if "start" in document:
            start = instant(document["start"], 0)
            if start is None or milliseconds(document["start"]) is not None:
                self._note("start", "an RFC 3339 time such as 2026-01-31T08:00:00Z", shown(document["start"]))
            return _Times(start or 0, relative=False)
        if samples.by_time:
            return _Times(min(samples.by_time), relative=False)
        return _Times(_START, relative=True)

    def _series(self, document: dict[str, Any], times: _Times, samples: Samples) -> None:
        series = document.get("series", {})
        if not isinstance(series, dict):
            self._note("series", "an object from metrics to their samples", shown(series))
            series = {}
        for name, each in series.items():
            try:
                read_series(parse_metric(name), each, times.start, f"series.{name}", samples, self._note)
            except IdentityError as error:
                self._note(f"series.{name}", f"of a metric: {error.expected}", shown(name))
        if "online" in document:
            online = document["online"]
            online = {"at": "0s", "value": online} if isinstance(online, bool) else online
            read_series(ONLINE, online, times.start, "online", samples, self._note)
        attributes = document.get("attributes", {})
        if not isinstance(attributes, dict) or not all(is_value(value) for value in attributes.values()):
            self._note("attributes", "an object from keys to values", shown(attributes))
            return
        for key, value in attributes.items():
            samples.add(times.start, f"{ATTRIBUTE}{key}", value)

    def _expected(self, document: dict[str, Any], times: _Times) -> list[Expected]:
        if "expect" not in document:
            self._note("expect", "a list of what is to become of the alarm, which may be empty", "nothing")
        asked = document.get("expect", [])
        if not isinstance(asked, list) or len(asked) > _MAX_EXPECTED:
            self._note("expect", f"a list of at most {_MAX_EXPECTED}", shown(asked))
            return []
        found = [self._step(each, times, f"expect[{index}]") for index, each in enumerate(asked)]
        return [each for each in found if each is not None]

    def _step(self, document: Any, times: _Times, at: str) -> Expected | None:
        if not isinstance(document, dict):
            self._note(at, "an object such as {at: 5m, raised: major}", shown(document))
            return None
        for key in document:
            if key not in _OF_EXPECTED:
                self._note(f"{at}.{key}", f"one of {', '.join(_OF_EXPECTED)}", "a key that is none of them")
        kinds: list[Moment] = [moment for moment in MOMENTS if moment in document]
        if len(kinds) != 1:
            self._note(at, f"an object with one of {', '.join(MOMENTS)}", " and ".join(kinds) or "none of them")
            return None
        if ("at" in document) == ("between" in document):
            self._note(at, "an object with either `at` or `between`", "both" if "at" in document else "neither")
            return None
        between = document["between"] if "between" in document else [document["at"]] * 2
        if not isinstance(between, list) or len(between) != 2:  # noqa: PLR2004 - from and to
            self._note(f"{at}.between", "a list of two times", shown(between))
            return None
        where = f"{at}.{'at' if 'at' in document else 'between'}"
        earliest = self._time(between[0], times, where)
        latest = self._time(between[1], times, where) if "between" in document else earliest
        if latest < earliest:
            self._note(where, "a list of two times, the earlier first", shown(between[1]))
        message = document.get("message")
        if message is not None and not isinstance(message, str):
            self._note(f"{at}.message", "a text", shown(message))
        return Expected(kinds[0], self._severity(document[kinds[0]], f"{at}.{kinds[0]}"), earliest, latest, message)

    def _severity(self, severity: Any, at: str) -> Severity | None:
        """Of a step; any will do if it is said with `true`."""
        if severity is True:
            return None
        for known in SEVERITIES:
            if known == severity:
                return known
        self._note(at, f"one of {', '.join(SEVERITIES)}, or true for any", shown(severity))
        return None

    def _time(self, text: Any, times: _Times, at: str) -> int:
        when = instant(text, times.start)
        if when is not None and when >= times.start:
            return when
        self._note(at, "a duration after the start such as 5m, or an RFC 3339 time not before it", shown(text))
        return times.start

    def _device(self, document: dict[str, Any]) -> tuple[str, str]:
        device = document.get("device", {})
        if not isinstance(device, dict) or not device.keys() <= {"id", "name"}:
            self._note("device", "an object with id and name", shown(device))
            return "", ""
        try:
            thing = parse_thing(device.get("id", "device"))
        except (IdentityError, TypeError) as error:
            self._note("device.id", getattr(error, "expected", "a text"), shown(device.get("id")))
            thing = ""
        name = device.get("name", thing)
        if not isinstance(name, str):
            self._note("device.name", "a text", shown(name))
        return thing, str(name)

    def _note(self, at: str, expected: str, got: str) -> None:
        self.problems.append((at, expected, got))
