"""Finds the laptop cloud that runs for this directory, by the file that it leaves under `.local/<port>/`."""

from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from cli.errors import InputError
from cli.urls import is_loopback

_START = "Start one with `fieldline local up --detach`."


class Instance(msgspec.Struct, frozen=True):
    """The part of instance.json that a sign-in needs."""

    api: str
    user: str
    password: str


class Cloud(msgspec.Struct, frozen=True):
    """The part of instance.json that an errand with AWS credentials needs: `aws` is the local AWS's address."""

    aws: str
    account: str
    region: str
    outputs: dict[str, str]


_Part = TypeVar("_Part", Instance, Cloud)


def find_instance(start: Path, port: int | None) -> Instance:
    """The instance on `port`, or the only one, in the nearest `.local` from `start` upward. Raises InputError."""
    instance, path = _found(start, port, Instance)
    _require_loopback(instance.api, path)
    return instance


def find_cloud(start: Path, port: int | None) -> Cloud:
    """As `find_instance`."""
    cloud, path = _found(start, port, Cloud)
    _require_loopback(cloud.aws, path)
    return cloud


def _require_loopback(address: str, path: Path) -> None:
    if not is_loopback(urlsplit(address).hostname or ""):
        raise InputError(f"{path} names another machine, which no laptop cloud is: {address!r}.")


def _found(start: Path, port: int | None, kind: type[_Part]) -> tuple[_Part, Path]:
    found = _ports(start)
    if not found:
        raise InputError(f"No laptop cloud was started here or above: there is no .local/*/instance.json. {_START}")
    ports = ", ".join(str(known) for known in sorted(found))
    if port is None and len(found) > 1:
        raise InputError(f"Several laptop clouds were started here: choose one with --port ({ports}).")
    chosen = port if port is not None else next(iter(found))
    if chosen not in found:
        raise InputError(f"No laptop cloud was started on port {chosen}; there is one on {ports}.")
    path = found[chosen]
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind), path
    except (OSError, msgspec.MsgspecError) as exc:
        raise InputError(f"{path} does not say where the laptop cloud is ({exc}). {_START}") from exc


def _ports(start: Path) -> dict[int, Path]:
    for directory in (start, *start.parents):
        found = {
            int(path.parent.name): path
            for path in (directory / ".local").glob("*/instance.json")
            if path.parent.name.isascii() and path.parent.name.isdigit()
        }
        if found:
            return found
    return {}
