"""What the device is set to from afar: judged against the model and the whole configuration, kept, and taken back.

A set of values is adopted whole or not at all, so what runs is always one that was judged as it is. Values are
those of the model's configuration; those that nobody set have the model's default.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from contract import schema
from device_agent.clock import Clock
from device_agent.config.agent import AgentConfig, ConfigFiles
from device_agent.errors import ConfigError, QueueError, SettingsError
from device_agent.settings.trial import SettingsState
from device_agent.shadow.patch import EVERYTHING

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

SECTION: Final = "settings"
MAX_BYTES: Final = 8 * 1024
"""As JSON. AWS IoT's shadows hold as much."""


class StateStore(Protocol):
    """The part of Storage that is needed here."""

    async def read_state(self, section: str) -> Any | None: ...
    async def write_state(self, section: str, value: Any) -> None: ...


class Settings:
    """Which values are in force, and the configuration that follows from them."""

    def __init__(self, files: ConfigFiles, store: StateStore, *, clock: Clock, log: "LoggerAdapter[Logger]") -> None:
        """Raises ConfigError if the files cannot be used with the model's defaults."""
        self._files = files
        self._store = store
        self._clock = clock
        self._log = log
        self._defaults = files.configure()
        self._unsaved = False
        self.state = SettingsState()
        self.config = self._confirmed = self._defaults
        self.reverted_at_start: str | None = None
        """Why `start` took settings back, until that is told."""

    @property
    def values(self) -> dict[str, Any]:
        """Everything in force, defaults included."""
        return self.state.values(self._defaults.model.default_configuration())

    def report(self) -> dict[str, Any]:
        """As `SettingsState.report` has it."""
        return self.state.report(self._defaults.model.default_configuration())

    async def start(self) -> AgentConfig:
        """Go on with what was stored. What no longer fits the files or the model gives way to what does.

        Whatever was stored, there is a configuration: at the worst the one of the model's defaults.
        """
        stored = await self._stored()
        self.state = stored.restart(self._clock.boot_ms(), self._clock.machine_boot())
        try:
            self.config = self._confirmed = self.judge(self.state.confirmed)
        except SettingsError as error:
            self._log.error("the stored settings cannot be used any more, the defaults are: %s", error)
            self.state = self.state.forget(str(error))
        if self.state.trial is not None:
            try:
                self.config = self.judge(self.state.trial.values)
            except SettingsError as error:
                self.state = self.state.refuse(f"it cannot be used any more: {error}")
        if self.state != stored:
            await self.save()
        if self.state.refused is not None and self.state.refused != stored.refused:
            self.reverted_at_start = self.state.refused.reason
        return self.config

    def judge(self, values: Mapping[str, Any]) -> AgentConfig:
        """The configuration that would run with these values.

        Raises:
            SettingsError: they cannot be used; `reasons` has an entry for each key that is wrong.
        """
        if (size := len(json.dumps(values))) > MAX_BYTES:
            raise SettingsError({EVERYTHING: f"expected at most {MAX_BYTES} bytes of JSON, got {size}"})
        model = self._defaults.model
        wrong = list(schema.violations(model.configuration, {**model.default_configuration(), **values}))
        if wrong:
            raise SettingsError({key or EVERYTHING: f"expected {expected}, got {got}" for key, expected, got in wrong})
        try:
            return self._files.configure(values)
        except ConfigError as error:
            reasons: dict[str, list[str]] = {}
            for problem in error.problems:
                reasons.setdefault(problem.setting or EVERYTHING, []).append(str(problem))
            raise SettingsError({key: "; ".join(texts) for key, texts in reasons.items()}) from error

    async def adopt(self, values: Mapping[str, Any]) -> AgentConfig:
        """Put values in force, durably, and return their configuration; on trial unless confirmed before.

        Raises:
            SettingsError: they cannot be used or stored; nothing has changed.
        """
        config = self.judge(values)
        state = self.state.adopt(dict(values), self._clock.boot_ms(), self._clock.machine_boot())
        try:
            await self._write(state)
        except QueueError as error:
            # What was written is unknown: the next start must not find the new values in force.
            self._unsaved = True
            raise SettingsError({EVERYTHING: f"cannot be stored: {error}"}) from error
        self.state, self.config = state, config
        return config

    async def confirm(self) -> bool:
        """What is in force stays; False if that cannot be stored now, and it is still on trial."""
        state = self.state.confirm()
        try:
            await self._write(state)
        except QueueError as error:
            self._log.error("the confirmed settings cannot be stored now: %s", error)
            return False
        self.state, self._confirmed = state, self.config
        return True

    async def revert(self, reason: str) -> AgentConfig:
        """Go back to what was confirmed last, also if that cannot be stored now; returns its configuration."""
        self.state, self.config = self.state.refuse(reason), self._confirmed
        await self.save()
        return self.config

    async def save(self) -> None:
        """Store what is in force; if that fails, `retry` does it later."""
        try:
            await self._write(self.state)
        except QueueError as error:
            self._unsaved = True
            self._log.error("the settings cannot be stored now: %s", error)

    async def retry(self) -> None:
        """Store what could not be stored before."""
        if self._unsaved:
            await self.save()

    async def _write(self, state: SettingsState) -> None:
        await self._store.write_state(SECTION, msgspec.to_builtins(state))
        self._unsaved = False

    async def _stored(self) -> SettingsState:
        stored = await self._store.read_state(SECTION)
        if stored is None:
            return SettingsState()
        try:
            return msgspec.convert(stored, SettingsState)
        except msgspec.ValidationError as error:
            self._log.error("the stored settings cannot be read, the model's defaults are used: %s", error)
            return SettingsState()
