"""The kinds of actuator: what each can be told, and which levels at which pins that means. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from device_agent.actuators.lines import Line, Step
from device_agent.config.table import Table

Parameters = Mapping[str, Any]

FOR_S: Final[Mapping[str, Any]] = {"type": "number", "minimum": 0.1, "maximum": 31_536_000}
"""Every kind takes `for_s`: go back after so many seconds."""
LONGEST_TRAVEL_S: Final = 600.0
DEFAULT_PWM_HZ: Final = 100
FASTEST_PWM_HZ: Final = 10_000
"""What lgpio makes in software."""


class Kind(Protocol):
    """How parameters become levels, and levels a truth in the words of the parameters."""

    @property
    def lines(self) -> tuple[Line, ...]: ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """What it can be told, as the schema of an object; a model may allow less."""
        ...

    def plan(self, parameters: Parameters) -> tuple[Step, ...]:
        """The steps that bring it there; the last one is for good."""
        ...

    def truth(self, levels: Mapping[int, float], reached: Parameters | None) -> dict[str, Any]:
        """What is true at these levels; `reached` is what was last brought to its end. None is: nobody knows."""
        ...

    def is_on(self, parameters: Parameters) -> bool:
        """Whether it does something (it is closed, open, turning) by these parameters, or may do so by this truth."""
        ...


@dataclass(frozen=True)
class Contact:
    """A relay or a switch: one line, on or off. A valve of one line is the same in other words: `word` is `open`."""

    line: Line
    word: str = "on"

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self.line,)

    @property
    def schema(self) -> Mapping[str, Any]:
        return _object({self.word: {"type": "boolean"}})

    def plan(self, parameters: Parameters) -> tuple[Step, ...]:
        return (Step({self.line.pin: 1.0 if parameters[self.word] else 0.0}),)

    def truth(self, levels: Mapping[int, float], reached: Parameters | None) -> dict[str, Any]:  # noqa: ARG002
        return {self.word: levels[self.line.pin] > 0}

    def is_on(self, parameters: Parameters) -> bool:
        return parameters[self.word] is not False


@dataclass(frozen=True)
class MotorisedValve:
    """A valve that one line opens and another closes, each driven for `travel_s` and then let go."""

    opening: Line
    closing: Line
    travel_s: float

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self.opening, self.closing)

    @property
    def schema(self) -> Mapping[str, Any]:
        return _object({"open": {"type": "boolean"}})

    def plan(self, parameters: Parameters) -> tuple[Step, ...]:
        driven, other = self.opening.pin, self.closing.pin
        if not parameters["open"]:
            driven, other = other, driven
        return Step({driven: 1.0, other: 0.0}, self.travel_s), Step({driven: 0.0, other: 0.0})

    def truth(self, levels: Mapping[int, float], reached: Parameters | None) -> dict[str, Any]:
        moving = any(levels[line.pin] > 0 for line in self.lines)
        return {"open": None if moving or reached is None else reached["open"]}

    def is_on(self, parameters: Parameters) -> bool:
        return parameters["open"] is not False


@dataclass(frozen=True)
class Motor:
    """A motor at a driver or an H-bridge: speed −1 to 1 as a duty cycle, backward only with a line for it."""

    forward: Line
    backward: Line | None = None
    enable: Line | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for line in (self.forward, self.backward, self.enable) if line is not None)

    @property
    def schema(self) -> Mapping[str, Any]:
        return _object({"speed": {"type": "number", "minimum": -1 if self.backward else 0, "maximum": 1}})

    def plan(self, parameters: Parameters) -> tuple[Step, ...]:
        speed = float(parameters["speed"])
        levels = {self.forward.pin: max(speed, 0.0)}
        if self.backward is not None:
            levels[self.backward.pin] = max(-speed, 0.0)
        if self.enable is not None:
            levels[self.enable.pin] = 1.0 if speed else 0.0
        return (Step(levels),)

    def truth(self, levels: Mapping[int, float], reached: Parameters | None) -> dict[str, Any]:  # noqa: ARG002
        if self.enable is not None and not levels[self.enable.pin]:
            return {"speed": 0.0}
        backward = 0.0 if self.backward is None else levels[self.backward.pin]
        return {"speed": round(levels[self.forward.pin] - backward, 3)}

    def is_on(self, parameters: Parameters) -> bool:
        return bool(parameters["speed"] != 0)


def parse_contact(table: Table) -> Kind:
    return Contact(Line(table.pin("pin"), _active_high(table)))


def parse_valve(table: Table) -> Kind:
    """One line that holds it open, or one to open it and one to close it."""
    active_high = _active_high(table)
    if "open_pin" not in table and "close_pin" not in table:
        return Contact(Line(table.pin("pin"), active_high), "open")
    return MotorisedValve(
        Line(table.pin("open_pin"), active_high),
        Line(table.pin("close_pin"), active_high),
        table.duration("travel_s", minimum=0.1, maximum=LONGEST_TRAVEL_S),
    )


def parse_motor(table: Table) -> Kind:
    active_high = _active_high(table)
    hertz = table.integer("pwm_hz", minimum=1, maximum=FASTEST_PWM_HZ, default=DEFAULT_PWM_HZ)
    backward, enable = table.optional_pin("backward_pin"), table.optional_pin("enable_pin")
    return Motor(
        Line(table.pin("forward_pin"), active_high, hertz),
        None if backward is None else Line(backward, active_high, hertz),
        None if enable is None else Line(enable, active_high),
    )


KINDS: Final[Mapping[str, Callable[[Table], Kind]]] = {
    "relay": parse_contact,
    "switch": parse_contact,
    "valve": parse_valve,
    "motor": parse_motor,
}


def _active_high(table: Table) -> bool:
    return table.boolean("active_high", default=True)


def _object(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {**properties, "for_s": FOR_S},
        "required": list(properties),
        "additionalProperties": False,
    }
