"""What befalls a call on its way: it takes time, is refused, loses its answer, or its process ends with it."""

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation.kernel import Crash, Kernel, Task
from tests.simulation.wires import cancelled, client_error

_T = TypeVar("_T")
_FATES = ("crash", "throttle", "conflict", "lost", "repeated", "unreachable")
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
_CONFLICTS = ("put_item", "update_item", "delete_item", "transact_write_items")


class Weather(NamedTuple):
    """Chances of each call, but `stale` (of each read that may be) and `left` (of each batch)."""

    crash: float = 0.0
    throttle: float = 0.0
    conflict: float = 0.0
    lost: float = 0.0
    """The call is done, and its answer lost at every attempt of botocore."""
    repeated: float = 0.0
    """… at the first attempt: botocore repeats it."""
    unreachable: float = 0.0
    """The call is not done."""
    slow: float = 0.0
    stale: float = 0.0
    left: float = 0.0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.1%}" for name, value in self._asdict().items() if value) or "none"


CALM = Weather()
STORM = Weather(
    crash=0.02,
    throttle=0.06,
    conflict=0.06,
    lost=0.03,
    repeated=0.06,
    unreachable=0.04,
    slow=0.05,
    stale=0.7,
    left=0.3,
)


def any_weather(chance: random.Random) -> Weather:
    """From calm to rough, and of each kind by itself."""
    if chance.random() < 0.2:
        return CALM
    roughness = chance.choice([0.01, 0.03, 0.08])

    def some(factor: float = 1.0) -> float:
        return roughness * factor * chance.random() if chance.random() < 0.6 else 0.0

    return Weather(
        crash=some(0.5),
        throttle=some(),
        conflict=some(2),
        lost=some(0.5),
        repeated=some(2),
        unreachable=some(0.5),
        slow=some(2),
        stale=chance.choice([0.0, 0.2, 0.7]),
        left=some(6),
    )


class Air:
    """The weather of a run. Once it is `CALM`, what was begun can come to its end."""

    def __init__(self, kernel: Kernel, chance: random.Random, weather: Weather, tell: Callable[..., None]) -> None:
        self.weather = weather
        self._known: Weather | None = None
        self._fates: list[tuple[str, float]] = []
        self._kernel = kernel
        self._chance = chance
        self._tell = tell

    def lag_ms(self) -> float:
        stale = self.weather.stale
        if not stale or self._chance.random() >= stale:
            return 0.0
        return self._chance.choice((5.0, 50.0, 500.0, 3_000.0))

    def left_out(self, count: int) -> Iterable[int]:
        left = self.weather.left
        if not left or self._chance.random() >= left:
            return ()
        return self._chance.sample(range(count), self._chance.randint(1, count))

    def shuffled(self, items: list[_T]) -> list[_T]:
        if len(items) > 1:
            self._chance.shuffle(items)
        return items

    def latency_ms(self) -> float:
        if self.weather.slow and self._chance.random() < self.weather.slow:
            return self._chance.choice((300.0, 2_000.0, 9_000.0))
        return 1 + 7 * self._chance.random()

    def fate(self) -> str:
        if self.weather is not self._known:
            self._known = self.weather
            self._fates = [(name, chance) for name in _FATES if (chance := getattr(self.weather, name))]
        if not self._fates:
            return ""
        drawn = self._chance.random()
        for name, chance in self._fates:
            drawn -= chance
            if drawn < 0:
                return name
        return ""

    def wire(self, task: Task, name: str, deadline: float) -> "Wire":
        return Wire(self, self._kernel, self._chance, task, name, deadline, self._tell)


class Wire:
    """Of one invocation. At its `deadline` Lambda ends its process."""

    def __init__(
        self,
        air: Air,
        kernel: Kernel,
        chance: random.Random,
        task: Task,
        name: str,
        deadline: float,
        tell: Callable[..., None],
    ) -> None:
        self._air = air
        self._kernel = kernel
        self._chance = chance
        self._task = task
        self._name = name
        self._deadline = deadline
        self._tell = tell

    def sleep(self, seconds: float) -> None:
        self._kernel.pause(seconds * 1000)
        self._live()

    def call(self, service: str, operation: str, request: dict[str, Any], effect: Callable[[], Any]) -> Any:
        kernel, air = self._kernel, self._air
        kernel.pause(air.latency_ms())
        self._live()
        fate = air.fate()
        if not fate:
            return effect()
        self._tell("fate", self._name, fate, service, operation)
        match fate:
            case "crash":
                self._crash(effect)
            case "throttle":
                raise self._throttled(service, operation, request)
            case "conflict" if operation in _CONFLICTS and service == "dynamodb":
                raise self._conflict(operation, request)
            case "lost":
                effect()
                raise ReadTimeoutError(endpoint_url=f"https://{service}")
            case "unreachable":
                raise ConnectionClosedError(endpoint_url=f"https://{service}")
            case "repeated":
                self._unheard(effect)
                kernel.pause(air.latency_ms() * 10)
                self._live()
        return effect()

    def _live(self) -> None:
        if self._kernel.now > self._deadline:
            self._tell("timeout", self._name)
            self._die()

    def _crash(self, effect: Callable[[], Any]) -> None:
        """Before the call, or after it."""
        if self._chance.random() < 0.5:
            self._unheard(effect)
        self._die()

    def _die(self) -> None:
        self._task.dead = True
        raise Crash

    @staticmethod
    def _unheard(effect: Callable[[], Any]) -> None:
        try:
            effect()
        except ClientError:
            return

    def _throttled(self, service: str, operation: str, request: dict[str, Any]) -> ClientError:
        if service != "dynamodb":
            return client_error(operation, "ThrottlingException", "Rate exceeded")
        if operation == "transact_write_items" and self._chance.random() < 0.7:
            code = self._chance.choice(("ThrottlingError", "ProvisionedThroughputExceeded"))
            return self._reasons(code, request)
        return client_error(
            operation, self._chance.choice(_THROTTLED), "The level of configured throughput is exceeded"
        )

    def _conflict(self, operation: str, request: dict[str, Any]) -> ClientError:
        if operation == "transact_write_items":
            return self._reasons("TransactionConflict", request)
        return client_error(operation, "TransactionConflictException", "Transaction is ongoing for the item")

    def _reasons(self, code: str, request: dict[str, Any]) -> ClientError:
        count = len(request["TransactItems"])
        hit = self._chance.randrange(count)
        return cancelled([{"Code": code if at == hit else "None"} for at in range(count)])
