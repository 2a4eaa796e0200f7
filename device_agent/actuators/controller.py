"""Moves the actuators for everybody who asks, within their limits, and makes them safe when their time is up.

Every decision and the first step of what follows happen without waiting in between, on the event loop: two requests
cannot both find an interlock open.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from contract.telemetry import Value
from device_agent.actuators import Outcome
from device_agent.actuators.actuator import Actuator, Progress
from device_agent.actuators.claims import Claims, Event
from device_agent.actuators.guard import Watch
from device_agent.actuators.kinds import Parameters
from device_agent.actuators.limits import interlock_refusal, min_cycle_refusal, permit_refusal
from device_agent.actuators.settings import ActuatorSettings
from device_agent.clock import Clock
from device_agent.errors import ActuatorError
from device_agent.waiting import first_of

TICK_S: Final = 1.0
"""`run` looks at every actuator, and beats, at least this often."""
BEATS: Final = 8
"""To the guardian, in a watchdog time, at least."""
READY_S: Final = 10.0
"""For the guardian, a process of its own, to be there."""


class Actuators:
    """All actuators of the device. `open` first; then `run` until cancelled; `close` last."""

    def __init__(
        self,
        settings: Sequence[ActuatorSettings],
        *,
        factory: Callable[[], Any],
        watch: Watch,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
        event: Event,
    ) -> None:
        """`factory` gives gpiozero's pin factory or raises GpioError. `event(kind, data)` hears what nobody asked for:
        `actuator_failed`, `actuator_refused` (a rule's request), `actuator_made_safe`.
        """
        self._all = {one.name: Actuator(one) for one in settings}
        self._claims = Claims(self._all.values(), factory, log, event)
        self._watch = watch
        self._watchdog_s = min((one.watchdog_s for one in settings), default=TICK_S)
        self._clock = clock
        self._log = log
        self._event = event
        self._seen: dict[str, tuple[int, Value]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._is_closed = False
        self._watched_at = clock.boot_ms()
        self.ready = asyncio.Event()
        """Set once the guardian watches and every line was tried; until then requests may be refused for that."""

    @property
    def settings(self) -> Mapping[str, ActuatorSettings]:
        return {name: actuator.settings for name, actuator in self._all.items()}

    async def open(self) -> None:
        """Claim every line at its safe level. An actuator whose lines are taken is tried again by `run`."""
        if self._all:
            await asyncio.to_thread(self._claims.load)
            self._claims.attempt(self._clock.boot_ms())

    async def run(self, beat: Callable[[], None]) -> None:
        """Do what is due, and beat for the guardian, for ever; beats every TICK_S or sooner."""
        while True:
            beat()
            self._wake.clear()
            self.tick()
            await first_of(self._wake.wait(), self._clock.sleep(self._until_next_s()))

    async def close(self) -> None:
        """Make everything safe, wait for what takes time, and give the lines back."""
        try:
            self.make_safe("stop")
            while any(actuator.is_moving for actuator in self._all.values()):
                await self._clock.sleep(self._until_next_s())
                self.tick()
        finally:
            self._is_closed = True
            for actuator in self._all.values():
                actuator.settle(Outcome("FAILED", "the agent stops"))
                actuator.close()
            await self._watch.goodbye()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after whatever may have changed the truth. It must not wait or raise."""
        self._listeners.append(listener)

    def observe(self, at: int, values: Mapping[str, Value]) -> None:
        """Metrics as measured at a boot time: what `only_while` looks at."""
        self._seen.update((metric, (at, value)) for metric, value in values.items())
        self._enforce_permits(self._clock.boot_ms())

    async def until_ready(self) -> None:
        """Wait for `ready`, as one may just after a start, but not for longer than READY_S."""
        if not self.ready.is_set():
            await first_of(self.ready.wait(), self._clock.sleep(READY_S))

    def act(self, name: str, parameters: Mapping[str, Any], source: str) -> None:
        """Do as told by somebody who does not wait for the outcome: what is not done is an event."""

        def tell(done: asyncio.Future[Outcome]) -> None:
            if not done.cancelled() and (outcome := done.result()).status != "SUCCEEDED":
                self._log.warning("%s: %s, asked by %s: %s", name, outcome.status, source, outcome.reason)
                told = {"actuator": name, "parameters": dict(parameters), "source": source, "reason": outcome.reason}
                self._event("actuator_refused", told)

        self.submit(name, parameters, source=source).add_done_callback(tell)

    def submit(
        self, name: str, parameters: Mapping[str, Any], *, source: str, progress: Progress | None = None
    ) -> asyncio.Future[Outcome]:
        """Begin to do as told. The future has the outcome once that has ended, often at once, and never an exception;
        a newer request ends it early. `source` says who asks: `command:ID`, `shadow:VERSION`, `rule:NAME`, `control`.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        outcome = self._begin(name, parameters, source)
        if outcome is None:
            self._all[name].waiting.append((future, progress))
        else:
            future.set_result(outcome)
        if outcome is None or outcome.status != "REJECTED":
            self._tell_change()
        return future

    def report(self) -> dict[str, Any]:
        """What is true of each actuator, read back from its pins; None where nobody knows."""
        return {name: actuator.truth() for name, actuator in self._all.items()}

    def metrics(self) -> dict[str, Value]:
        """The metrics of the model that tell what is true of an actuator, where that is known."""
        known: dict[str, Value] = {}
        for actuator in self._all.values():
            (value,) = actuator.truth().values()
            if actuator.settings.metric is not None and value is not None:
                known[actuator.settings.metric] = value
        return known

    def faults(self) -> dict[str, str]:
        """Why actuators cannot be driven, by name."""
        return {name: actuator.fault for name, actuator in self._all.items() if actuator.fault is not None}

    def make_safe(self, source: str) -> None:
        """Send every actuator to its safe state now; what cannot be driven is tried again by `run`."""
        for actuator in self._all.values():
            actuator.plan_return(actuator.settings.safe, None, 0)
            if actuator.is_claimed and not (actuator.settings.is_safe(actuator.target) and actuator.fault is None):
                self._force_safe(actuator, source)
        self._tell_change()

    def tick(self) -> None:
        """Do what is due. After `close`: nothing, whoever still runs."""
        if self._is_closed:
            return
        now = self._clock.boot_ms()
        before = self.report()
        self._watch_over(now)
        self._claims.attempt(now)
        for actuator in self._all.values():
            if actuator.is_claimed:
                self._attend(actuator, now)
        self._enforce_permits(now)
        if self._watch.is_watching:
            self.ready.set()
        if self.report() != before:
            self._tell_change()

    def _begin(self, name: str, parameters: Mapping[str, Any], source: str) -> Outcome | None:
        """The outcome, or None if a movement is under way there."""
        if self._is_closed:
            return Outcome("REJECTED", "the agent stops")
        if (actuator := self._all.get(name)) is None:
            return Outcome("REJECTED", f"no actuator {name!r} here; there are {', '.join(self._all) or 'none'}")
        if (complaint := actuator.settings.complaint(parameters)) is not None:
            return Outcome("REJECTED", complaint)
        target = {key: value for key, value in parameters.items() if key != "for_s"}
        now = self._clock.boot_ms()
        if not actuator.settings.is_safe(target) and (refusal := self._refusal(actuator, target, now)) is not None:
            return Outcome("REJECTED", refusal, actuator.truth())
        actuator.plan_return(target, parameters.get("for_s"), now)
        return self._go(actuator, target, now, source)

    def _go(self, actuator: Actuator, target: Parameters, now: int, source: str) -> Outcome | None:
        self._wake.set()
        try:
            if dict(target) != dict(actuator.target) or actuator.fault is not None:
                actuator.settle(Outcome("FAILED", f"superseded by {source}", actuator.truth()))
                actuator.move(target, now, source)
                self._log.info("%s: %s, by %s", actuator.name, dict(target), source)
            elif actuator.due is None:
                actuator.verify()
        except ActuatorError as error:
            self._fail(actuator, str(error))
            return Outcome("FAILED", str(error), actuator.truth())
        return Outcome("SUCCEEDED", truth=actuator.truth()) if actuator.due is None else None

    def _refusal(self, actuator: Actuator, target: Parameters, now: int) -> str | None:
        """Why it may not go there, which is not its safe state."""
        limits, kind = actuator.settings.limits, actuator.settings.kind
        if not self._watch.is_watching:
            return "no guardian watches over the actuators"
        if actuator.fault is not None:
            return actuator.fault
        if kind.is_on(target) != kind.is_on(actuator.target) and (
            reason := min_cycle_refusal(limits, actuator.changed_at, now)
        ):
            return reason
        if not kind.is_on(target):
            return None
        on = {name: self._all[name].is_on for name in limits.interlock}
        return interlock_refusal(limits, on) or permit_refusal(limits, self._seen, now)

    def _attend(self, actuator: Actuator, now: int) -> None:
        """What time brings to one actuator."""
        if actuator.fault is not None:
            self._force_safe(actuator, actuator.source)
        elif actuator.due is not None and now >= actuator.due:
            try:
                actuator.advance(now)
            except ActuatorError as error:
                self._fail(actuator, str(error))
                return
            if actuator.due is None:
                actuator.settle(Outcome("SUCCEEDED", truth=actuator.truth()))
        for future, progress in actuator.waiting:
            if progress is not None and not future.done():
                progress(actuator.progress(now))
        if (longest := actuator.max_on_at) is not None and now >= longest:
            self._overrule(actuator, f"on for max_on_s ({actuator.settings.limits.max_on_s:g} s)", "max_on")
        elif actuator.revert_at is not None and now >= actuator.revert_at:
            self._go_back(actuator)

    def _go_back(self, actuator: Actuator) -> None:
        """`for_s` has passed."""
        outcome = self._begin(actuator.name, actuator.base, "for_s")
        if outcome is not None and outcome.status == "REJECTED":
            self._overrule(actuator, f"it could not go back: {outcome.reason}", "for_s")

    def _enforce_permits(self, now: int) -> None:
        for actuator in self._all.values():
            on = actuator.settings.kind.is_on(actuator.target)
            if on and (reason := permit_refusal(actuator.settings.limits, self._seen, now)) is not None:
                self._overrule(actuator, reason, "only_while")
                self._tell_change()

    def _watch_over(self, now: int) -> None:
        """Beat for the guardian; without one, nothing stays on for longer than the watchdog time."""
        if self._all:
            self._watch.beat()
        if self._watch.is_watching:
            self._watched_at = now
        elif now - self._watched_at > self._watchdog_s * 1000:
            for actuator in self._all.values():
                if not actuator.settings.is_safe(actuator.target):
                    self._overrule(actuator, "no guardian watches over the actuators", "guardian")

    def _overrule(self, actuator: Actuator, reason: str, source: str) -> None:
        self._log.warning("%s is made safe: %s", actuator.name, reason)
        self._event("actuator_made_safe", {"actuator": actuator.name, "reason": reason, "was": dict(actuator.target)})
        self._force_safe(actuator, source)

    def _force_safe(self, actuator: Actuator, source: str) -> None:
        failing = actuator.fault is not None
        actuator.plan_return(actuator.settings.safe, None, 0)
        actuator.settle(Outcome("FAILED", f"superseded by {source}", actuator.truth()))
        try:
            actuator.move(actuator.settings.safe, self._clock.boot_ms(), source)
        except ActuatorError as error:
            actuator.fault = str(error)
            if not failing:
                self._fail(actuator, str(error))
        if actuator.fault is None:
            self._wake.set()

    def _fail(self, actuator: Actuator, reason: str) -> None:
        """The pins do not do what they were told: try to make it safe, and go on trying."""
        self._log.error("%s failed: %s", actuator.name, reason)
        self._event("actuator_failed", {"actuator": actuator.name, "reason": reason})
        actuator.settle(Outcome("FAILED", reason, actuator.truth()))
        actuator.fault = reason
        self._force_safe(actuator, "failure")

    def _until_next_s(self) -> float:
        now = self._clock.boot_ms()
        dues = [(at - now) / 1000 for actuator in self._all.values() if (at := actuator.next_at) is not None]
        return max(0.0, min([TICK_S, self._watchdog_s / BEATS, *dues]))

    def _tell_change(self) -> None:
        for listener in self._listeners:
            listener()
