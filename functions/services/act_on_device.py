"""What a rule does to its device: a command, or another desired state. Each once, and never after what came later."""

from contextlib import suppress
from typing import Final

from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.alarms import Transition
from functions.domain.audit import Actor, Note
from functions.domain.command_work import WAITING
from functions.domain.commands import DEFAULT_TIMEOUT_MS, MIN_LIFE_MS, Command, NewCommand, Requester
from functions.domain.deliveries import LATE_ACTION_MS, Answer, Delivery, Order, Outcome, Wanted
from functions.domain.devices import Device
from functions.domain.fences import Fence, Passed
from functions.errors import (
    CommandsError,
    ConflictError,
    ContendedError,
    ForbiddenError,
    NotFoundError,
    PreconditionError,
    RateLimitError,
    RequestError,
)
from functions.ports.clock import Clock
from functions.ports.commands import CommandQueue, CommandStore
from functions.ports.devices import DeviceFinder
from functions.services.commands import Creating
from functions.services.shadows import DeviceShadows

SOURCE: Final = "rules"
"""In the audit, where the address of a caller stands otherwise."""

_WRONG: Final = (ConflictError, ForbiddenError, NotFoundError, PreconditionError, RequestError)


class ActOnDevice:
    def __init__(
        self,
        *,
        registry: DeviceFinder,
        commands: CommandStore,
        creating: Creating,
        queue: CommandQueue,
        shadows: DeviceShadows,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._commands = commands
        self._creating = creating
        self._queue = queue
        self._shadows = shadows
        self._clock = clock

    def perform(self, delivery: Delivery) -> Answer | Passed:
        """Passed where a later step of the rule has acted already. Raises AdapterError where it cannot be done now."""
        about, task = delivery.about, delivery.task
        if about is None:
            raise ValueError(f"{delivery.id}: expected a step of an alarm, got none")
        try:
            if isinstance(task, Order):
                return self._command(delivery, about, task)
            if isinstance(task, Wanted):
                return self._desire(delivery, about, task)
        except RateLimitError as exc:
            wait_ms = exc.retry_after * 1000
            return Answer(outcome=Outcome.FAILED, note=str(exc), retry_after_ms=wait_ms)
        except ContendedError as exc:
            return Answer(outcome=Outcome.FAILED, note=str(exc))
        except _WRONG as exc:
            return Answer(outcome=Outcome.REFUSED, note=str(exc))
        raise ValueError(f"{delivery.id}: expected something to do to a device, got {type(task).__name__}")

    def _command(self, delivery: Delivery, about: Transition, task: Order) -> Answer | Passed:
        known = self._commands.once(about.thing, delivery.once)
        if known is not None:
            return _sent(known)
        device = self._device(about.thing)
        self._creating.check(device, task.actuator, task.parameters)
        self._creating.check_room(about.thing)
        now = self._clock.now_ms()
        new = NewCommand(
            thing=about.thing,
            group=device.group,
            name=task.actuator,
            parameters=task.parameters,
            created_at=now,
            # What comes back later than this finds that the alarm may be long over.
            expires_at=max(delivery.since + LATE_ACTION_MS, now + MIN_LIFE_MS),
            timeout_ms=DEFAULT_TIMEOUT_MS,
            by=Requester(_rule(about), about.title),
        )
        fence = Fence(f"{about.rule}#command#{task.actuator}", f"{delivery.order}#{task.index:02d}")
        made = self._creating.create_in_turn(new, delivery.once, fence, lambda one: _note(delivery, about, one))
        if isinstance(made, Passed):
            return made
        # If this fails the command stands all the same, and the sweep of commands finds it within half a minute.
        with suppress(CommandsError):
            self._queue.wake(about.thing, WAITING, now)
        return _sent(made)

    def _desire(self, delivery: Delivery, about: Transition, task: Wanted) -> Answer | Passed:
        fences = {key: Fence(f"{about.rule}#state#{key}", delivery.order) for key in task.desired}
        done = self._shadows.desire_in_turn(_actor(delivery, about), about.thing, task.desired, fences)
        if isinstance(done, Passed):
            return done
        version = done.wish.version if done.wish else 0
        return Answer(outcome=Outcome.DELIVERED, note=f"desired state {version}")

    def _device(self, thing: str) -> Device:
        device = self._registry.find([thing]).get(thing)
        if device is None:
            raise NotFoundError(f"there is no device {thing!r}")
        return device


def _rule(about: Transition) -> str:
    return f"{Kind.RULE.value}:{about.rule}"


def _actor(delivery: Delivery, about: Transition) -> Actor:
    """A rule may do to its device what an operator may; that it was allowed to was decided when it was installed."""
    grant = Grant(Role.OPERATOR, f"device:{about.thing}")
    return Actor(Principal(_rule(about), Kind.RULE, about.title, (grant,)), delivery.id, SOURCE)


def _note(delivery: Delivery, about: Transition, command: Command) -> Note:
    return Note(
        actor=_actor(delivery, about),
        action="command.send",
        subject_kind="device",
        subject_id=about.thing,
        at=command.created_at,
        after={
            "command": command.id,
            "name": command.name,
            "parameters": command.parameters,
            "expires_at": command.expires_at,
            "alarm": about.alarm,
        },
    )


def _sent(command: Command) -> Answer:
    return Answer(outcome=Outcome.DELIVERED, note=f"command {command.id}")
