"""The `[[actuator]]` tables: each makes an actuator of the model real, and bounds what it may do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from contract import schema
from contract.errors import shown
from contract.models import Actuator, DeviceModel
from device_agent.actuators.kinds import KINDS, Kind
from device_agent.actuators.limits import Limits, Permit
from device_agent.config.table import Table

MOST_S: Final = 31_536_000.0
SHORTEST_WATCHDOG_S: Final = 1.0
LONGEST_WATCHDOG_S: Final = 300.0
DEFAULT_WATCHDOG_S: Final = 10.0


@dataclass(frozen=True)
class ActuatorSettings:
    """One actuator. `safe` are the parameters of its safe state, `schema` is the model's for all parameters."""

    name: str
    kind: Kind
    schema: Mapping[str, Any]
    safe: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)
    watchdog_s: float = DEFAULT_WATCHDOG_S
    """After so long without a sign of life of the agent it is in its safe state."""
    resume: bool = False
    """Whether what the shadow desired before a restart is taken up again after it."""
    metric: str | None = None

    def is_safe(self, parameters: Mapping[str, Any]) -> bool:
        """Whether these are the parameters of the safe state, for good."""
        return dict(parameters) == dict(self.safe)

    def complaint(self, parameters: Any) -> str | None:
        """What is wrong with parameters by the model, or by what the kind can be told."""
        for one in (self.schema, self.kind.schema):
            for violation in schema.violations(one, parameters):
                return f"{violation.field or 'parameters'}: expected {violation.expected}, got {violation.got}"
        return None


def parse_actuators(root: Table, model: DeviceModel) -> tuple[ActuatorSettings, ...]:
    """Read every `[[actuator]]` of the root table; problems are noted there."""
    tables = root.tables("actuator")
    found: dict[str, ActuatorSettings] = {}
    places: dict[str, Table] = {}
    for table in tables:
        if (settings := _parse(table, model)) is None:
            continue
        if settings.name in found:
            table.problem("name", "an actuator that no other table has", shown(settings.name))
        found[settings.name] = settings
        places[settings.name] = table
    _check_pins(found, places)
    _check_interlocks(found, places)
    return tuple(replace(settings, limits=_both_ways(settings, found.values())) for settings in found.values())


def _parse(table: Table, model: DeviceModel) -> ActuatorSettings | None:
    word = table.kind(KINDS)
    name = table.text("name")
    if word is None:
        return None
    kind = KINDS[word](table)
    if (actuator := model.actuators.get(name)) is None:
        if name:
            known = ", ".join(model.actuators) or "none"
            table.problem("name", f"an actuator of the model {model.name} ({known})", shown(name))
        actuator = Actuator(key=name, title=name, parameters=dict(kind.schema), safe=_off(kind))
    elif (misfit := _misfit(actuator.parameters, kind.schema)) is not None:
        key, expected, got = misfit
        table.problem("kind", f"a model whose actions.{name}.input.{key} is {expected}, for a {word}", got)
    return ActuatorSettings(
        name=name,
        kind=kind,
        schema=actuator.parameters,
        safe=_safe(table, actuator, kind),
        limits=Limits(
            max_on_s=table.optional_duration("max_on_s", minimum=0.1, maximum=MOST_S),
            min_cycle_s=table.duration("min_cycle_s", minimum=0, maximum=MOST_S, default=0.0),
            interlock=frozenset(table.texts("interlock", default=())),
            permits=_permits(table, model),
        ),
        watchdog_s=table.duration(
            "watchdog_s", minimum=SHORTEST_WATCHDOG_S, maximum=LONGEST_WATCHDOG_S, default=DEFAULT_WATCHDOG_S
        ),
        resume=table.boolean("resume", default=False),
        metric=actuator.metric,
    )


def _safe(table: Table, actuator: Actuator, kind: Kind) -> Mapping[str, Any]:
    """What the table or else the model calls safe; a way of being off stands in for what the kind cannot be told."""
    safe = table.value("safe", actuator.safe)
    timed = {"for_s": safe["for_s"]} if isinstance(safe, dict) and "for_s" in safe else {}
    problems = [
        *schema.violations(actuator.parameters, safe),
        *schema.violations(kind.schema, safe),
        *(schema.Violation("for_s", "left out: a safe state lasts", shown(value)) for value in timed.values()),
    ]
    for violation in problems[:1]:
        table.problem(f"safe.{violation.field}".rstrip("."), violation.expected, violation.got)
    return _off(kind) if problems else safe


def _off(kind: Kind) -> dict[str, Any]:
    (word,) = kind.schema["required"]
    return {word: False if kind.schema["properties"][word]["type"] == "boolean" else 0}


def _permits(table: Table, model: DeviceModel) -> tuple[Permit, ...]:
    permits = []
    conditions = table.table("only_while")
    for metric in conditions:
        condition = conditions.table(metric)
        if metric not in model.metrics:
            table.problem(f"only_while.{metric}", f"a metric of the model ({', '.join(model.metrics)})", shown(metric))
        permit = Permit(
            metric,
            minimum=condition.optional_number("min"),
            maximum=condition.optional_number("max"),
            equals=condition.value("equals"),
            within_s=condition.duration("within_s", minimum=0.1, maximum=MOST_S, default=60.0),
        )
        if isinstance(permit.equals, (int, float)) and not isinstance(permit.equals, bool):
            table.problem(f"only_while.{metric}.equals", "true, false or a text", shown(permit.equals))
        if (permit.minimum is None and permit.maximum is None) == (permit.equals is None):
            table.problem(f"only_while.{metric}", "min, max or both, or else equals", shown(sorted(condition)))
        permits.append(permit)
    return tuple(permits)


def _misfit(model: Mapping[str, Any], kind: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Where a model lets through what the kind cannot be told: the key of its schema, what it must be, what it is."""
    properties, able = model.get("properties", {}), kind["properties"]
    for key in kind["required"]:
        if key not in model.get("required", ()):
            return "required", f"a list with {key}", shown(model.get("required"))
    for key, inner in properties.items():
        if key not in able:
            return f"properties.{key}", f"left out (it can be told {', '.join(able)})", "there"
        types = ("number", "integer") if able[key]["type"] == "number" else (able[key]["type"],)
        if inner["type"] not in types:
            return f"properties.{key}.type", " or ".join(types), shown(inner["type"])
    for key in kind["required"]:
        for side, word, sign in (("minimum", "at least", 1), ("maximum", "at most", -1)):
            bound, inner = able[key].get(side), properties[key].get(side)
            if bound is not None and (inner is None or sign * inner < sign * bound):
                return f"properties.{key}.{side}", f"{word} {bound}", shown(inner)
    return None


def _check_pins(found: Mapping[str, ActuatorSettings], places: Mapping[str, Table]) -> None:
    taken: dict[int, str] = {}
    for name, settings in found.items():
        for line in settings.kind.lines:
            if line.pin in taken:
                places[name].problem("pin", "a pin that nothing else uses", f"{line.pin}, which {taken[line.pin]} uses")
            taken.setdefault(line.pin, name)


def _check_interlocks(found: Mapping[str, ActuatorSettings], places: Mapping[str, Table]) -> None:
    for name, settings in found.items():
        limits, table = settings.limits, places[name]
        for other in sorted(limits.interlock):
            if other not in found or other == name:
                table.problem("interlock", f"names of other actuators ({', '.join(sorted(found))})", shown(other))
        safe_is_on = settings.kind.is_on(settings.safe)
        locked = limits.interlock or any(name in other.limits.interlock for other in found.values())
        for key, bound in (("interlock", locked), ("max_on_s", limits.max_on_s), ("only_while", limits.permits)):
            if bound and safe_is_on:
                table.problem(key, "an actuator whose safe state is off", f"{name}, which is on when safe")


def _both_ways(settings: ActuatorSettings, others: Collection[ActuatorSettings]) -> Limits:
    """Never on together holds for both, whichever of the tables says so."""
    names = {other.name for other in others}
    back = {other.name for other in others if settings.name in other.limits.interlock}
    interlock = frozenset(((settings.limits.interlock & names) | back) - {settings.name})
    return replace(settings.limits, interlock=interlock)
