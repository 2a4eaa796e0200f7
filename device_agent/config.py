"""The agent's configuration: one TOML file, read into frozen dataclasses, with every problem reported at once.

Relative paths are relative to the file. Nothing outside it is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract import models
from contract.errors import IdentityError, ModelError, shown
from contract.identity import parse_thing
from contract.models import DeviceModel
from device_agent import config_files
from device_agent.config_following import Following, interval_of
from device_agent.config_table import Table
from device_agent.errors import ConfigError, Problem
from device_agent.sensors import SensorSettings
from device_agent.sensors.kinds import KINDS
from device_agent.transport import Endpoint

DEFAULT_PORT = 8883
MIB = 1024 * 1024


@dataclass(frozen=True)
class AgentConfig:
    """Everything the agent is told; docs/agent.md describes each key."""

    thing: str
    model: DeviceModel
    endpoints: tuple[Endpoint, ...]
    ca: Path
    certificate: Path
    private_key: Path
    queue: Path
    queue_max_bytes: int
    flush_interval_s: float
    keep_alive_s: int
    inflight: int
    basic_ingest: bool
    shutdown_grace_s: float
    sensors: tuple[SensorSettings, ...]


class ConfigFiles:
    """The files as they were read once, from which a configuration follows for any settings.

    Files that change later do not mix with what runs: they count at the next start.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if a file cannot be read or is not TOML."""
        self.path = path
        self._values, self._problems = config_files.read(path)

    def model(self) -> DeviceModel:
        """The device's model. Raises ConfigError."""
        problems: list[Problem] = []
        model = _model(Table(self._values, self.path, "", problems), self.path)
        if problems:
            raise ConfigError(tuple(problems))
        return model

    def configure(self, settings: Mapping[str, Any] | None = None) -> AgentConfig:
        """`settings` are the values of the model's configuration in force; the model's defaults stand for the others.

        Raises:
            ConfigError: it cannot be used; `problems` names each file, key, what was expected and what came.
        """
        problems = list(self._problems)
        root = Table(self._values, self.path, "", problems)
        model = _model(root, self.path)
        following = Following(model, {**model.default_configuration(), **(settings or {})})
        config = AgentConfig(
            thing=_thing(root),
            model=model,
            endpoints=_endpoints(root),
            ca=root.path("ca"),
            certificate=root.path("certificate"),
            private_key=_private_key(root),
            queue=root.path("queue", default="queue.db", must_exist=False),
            queue_max_bytes=root.integer("queue_max_mib", minimum=1, maximum=65_536, default=64) * MIB,
            flush_interval_s=root.number("flush_interval_s", minimum=0.05, maximum=3600, default=5.0),
            # AWS IoT Core takes 30 s and more; above a minute a dead connection goes unnoticed for too long.
            keep_alive_s=root.integer("keep_alive_s", minimum=30, maximum=60, default=45),
            inflight=root.integer("inflight", minimum=1, maximum=100, default=10),
            basic_ingest=root.boolean("basic_ingest", default=False),
            shutdown_grace_s=root.number("shutdown_grace_s", minimum=0, maximum=60, default=5.0),
            sensors=_sensors(root, following),
        )
        root.finish()
        if problems:
            raise ConfigError(tuple(problems))
        return config


def load(path: Path, settings: Mapping[str, Any] | None = None) -> AgentConfig:
    """Read a configuration: `path`, and `conf.d/*.toml` beside it; `settings` as in `ConfigFiles.configure`.

    Raises:
        ConfigError: it cannot be used; `problems` names each file, key, what was expected and what came.
    """
    return ConfigFiles(path).configure(settings)


def _thing(root: Table) -> str:
    thing = root.text("thing")
    try:
        return parse_thing(thing) if thing else thing
    except IdentityError as error:
        root.problem("thing", error.expected, error.got)
        return thing


def _model(root: Table, file: Path) -> DeviceModel:
    """A shipped model by its name, or one from a file if the text looks like a path."""
    shipped = models.shipped()
    name = root.text("model")
    stand_in = next(iter(shipped.values()))
    if not name or name in shipped:
        return shipped.get(name, stand_in)
    if "/" not in name and not name.endswith(".json"):
        root.problem("model", f"one of {', '.join(shipped)}, or the path of a model's file", shown(name))
        return stand_in
    try:
        return models.load(file.absolute().parent / name)
    except ModelError as error:
        root.problem("model", "the path of a device model", str(error))
        return stand_in


def _endpoints(root: Table) -> tuple[Endpoint, ...]:
    endpoints = []
    texts = root.texts("endpoints")
    if not texts and "endpoints" in root:
        root.problem("endpoints", "at least one host:port", "an empty list")
    for index, text in enumerate(texts):
        if (endpoint := _endpoint(text)) is None:
            root.problem(f"endpoints[{index}]", "host or host:port", shown(text))
        else:
            endpoints.append(endpoint)
    return tuple(endpoints)


def _endpoint(text: str) -> Endpoint | None:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != text or parts.username is not None:
        return None
    return Endpoint(host, DEFAULT_PORT if port is None else port)


def _private_key(root: Table) -> Path:
    path = root.path("private_key")
    if path.is_file() and (mode := path.stat().st_mode & 0o777) & 0o077:
        root.problem("private_key", "a file that only its owner may read (mode 0600)", f"{path} with mode {mode:04o}")
    return path


def _sensors(root: Table, following: Following) -> tuple[SensorSettings, ...]:
    model = following.model
    sensors: list[SensorSettings] = []
    names: set[str] = set()
    claimed: dict[str, str] = {}
    tables = root.tables("sensor")
    if not tables:
        root.problem("sensor", "at least one [[sensor]]", "none")
    interval = interval_of(model)
    for index, table in enumerate(tables):
        table.follow(following)
        if interval is not None:
            table.assume("interval_s", interval)
        kind = table.kind(KINDS)
        name = table.text("name", f"{kind or 'sensor'}-{index}")
        if name in names:
            table.problem("name", "a name that no other sensor has", shown(name))
        names.add(name)
        if kind is None:
            continue
        settings = KINDS[kind](table, name, model, tuple(claimed))
        for metric in settings.metrics:
            if metric in claimed:
                table.problem(f"metric {metric}", "a metric that no other sensor produces", f"one of {claimed[metric]}")
            claimed.setdefault(metric, name)
        sensors.append(settings)
    return tuple(sensors)
