"""`actuator list`, `set` and `safe`: what the device moves."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from device_agent.cli.configured import offline
from device_agent.cli.exits import Exit, UsageError
from device_agent.cli.groups import Group, seconds
from device_agent.cli.output import show
from device_agent.cli.running import answers, ask
from device_agent.errors import ActuatorError, ControlError, NotRunningError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from device_agent.config.agent import AgentConfig

SAFE_S = 5.0
"""An agent that takes longer to make its outputs safe is taken for one that hangs."""


def add(commands: Group) -> None:
    group = commands.group("actuator", "the actuators")
    group.command("list", "what each actuator is doing, as read back; needs a running agent", _list)
    about = "command an actuator, within its limits; without a running agent only for a time, then it is made safe"
    move = group.command("set", about, _set)
    move.add_argument("name", metavar="NAME", help="the actuator, as the configuration calls it")
    move.add_argument("parameters", nargs="+", metavar="KEY=VALUE", help="a parameter of the model, such as on=true")
    about = "without a running agent: hold it for so long, 1 to 3600 s"
    move.add_argument("--hold", type=seconds(1, 3600), metavar="S", help=about)
    group.command("safe", "bring every actuator to its safe state, whether an agent runs or not", _safe)


def _list(options: argparse.Namespace) -> int:
    show(options, ask(offline(options), "actuators"))
    return Exit.DONE


def _set(options: argparse.Namespace) -> int:
    parameters = _parameters(options.parameters)
    _must_be_text(options.name)
    config = offline(options)
    request = {"name": options.name, "parameters": parameters}
    if options.hold is None:
        outcome = _asked(config, request)
    elif answers(config, "status") is not None:
        raise UsageError("--hold is for a device without a running agent; here one runs: use the actuator's for_s")
    else:
        import asyncio

        from device_agent.cli.holding import hold

        outcome = asyncio.run(hold(config, options.name, parameters, options.hold))
    if outcome["status"] != "SUCCEEDED":
        raise ActuatorError(f"{options.name}: {outcome['status']}: {outcome['reason']}")
    show(options, outcome, f"{options.name}: {json.dumps(outcome['truth'])}")
    return Exit.DONE


def _asked(config: "AgentConfig", request: dict[str, Any]) -> dict[str, Any]:
    try:
        outcome: dict[str, Any] = ask(config, "actuator.set", request)
    except NotRunningError as error:
        hint = "--hold S moves it without one, and makes it safe after S seconds"
        raise NotRunningError(f"{error}; {hint}") from error
    return outcome


def _safe(options: argparse.Namespace) -> int:
    config = offline(options)
    faults = _safe_by_agent(config)
    if faults is None:
        from device_agent.actuators.making import make_all_safe

        faults = make_all_safe(config.actuators, config.gpio)
    names = [actuator.name for actuator in config.actuators]
    if faults:
        raise ActuatorError("; ".join(f"{name} is not safe: {reason}" for name, reason in faults.items()))
    show(options, {"safe": names}, f"safe: {', '.join(names) or 'there are no actuators'}")
    return Exit.DONE


def _safe_by_agent(config: "AgentConfig") -> "Mapping[str, str] | None":
    """Why actuators are not safe, by name; None if no agent answers: one that hangs must not keep them from it."""
    try:
        found: Mapping[str, str] = ask(config, "actuator.safe", timeout_s=SAFE_S)["faults"]
    except ControlError:
        return None
    return found


def _parameters(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        _must_be_text(text)
        key, value = _parameter(text)
        if key in found:
            raise UsageError(f"expected each parameter once, got another {key!r}")
        found[key] = value
    return found


def _must_be_text(argument: str) -> None:
    """Arguments may be any bytes; those that are no text are no name or value either."""
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"expected a text, got {argument!r}") from error


def _parameter(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`: what JSON can read is that, anything else a text."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"expected KEY=VALUE such as on=true, got {text!r}")
    try:
        return key, json.loads(value)
    except RecursionError as error:
        raise UsageError(f"{key}: expected a value that is not nested so deeply") from error
    except ValueError:
        return key, value
