"""Named shadows through AWS IoT's data endpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.domain.shadows import Shadow, ShadowName, shadow_of
from functions.errors import ShadowError

if TYPE_CHECKING:
    from mypy_boto3_iot_data import IoTDataPlaneClient

_VERSION = 1
_GONE = frozenset({"ResourceNotFoundException"})
_MOVED = frozenset({"ConflictException"})


class IotShadows:
    def __init__(self, client: "IoTDataPlaneClient") -> None:
        self._client = client

    def read(self, thing: str, name: ShadowName) -> Shadow | None:
        try:
            answer = self._client.get_thing_shadow(thingName=thing, shadowName=name.value)
            return _shadow(answer["payload"].read())
        except ClientError as exc:
            if error_code(exc) in _GONE:
                return None
            raise ShadowError(f"reading the shadow {name} of {thing}: {exc}") from exc
        except BotoCoreError as exc:
            raise ShadowError(f"reading the shadow {name} of {thing}: {exc}") from exc

    def update(self, thing: str, name: ShadowName, patch: Mapping[str, Any], version: int) -> Shadow | None:
        document: dict[str, Any] = {"state": {"desired": {"v": _VERSION, "values": patch}}}
        if version:
            document["version"] = version
        try:
            self._client.update_thing_shadow(
                thingName=thing, shadowName=name.value, payload=msgspec.json.encode(document)
            )
        except ClientError as exc:
            if error_code(exc) in _MOVED:
                return None
            raise ShadowError(f"updating the shadow {name} of {thing}: {exc}") from exc
        except BotoCoreError as exc:
            raise ShadowError(f"updating the shadow {name} of {thing}: {exc}") from exc
        # The answer to an update holds only what was sent.
        after = self.read(thing, name)
        if after is None:
            raise ShadowError(f"the shadow {name} of {thing} was deleted right after it was updated")
        return after


def _shadow(payload: bytes) -> Shadow:
    try:
        return shadow_of(msgspec.json.decode(payload, type=dict[str, Any]))
    except (msgspec.DecodeError, ValueError) as exc:
        raise ShadowError(f"AWS IoT answered with a shadow that cannot be read: {exc}") from exc
