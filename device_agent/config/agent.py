"""The agent's configuration: TOML files read into frozen dataclasses, with every problem reported at once.

Each part of the agent reads its own tables; this puts them together. Relative paths are relative to the main file's
folder, also in the files of `conf.d`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contract.models import DeviceModel
from device_agent import gpio
from device_agent.actuators.settings import ActuatorSettings, parse_actuators
from device_agent.config import credentials as config_credentials
from device_agent.config import files as config_files
from device_agent.config import root as config_root
from device_agent.config.following import Following
from device_agent.config.sensors import sensors
from device_agent.config.table import Table
from device_agent.control.place import ControlSettings, parse_control
from device_agent.errors import ConfigError
from device_agent.gpio import GpioSettings
from device_agent.pipeline import PipelineSettings, parse_pipeline
from device_agent.power.power import PowerSettings, parse_power
from device_agent.publishing.budget import BudgetSettings, parse_budget
from device_agent.rules import RulesSettings, parse_rules
from device_agent.sensors import SensorSettings, i2c
from device_agent.sensors.i2c import I2cSettings
from device_agent.time.timekeeper import ClockSettings, parse_clock
from device_agent.transport import Endpoint
from device_agent.transport.making import TransportKind
from device_agent.transport.pkcs11 import Pkcs11Key

MIB: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """Everything the agent is told; docs/agent.md describes each key."""

    thing: str
    model: DeviceModel
    endpoints: tuple[Endpoint, ...]
    transport: TransportKind
    ca: Path
    certificate: Path
    private_key: Path | Pkcs11Key
    queue: Path
    """A directory."""
    queue_max_bytes: int
    state: Path
    """A file."""
    flush_interval_s: float
    keep_alive_s: int
    inflight: int
    basic_ingest: bool
    shutdown_grace_s: float
    log_events: bool
    """Whether warnings and errors of the agent are told to the cloud, as events of the lowest priority."""
    clock: ClockSettings
    power: PowerSettings
    budget: BudgetSettings | None
    gpio: GpioSettings
    i2c: I2cSettings
    sensors: tuple[SensorSettings, ...]
    pipeline: PipelineSettings
    rules: RulesSettings
    actuators: tuple[ActuatorSettings, ...]
    control: ControlSettings
    follows: frozenset[str] = field(default=frozenset(), compare=False)
    """Which settings of the model something here follows: a change of any other changes nothing."""


class ConfigFiles:
    """The files as they were read once, from which a configuration follows for any settings.

    Files that change later do not mix with what runs: they count at the next start.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if a file cannot be read or is not TOML."""
        self.path = path
        self._values, self._problems = config_files.read(path)
        self._gpio: GpioSettings | None = None

    def configure(self, settings: Mapping[str, Any] | None = None, *, connects: bool = True) -> AgentConfig:
        """`settings` are the values of the model's configuration in force; the model's defaults stand for the others.

        Unless it `connects`, what is wrong with certificate, key, CA and transport does not matter: outputs must be
        made safe, and sensors read, without them.

        Raises:
            ConfigError: it cannot be used; `problems` names each file, key, what was expected and what came.
        """
        problems = list(self._problems)
        root = Table(self._values, self.path, "", problems)
        model = config_root.model(root, self.path.absolute().parent)
        config = self._read(root, Following(model, {**model.default_configuration(), **(settings or {})}))
        root.finish()
        if not connects:
            problems = [problem for problem in problems if problem.key not in config_credentials.KEYS]
        if problems:
            raise ConfigError(tuple(problems))
        return config

    def _read(self, root: Table, following: Following) -> AgentConfig:
        model = following.model
        transport, private_key = config_credentials.transport(root)
        queue = config_root.queue(root)
        actuators = parse_actuators(root, model)
        found = sensors(root, following, actuators)
        root.table("pipeline").follow(following)
        for table in root.tables("rule"):
            table.follow(following)
        sensed = [metric for sensor in found for metric in sensor.metrics]
        sensed += [actuator.metric for actuator in actuators if actuator.metric is not None]
        pipeline = parse_pipeline(root.table("pipeline"), model, sensed)
        for metric in pipeline.metrics:
            if metric in model.metrics and model.metrics[metric].derived is not None:
                root.problem(f"metric {metric}", "left to the cloud, which derives it by the model", "made here")
        rules = parse_rules(root, model, pipeline.metrics)
        if not root.tables("sensor") and not root.tables("actuator"):
            root.problem("sensor", "at least one [[sensor]] or [[actuator]]", "none")
        return AgentConfig(
            thing=config_root.thing(root),
            model=model,
            endpoints=config_root.endpoints(root),
            transport=transport,
            ca=config_credentials.file(root, "ca"),
            certificate=config_credentials.file(root, "certificate"),
            private_key=private_key,
            queue=queue,
            queue_max_bytes=root.integer("queue_max_mib", minimum=2, maximum=65_536, default=64) * MIB,
            state=config_root.state(root, queue),
            flush_interval_s=root.duration("flush_interval_s", minimum=0.05, maximum=3600, default=5.0),
            # AWS IoT Core takes 30 s and more; above a minute a dead connection goes unnoticed for too long.
            keep_alive_s=root.integer("keep_alive_s", minimum=30, maximum=60, default=45),
            inflight=root.integer("inflight", minimum=1, maximum=100, default=10),
            basic_ingest=root.boolean("basic_ingest", default=False),
            shutdown_grace_s=root.duration("shutdown_grace_s", minimum=0, maximum=60, default=5.0),
            log_events=root.boolean("log_events", default=True),
            clock=parse_clock(root.table("clock")),
            power=parse_power(root.table("power")),
            budget=parse_budget(root.table("budget")),
            gpio=self._pins(root.table("gpio")),
            i2c=i2c.parse(root.table("i2c")),
            sensors=found,
            pipeline=pipeline,
            rules=rules,
            actuators=actuators,
            control=parse_control(root.table("control"), queue),
            follows=frozenset(following.followed),
        )

    def _pins(self, table: Table) -> GpioSettings:
        """The same object each time: it stands for the pins that are taken, which new settings do not give back."""
        found = gpio.parse(table)
        self._gpio = self._gpio or found
        return self._gpio


def load(path: Path, settings: Mapping[str, Any] | None = None, *, connects: bool = True) -> AgentConfig:
    """Read a configuration: `path`, and `conf.d/*.toml` beside it; the rest as in `ConfigFiles.configure`.

    Raises:
        ConfigError: it cannot be used; `problems` names each file, key, what was expected and what came.
    """
    return ConfigFiles(path).configure(settings, connects=connects)
