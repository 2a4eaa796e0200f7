"""What the set-up of an InfluxDB instance makes, and how one function orders it from the other, inside the network."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from functions.errors import RequestError

VERSION = 1
RETENTION_POLICY = "autogen"
"""By which InfluxQL finds the bucket of a database."""
_MAX_NAME_CHARS = 64
_MAX_DAYS = 36_500
_SHOWN_CHARS = 60


class Access(StrEnum):
    """The only thing that a token may do, and with one bucket only."""

    WRITE = "write"
    READ = "read"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The bucket keeps data for `retention_days` and is what InfluxQL calls `database`.

    Tokens of another `version` are replaced also where they work.
    """

    database: str
    organization: str
    bucket: str
    retention_days: int
    version: str


class Credentials(msgspec.Struct, frozen=True):
    """Of the administrator whom the service generated."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"


class Bucket(msgspec.Struct, frozen=True):
    """`retention_s` is None where data is kept for ever."""

    id: str
    retention_s: int | None


class DatabaseMapping(msgspec.Struct, frozen=True):
    id: str
    bucket: str
    policy: str
    default: bool


class Authorization(msgspec.Struct, frozen=True):
    id: str
    description: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A request of CloudFormation for a deployment, whose name marks what is made for it.

    `previous` are the properties before an update, empty for everything else.
    """

    request: str
    deployment: str
    properties: dict[str, Any]
    previous: dict[str, Any] = {}
    v: int = VERSION


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was `done`, what had to be `left` though it was to go, and the `problem` if there is one."""

    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problem: str | None = None
    v: int = VERSION


def order(document: object) -> Order:
    """Raises RequestError for what is none, or one of another version."""
    try:
        found = msgspec.convert(document, Order)
    except msgspec.ValidationError as exc:
        raise RequestError("order", "request, deployment and properties", str(exc)) from exc
    if found.v != VERSION:
        raise RequestError("order", f"version {VERSION}", f"version {found.v}")
    return found


def wanted(properties: Mapping[str, Any]) -> Wanted:
    """The properties of the custom resource, where every value is text; raises RequestError naming what is wrong."""
    return Wanted(
        database=_name(properties, "Database"),
        organization=_name(properties, "Organization"),
        bucket=_name(properties, "Bucket"),
        retention_days=_days(properties, "RetentionDays"),
        version=_name(properties, "Version"),
    )


def description(deployment: str, access: Access, version: str) -> str:
    """By which an authorization is known again as one that was made for this deployment, by this version."""
    return f"{_made_for(deployment, access)}, version {version}"


def is_made_for(deployment: str, access: Access, authorization: Authorization) -> bool:
    """By whichever version."""
    return authorization.description.startswith(f"{_made_for(deployment, access)}, version ")


def _made_for(deployment: str, access: Access) -> str:
    return f"fieldline {deployment}: {access}"


def _name(properties: Mapping[str, Any], field: str) -> str:
    value = properties.get(field)
    # InfluxDB keeps names that begin with _ to itself.
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME_CHARS or value.startswith("_"):
        raise RequestError(field, f"1 to {_MAX_NAME_CHARS} characters that do not begin with _", _shown(value))
    return value


def _days(properties: Mapping[str, Any], field: str) -> int:
    text = str(properties.get(field, ""))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_DAYS))) or not 1 <= int(text) <= _MAX_DAYS:
        raise RequestError(field, f"a whole number from 1 to {_MAX_DAYS}", _shown(properties.get(field)))
    return int(text)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:_SHOWN_CHARS]
