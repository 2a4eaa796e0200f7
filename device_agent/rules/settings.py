"""What `[[rule]]` and `use_model_rules` say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract import conditions, schema
from contract.conditions import Condition
from contract.errors import ConditionError, shown
from contract.models import SEVERITIES, DeviceModel, Metric, Rule, Severity
from device_agent.config.table import Table
from device_agent.pipeline.stages import milliseconds

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MONTH_S: Final = 31 * 86_400.0


@dataclass(frozen=True)
class Action:
    """A command to an actuator of this device, valid by the model's schema."""

    actuator: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class EdgeRule:
    """Fires when `when` holds; clears when `clear` does and `when` does not, without one when `when` no longer does."""

    name: str
    title: str
    severity: Severity
    when: Condition
    clear: Condition | None = None
    on_fire: tuple[Action, ...] = ()
    on_clear: tuple[Action, ...] = ()
    event: bool = True
    stale_after_ms: int | None = None
    """A metric that has not come for so long is unknown."""


@dataclass(frozen=True)
class RulesSettings:
    """The rules that are enabled."""

    rules: tuple[EdgeRule, ...] = ()


def parse_rules(root: Table, model: DeviceModel, metrics: Mapping[str, Metric | None]) -> RulesSettings:
    """Read `[[rule]]` and `use_model_rules` of the root; `metrics` are those that come out of the pipeline.

    A rule of the model that asks for a metric which this device does not have, or for what only the cloud knows, is a
    problem only if it is named.
    """
    reader = _Reader(root, model, metrics)
    own = [reader.own(table) for table in root.tables("rule")]
    return RulesSettings(tuple(rule for rule in (*own, *reader.of_model()) if rule is not None))


class _Reader:
    def __init__(self, root: Table, model: DeviceModel, metrics: Mapping[str, Metric | None]) -> None:
        self._root = root
        self._metrics = metrics
        self._actuators = model.actuators
        named = [table.value("name") for table in root.tables("actuator") if "name" in table]
        self._driven = {name for name in named if isinstance(name, str)}
        self._of_model = {rule.key: rule for rule in model.rules}
        self._names: set[str] = set()

    def own(self, table: Table) -> EdgeRule | None:
        """The rule of a `[[rule]]`; None if it is disabled or cannot be made."""
        name = table.text("name")
        if name and not _NAME.fullmatch(name):
            table.problem("name", "1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit", shown(name))
        if name in self._names:
            table.problem("name", "a name that no other rule has", shown(name))
        self._names.add(name)
        like = None if "when" in table else self._of_model.get(name)
        if like is None and "when" not in table:
            known = ", ".join(self._of_model) or "none"
            table.problem("when", f"a condition, unless the model has a rule of this name ({known})", "nothing")
        when = self._condition(table, "when", None if like is None else like.condition)
        clear = self._condition(table, "clear", None if like is None else like.clear)
        stale_after = table.optional_duration("stale_after_s", minimum=0.1, maximum=_MONTH_S)
        severity = table.choice("severity", SEVERITIES, "warning" if like is None else like.severity)
        rule = EdgeRule(
            name=name,
            title=table.text("title", name if like is None else like.title),
            severity=next(each for each in SEVERITIES if each == severity),
            when=when or _NOTHING,
            clear=clear,
            on_fire=self._actions(table, "do"),
            on_clear=self._actions(table, "do_on_clear"),
            event=table.boolean("event", default=True),
            stale_after_ms=None if stale_after is None else milliseconds(stale_after),
        )
        return rule if table.boolean("enabled", default=True) and when is not None else None

    def of_model(self) -> list[EdgeRule]:
        """The model's rules that are asked for, save those that a `[[rule]]` of the same name stands for."""
        asked = self._root.value("use_model_rules", default=False)
        if isinstance(asked, bool):
            rules = [rule for rule in self._of_model.values() if asked and self._is_measured(rule)]
        elif isinstance(asked, list):
            rules = [rule for index, name in enumerate(asked) if (rule := self._named(index, name)) is not None]
        else:
            self._root.problem("use_model_rules", "true, false or a list of names", shown(asked))
            rules = []
        return [
            EdgeRule(
                name=rule.key,
                title=rule.title,
                severity=rule.severity,
                when=conditions.parse(rule.condition),
                clear=None if rule.clear is None else conditions.parse(rule.clear),
            )
            for rule in rules
            if rule.key not in self._names
        ]

    def _named(self, index: int, name: Any) -> Rule | None:
        rule = self._of_model.get(name) if isinstance(name, str) else None
        if rule is None:
            known = ", ".join(self._of_model) or "none"
            self._root.problem(f"use_model_rules[{index}]", f"a rule of the model: {known}", shown(name))
        elif not self._is_measured(rule):
            expected = f"a rule that a device can judge, over metrics that this one has: {', '.join(self._metrics)}"
            self._root.problem(f"use_model_rules[{index}]", expected, shown(name))
        else:
            return rule
        return None

    def _is_measured(self, rule: Rule) -> bool:
        documents = [rule.condition] if rule.clear is None else [rule.condition, rule.clear]
        parts = [conditions.parse(document) for document in documents]
        asked = {metric for part in parts for metric in conditions.metrics_of(part)}
        return asked <= {None, *self._metrics} and all(map(conditions.fits_the_edge, parts))

    def _condition(self, table: Table, key: str, default: dict[str, Any] | None) -> Condition | None:
        document = table.value(key, default)
        if document is None:
            return None
        try:
            return conditions.parse(document, self._metrics, edge=True)
        except ConditionError as error:
            for field, expected, got in error.problems:
                table.problem(f"{key}.{field}".rstrip("."), expected, got)
            return None

    def _actions(self, table: Table, key: str) -> tuple[Action, ...]:
        return tuple(self._action(each) for each in table.tables(key))

    def _action(self, table: Table) -> Action:
        name = table.text("actuator")
        parameters = table.value("parameters", {})
        actuator = self._actuators.get(name)
        if name and actuator is None:
            known = ", ".join(self._actuators) or "it has none"
            table.problem("actuator", f"an actuator of the model: {known}", shown(name))
        elif name and name not in self._driven:
            table.problem("actuator", "one that an [[actuator]] drives", shown(name))
        if not isinstance(parameters, dict):
            table.problem("parameters", "a table", shown(parameters))
            return Action(name, {})
        for wrong in schema.violations(actuator.parameters, parameters) if actuator is not None else ():
            table.problem(f"parameters.{wrong.field}".rstrip("."), wrong.expected, wrong.got)
        return Action(name, parameters)


_NOTHING: Final = conditions.AnyOf(parts=())  # stands in for a condition that cannot be read
