"""What else the functions speak to: the lake's stream, the secret of webhooks, and whoever receives them."""

import random
from collections.abc import Mapping
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.guarded_http import Answered, Unreachable
from tests.simulation.wires import Wire, client_error


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


class Shadows:
    """Of boto3's shape: what is desired of each thing, merged, while the version is as whoever writes it knows."""

    def __init__(self, desired: dict[str, dict[str, Any]], versions: dict[str, int], wire: Wire) -> None:
        self._desired = desired
        self._versions = versions
        self._wire = wire

    def get_thing_shadow(self, **request: Any) -> Any:
        def effect() -> Any:
            thing = request["thingName"]
            if thing not in self._versions:
                raise client_error("GetThingShadow", "ResourceNotFoundException", "No shadow exists")
            state = {"desired": {"v": 1, "values": self._desired[thing]}}
            document = {"state": state, "version": self._versions[thing], "timestamp": 1}
            return {"payload": BytesIO(msgspec.json.encode(document))}

        return self._wire.call("iot-data", "get_thing_shadow", request, effect)

    def update_thing_shadow(self, **request: Any) -> Any:
        def effect() -> Any:
            thing, document = request["thingName"], msgspec.json.decode(request["payload"])
            known = self._versions.get(thing, 0)
            if document.get("version", known) != known:
                raise client_error("UpdateThingShadow", "ConflictException", "Version conflict")
            merged = {**self._desired.get(thing, {}), **document["state"]["desired"]["values"]}
            self._desired[thing] = {key: value for key, value in merged.items() if value is not None}
            self._versions[thing] = known + 1
            return {}

        return self._wire.call("iot-data", "update_thing_shadow", request, effect)


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
