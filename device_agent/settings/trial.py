"""New settings are on trial until a connection has stood with them; if none does, the device goes back. Pure.

A connection made after the change proves that the device can be reached with it. So does one that goes on standing for
longer than a dead one can go unnoticed (1.5 keep-alives of at most 60 s).
"""

from typing import Any, Final

import msgspec

UNREACHABLE_MS: Final = 300_000
"""How long a device may be without a connection after a change, before it takes the change back."""
STANDING_MS: Final = 120_000
"""How long the connection that a change came by must go on standing."""
CHANCE_MS: Final = 60_000
"""What an agent that was started again has at least to connect, however long it was away."""
MAX_STARTS: Final = 3
"""How often an agent starts with settings on trial: a device that dies of them would try for ever."""


class Trial(msgspec.Struct, frozen=True):
    """Settings in force and not yet confirmed, since boot time `since` (ms) of that boot of the machine."""

    values: dict[str, Any]
    since: int
    machine_boot: str
    starts: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Settings that were taken back; they are not tried again while they stay desired."""

    values: dict[str, Any]
    reason: str


class SettingsState(msgspec.Struct, frozen=True):
    """What the device was told to be set to: only the keys it was told, the model's defaults hold for the others."""

    confirmed: dict[str, Any] = {}
    trial: Trial | None = None
    refused: Refusal | None = None

    @property
    def in_force(self) -> dict[str, Any]:
        return self.trial.values if self.trial else self.confirmed

    def values(self, defaults: dict[str, Any]) -> dict[str, Any]:
        """Everything in force, the model's defaults included."""
        return {**defaults, **self.in_force}

    def report(self, defaults: dict[str, Any]) -> dict[str, Any]:
        """For people: what is in force, whether it is on trial, and what was taken back and why."""
        return {
            "values": self.values(defaults),
            "on_trial": self.trial is not None,
            "refused": None if self.refused is None else self.refused.values,
            "reason": None if self.refused is None else self.refused.reason,
        }

    def adopt(self, values: dict[str, Any], now: int, machine_boot: str) -> "SettingsState":
        """With other values in force: on trial, unless they are those confirmed before."""
        if values == self.confirmed:
            return SettingsState(self.confirmed)
        return SettingsState(self.confirmed, Trial(values, now, machine_boot))

    def confirm(self) -> "SettingsState":
        return SettingsState(self.in_force)

    def refuse(self, reason: str) -> "SettingsState":
        """Back to what was confirmed; what is on trial will not be tried again."""
        return SettingsState(self.confirmed, None, Refusal(self.in_force, reason))

    def forget(self, reason: str) -> "SettingsState":
        """As if nothing had been confirmed: the model's defaults take its place."""
        return SettingsState({}, self.trial, self.refused or Refusal(self.confirmed, reason))

    def restart(self, now: int, machine_boot: str) -> "SettingsState":
        """As an agent finds it that starts at `now`. In another boot of the machine time is counted afresh."""
        if self.trial is None:
            return self
        if self.trial.starts >= MAX_STARTS:
            return self.refuse(f"no connection in {MAX_STARTS} starts of the agent")
        since = self.trial.since if self.trial.machine_boot == machine_boot else now
        trial = Trial(self.trial.values, min(since, now), machine_boot, self.trial.starts + 1)
        return SettingsState(self.confirmed, trial)


class Proof:
    """Whether a trial has passed, from what is seen of the connection; times are boot time in ms."""

    def __init__(self, since: int, began: int) -> None:
        """The change was at `since`; this agent has looked since `began`."""
        self._since = since
        self._began = began
        self._alone_from = since

    def passed(self, now: int, *, connected: bool, resting: bool, connected_at: int | None) -> bool | None:
        """True once it has, False once the device must go back, None while that is open.

        `resting`: the connection is down on purpose, which says nothing.
        """
        if connected_at is not None and connected_at > self._since:
            return True
        if connected and now - self._since >= STANDING_MS:
            return True
        if connected or resting:
            self._alone_from = now
        elif now - self._alone_from >= UNREACHABLE_MS and now - self._began >= CHANCE_MS:
            return False
        return None
