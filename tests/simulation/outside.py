"""What else the functions speak to: the lake's stream, the secret of webhooks, and whoever receives them."""

import random
from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.guarded_http import Answered, Unreachable
from tests.simulation.wires import Wire


class Firehose:
    """Of boto3's shape."""

    def __init__(self, lake: list[bytes], wire: Wire) -> None:
        self._lake = lake
        self._wire = wire

    def put_record_batch(self, **request: Any) -> Any:
        def effect() -> Any:
            data = [record["Data"] for record in request["Records"]]
            self._lake.extend(chain.from_iterable(one.splitlines() for one in data))
            return {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "r"} for _ in data]}

        return self._wire.call("firehose", "put_record_batch", request, effect)


class Secrets:
    """Of boto3's shape."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get_secret_value(self, **request: Any) -> Any:
        return self._wire.call("secretsmanager", "get_secret_value", request, lambda: {"SecretString": "s" * 64})


class Unused:
    """A client that nothing here may call."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nothing of the simulation calls {name} of {self._service}")


class Heard(NamedTuple):
    at: float
    id: str
    body: bytes


class Receiver:
    """Whoever receives webhooks: now and then he fails, or takes one and does not say so."""

    def __init__(self, wire: Wire, chance: random.Random) -> None:
        self.heard: list[Heard] = []
        self.failing = 0.0
        self._wire = wire
        self._chance = chance

    def http(self, now: Any) -> type:
        """In the place of `GuardedHttp`."""
        receiver = self

        class Http:
            loopback = False

            def __init__(self, **_: Any) -> None:
                pass

            def post(self, _url: Any, headers: Mapping[str, str], body: bytes) -> Answered:
                return receiver.post(now(), headers, body)

        return Http

    def post(self, now: float, headers: Mapping[str, str], body: bytes) -> Answered:
        def effect() -> Answered:
            if self._chance.random() < self.failing:
                return Answered(self._chance.choice((500, 503, 429)), None, "later")
            self.heard.append(Heard(now, headers["webhook-id"], body))
            return Answered(204, None, "")

        try:
            answered: Answered = self._wire.call("http", "post", {}, effect)
        except (BotoCoreError, ClientError) as exc:
            raise Unreachable(str(exc)) from exc
        return answered
