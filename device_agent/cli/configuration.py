"""`check` and `config show`: what the configuration files say."""

import argparse

from device_agent.cli.configured import connecting
from device_agent.cli.exits import Exit
from device_agent.cli.groups import Group
from device_agent.cli.output import show
from device_agent.cli.running import answers


def add(commands: Group) -> None:
    commands.command("check", "read the configuration and report every problem in it", _check)
    group = commands.group("config", "the configuration")
    group.command("show", "every value in force, defaults and settings from afar included; no secret", _show)


def _check(options: argparse.Namespace) -> int:
    config = connecting(options)
    sensed = [metric for sensor in config.sensors for metric in sensor.metrics]
    found = {
        "thing": config.thing,
        "model": config.model.name,
        "endpoints": list(map(str, config.endpoints)),
        "sensors": {sensor.name: list(sensor.metrics) for sensor in config.sensors},
        "actuators": [actuator.name for actuator in config.actuators],
        "rules": [rule.name for rule in config.rules.rules],
        "unmodeled": [metric for metric in sensed if metric not in config.model.metrics],
    }
    text = f"{options.config} is fine: {config.thing}, a {config.model.name}"
    if found["unmodeled"]:
        text += f"\nthe model does not know {', '.join(found['unmodeled'])}: stored and shown as unmodeled"
    show(options, found, text)
    return Exit.DONE


def _show(options: argparse.Namespace) -> int:
    from device_agent.cli.plain import plain_config
    from device_agent.cli.stored import settings_report
    from device_agent.config.agent import ConfigFiles
    from device_agent.config.files import drop_ins

    files = ConfigFiles(options.config)
    config = files.configure(connects=False)
    running = answers(config, "shadow")
    settings = (settings_report(config) if running is None else running["config"])["values"]
    found = {
        "files": [str(options.config), *map(str, drop_ins(options.config))],
        "settings": settings,
        **plain_config(files.configure(settings, connects=False)),
    }
    show(options, found)
    return Exit.DONE
