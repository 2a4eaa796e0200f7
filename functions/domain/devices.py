"""A device as the registry knows it, and pages of devices."""

from enum import StrEnum

import msgspec


class Source(StrEnum):
    """Who keeps the entry up to date: the fleet file of the deployment, or people through the API."""

    FLEET = "fleet"
    API = "api"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`group` is a path, such as `plant-1/line-2`. `version` counts the changes of the entry."""

    thing: str
    name: str
    model: str
    group: str
    source: Source
    created_at: int
    updated_at: int
    version: int
    decommissioned: bool = False


class DeviceFilter(msgspec.Struct, frozen=True):
    """Devices in `group` and below, of `model`."""

    group: str | None = None
    model: str | None = None


class DevicePage(msgspec.Struct, frozen=True):
    """Devices ordered by group, then by thing; decommissioned ones are not listed."""

    devices: tuple[Device, ...]
    cursor: str | None


def listing_key(group: str, thing: str) -> str:
    """Sorts devices by group: with the slash at the end, a prefix is one subtree and nothing else."""
    return f"{group}/#{thing}"
