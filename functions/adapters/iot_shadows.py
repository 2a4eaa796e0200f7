"""Named shadows through AWS IoT's data endpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.domain.shadows import Shadow, ShadowName
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
    """Tolerant of what a device reports in a form that is not ours: that must not hide what is desired of it."""
    try:
        document = msgspec.json.decode(payload)
        version = int(document["version"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as exc:
        raise ShadowError(f"AWS IoT answered with a shadow that cannot be read: {exc}") from exc
    state = _object(document.get("state"))
    desired, reported = _object(state.get("desired")), _object(state.get("reported"))
    stamps = _object(_object(document.get("metadata")).get("reported"))
    rejected = {key: text for key, text in _object(reported.get("rejected")).items() if isinstance(text, str)}
    return Shadow(
        version=version,
        desired=_object(desired.get("values")),
        reported=_object(reported.get("values")),
        rejected=rejected,
        reported_at=_newest(stamps),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _newest(stamps: Any) -> int | None:
    """The latest of the timestamps in a shadow's metadata, in ms."""
    if not isinstance(stamps, dict):
        return None
    own = stamps.get("timestamp")
    found = [own * 1000] if isinstance(own, int) else []
    found += [inner for value in stamps.values() if (inner := _newest(value)) is not None]
    return max(found, default=None)
