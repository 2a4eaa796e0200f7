"""The functions as Lambda runs them: real handlers and their real wiring, in environments that live from one
invocation to the next and end with a crash.
"""

import builtins
import logging
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import unwrap
from typing import Any, NamedTuple, Self
from unittest.mock import patch

from aws_lambda_powertools import Logger, Metrics

from functions.adapters import aws
from functions.adapters.backoff import Backoff
from functions.adapters.clock import SystemClock
from functions.bootstrap import clients
from functions.errors import AdapterError, QueueMessageError
from tests.simulation.kernel import Crash, Kernel, Task
from tests.simulation.weather import Air, Wire

_BUILT_IN = re.compile(rf"({'|'.join(name for name in dir(builtins) if name.endswith('Error'))}): ")


class Spec(NamedTuple):
    """`module` is the handler's, `made` its function that makes the service once, `make` what that calls."""

    name: str
    module: Any
    made: str
    make: Callable[[Mapping[str, str]], Any]
    env: Mapping[str, str]
    timeout_s: float


class _Environment:
    def __init__(self) -> None:
        self.service: Any = None


class Running:
    """What the invocation that has its turn works with."""

    def __init__(self, environment: _Environment, wire: Wire) -> None:
        self.environment = environment
        self.wire = wire


class Lambda:
    def __init__(self, kernel: Kernel, air: Air, chance: random.Random, tell: Callable[..., None]) -> None:
        self._kernel = kernel
        self._air = air
        self._chance = chance
        self._tell = tell
        self.bugs: list[str] = []
        """Exceptions that no function should meet: whatever a service does, and a device says, has its own error."""
        self._idle: dict[str, list[_Environment]] = {}
        self._running: dict[Task, Running] = {}
        self._count = 0

    @property
    def running(self) -> Running:
        task = self._kernel.current
        assert task is not None, "nothing runs"
        return self._running[task]

    def sleep(self, seconds: float) -> None:
        self.running.wire.sleep(seconds)

    def call(self, service: str, operation: str, request: dict[str, Any], effect: Callable[[], Any]) -> Any:
        """The wire of whoever runs."""
        return self.running.wire.call(service, operation, request, effect)

    def hear_exception(self, *_args: Any, **_more: Any) -> None:
        """What a handler catches of one record, instead of the log."""
        exc = sys.exc_info()[1]
        if not isinstance(exc, AdapterError | QueueMessageError):
            self._bug(repr(exc))

    def hear_error(self, *_args: Any, problem: str = "", **_more: Any) -> None:
        if _BUILT_IN.match(problem):
            self._bug(problem)

    def _bug(self, what: str) -> None:
        self.bugs.append(what)
        self._tell("bug", what)

    def invoke(self, spec: Spec, records: list[dict[str, Any]], answered: Callable[[Any], None]) -> None:
        """Calls back with what the handler answered, None where it failed."""
        self._count += 1
        name = f"{spec.name}-{self._count}"
        self._tell("invoke", name, [record["messageId"] for record in records])

        def job(task: Task) -> None:
            idle = self._idle.setdefault(spec.name, [])
            # Now and then Lambda takes a new one all the same.
            cold = not idle or self._chance.random() < 0.05
            environment = _Environment() if cold else idle.pop(self._chance.randrange(len(idle)))
            wire = self._air.wire(task, name, self._kernel.now + spec.timeout_s * 1000)
            self._running[task] = Running(environment, wire)
            answer: Any = None
            try:
                if environment.service is None:
                    environment.service = spec.make(spec.env)
                # Without what Powertools puts around it, which writes to the logs.
                answer = unwrap(spec.module.handler)({"Records": records}, None)
            except Crash:
                self._tell("crash", name)
                environment = _Environment()
            except Exception as exc:  # noqa: BLE001 - Lambda keeps the process, and the whole batch has failed
                self._tell("error", name, repr(exc))
                self.hear_exception()
            else:
                self._tell("done", name, [one["itemIdentifier"] for one in answer["batchItemFailures"]])
            if not task.dead:
                idle.append(environment)
            del self._running[task]
            if not self._kernel.closing:
                answered(answer)

        self._kernel.start(job)


class _InTurn:
    """Instead of threads: what would run side by side runs in an order of chance, each call of it a turn of others."""

    def __init__(self, shuffle: Callable[[list[Any]], None]) -> None:
        self._shuffle = shuffle

    def __call__(self, _workers: int) -> "_InTurn":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, call: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        todo = list(enumerate(items))
        self._shuffle(todo)
        results: dict[int, Any] = {}
        problems: dict[int, Exception] = {}
        for at, item in todo:
            try:
                results[at] = call(item)
            except Exception as exc:  # noqa: BLE001 - raised in its place below
                problems[at] = exc
        for at in range(len(todo)):
            if at in problems:
                raise problems[at]
            yield results[at]


@contextmanager
def installed(
    lambdas: Lambda, kernel: Kernel, chance: random.Random, specs: Iterable[Spec], client: Callable[..., Any]
) -> Iterator[None]:
    """The seams at which a process meets the world: clients, clock, waiting, chance, threads."""
    defaults = Backoff.__init__.__kwdefaults__
    assert defaults is not None
    before = dict(defaults)
    defaults |= {
        "sleep": lambdas.sleep,
        "chance": chance.random,
        "monotonic": lambda: kernel.now / 1000,
    }
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    patches = [
        patch.object(Metrics, "add_metric", lambda *_args, **_more: None),
        patch.object(Logger, "exception", lambdas.hear_exception),
        patch.object(Logger, "error", lambdas.hear_error),
        patch.object(clients, "new_client", client),
        patch.object(SystemClock, "now_ms", lambda _self: int(kernel.now)),
        patch.object(aws, "ThreadPoolExecutor", _InTurn(chance.shuffle)),
        patch("secrets.token_hex", lambda count: f"{chance.getrandbits(8 * count):0{2 * count}x}"),
        patch("os.urandom", chance.randbytes),
        patch("random.random", chance.random),
        *(patch.object(spec.module, spec.made, lambda: lambdas.running.environment.service) for spec in specs),
    ]
    try:
        for one in patches:
            one.start()
        yield
    finally:
        for one in reversed(patches):
            one.stop()
        defaults.update(before)
        logging.disable(level)
