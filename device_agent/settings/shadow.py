"""The shadow `config`: what is desired is put in force if it can be used, and taken back if the device is then alone.

What is desired is adopted whole or not at all. Reported are the values in force, defaults included, and for each
desired key that was rejected or taken back the reason.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from device_agent.clock import Clock
from device_agent.config.agent import AgentConfig
from device_agent.errors import SettingsError
from device_agent.settings.settings import Settings
from device_agent.settings.trial import UNREACHABLE_MS, Proof
from device_agent.shadow.named import NamedShadow
from device_agent.shadow.patch import EVERYTHING, shortened

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    from device_agent.link import Link

NAME: Final = "config"
LOOK_S: Final = 5.0
"""How often a trial is looked at, and what could not be stored is tried again."""

Apply = Callable[[AgentConfig], Awaitable[None]]
"""Switch to a configuration wholly, or raise; called with the one before if it raised."""


class ConfigShadow:
    """Made before the link runs; `run` works until it is cancelled. `settings` has been started."""

    def __init__(
        self,
        settings: Settings,
        link: "Link",
        *,
        apply: Apply,
        event: Callable[[str, dict[str, Any]], None],
        clock: Clock,
        random: Random,
        log: "LoggerAdapter[Logger]",
    ) -> None:
        """`event(kind, data)` is told of each change: `config_applied`, `config_rejected`, `config_reverted`."""
        self._settings = settings
        self._link = link
        self._apply = apply
        self._event = event
        self._clock = clock
        self._log = log
        self._shadow = NamedShadow(link, settings.config.thing, NAME, self._on_desired, clock, random, log)
        self._one_at_a_time = asyncio.Lock()
        self._began = clock.boot_ms()
        self._proof: Proof | None = self._new_proof()
        self._applied: AgentConfig | None = settings.config
        self._report(self._refusal())

    async def run(self, beat: Callable[[], None]) -> None:
        """Exchange the shadow and watch over trials for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._shadow.run(beat))
            tasks.create_task(self._watch())

    def contents(self) -> dict[str, Any]:
        """As `SettingsState.report` has it, and the reason for each desired key that is `rejected`."""
        return {**self._settings.report(), "rejected": self._shadow.contents()["rejected"]}

    @property
    def malformed(self) -> int:
        """Messages about the shadow that could not be read."""
        return self._shadow.malformed

    async def _watch(self) -> None:
        while True:
            async with self._one_at_a_time:
                await self._look()
            await self._clock.sleep(LOOK_S)

    async def _look(self) -> None:
        if (reason := self._settings.reverted_at_start) is not None:
            self._settings.reverted_at_start = None
            self._event("config_reverted", {"reason": reason})
        await self._settings.retry()
        if self._applied is None:
            # Somebody cancelled a switch, or the one back failed: half a configuration must not go on running.
            await self._switch(self._settings.config)
        if self._proof is None:
            return
        link = self._link
        passed = self._proof.passed(
            self._clock.boot_ms(),
            connected=link.is_connected,
            resting=link.is_resting,
            connected_at=link.connected_at,
        )
        if passed and await self._settings.confirm():
            self._proof = None
            self._log.info("the new settings are confirmed")
        elif passed is False:
            await self._revert(f"no connection for {UNREACHABLE_MS // 1000} s after the change")

    async def _on_desired(self, values: Mapping[str, Any], version: int) -> None:
        async with self._one_at_a_time:
            state = self._settings.state
            if state.refused is not None and values == state.refused.values:
                self._report(self._refusal())
            elif values == state.in_force and state.refused is None:
                self._report({})
            else:
                await self._take(values, version)

    async def _take(self, values: Mapping[str, Any], version: int) -> None:
        before = self._settings.values
        try:
            config = await self._settings.adopt(values)
        except SettingsError as error:
            self._log.warning("version %d of the desired settings is rejected: %s", version, error)
            self._event("config_rejected", {"version": version, "reasons": shortened(error.reasons)})
            self._report(error.reasons)
            return
        self._proof = self._new_proof()
        after = self._settings.values
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        try:
            if changed & config.follows:
                await self._switch(config)
        except Exception as error:  # noqa: BLE001 - whatever it is, the device goes back
            self._log.exception("the new settings cannot be applied")
            await self._revert(f"they could not be applied: {error}")
            return
        self._log.info("version %d of the desired settings is in force", version)
        self._event("config_applied", {"version": version, "values": self._settings.values})
        self._report({})

    async def _revert(self, reason: str) -> None:
        self._proof = None
        config = await self._settings.revert(reason)
        self._log.warning("back to the settings before: %s", reason)
        self._event("config_reverted", {"reason": reason})
        self._report(self._refusal())
        await self._switch(config)

    async def _switch(self, config: AgentConfig) -> None:
        self._applied = None
        await self._apply(config)
        self._applied = config

    def _new_proof(self) -> Proof | None:
        trial = self._settings.state.trial
        return Proof(trial.since, self._began) if trial else None

    def _refusal(self) -> dict[str, str]:
        """The reason for each key that is set back."""
        refused = self._settings.state.refused
        if refused is None:
            return {}
        kept = self._settings.state.in_force
        keys = [key for key, value in refused.values.items() if key not in kept or kept[key] != value]
        return dict.fromkeys(keys or [EVERYTHING], f"taken back: {refused.reason}")

    def _report(self, rejected: Mapping[str, str]) -> None:
        self._shadow.report(self._settings.values, rejected)
