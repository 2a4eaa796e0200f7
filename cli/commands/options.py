"""Options that several commands share, and what they open."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cli.api import Api
from cli.durations import DurationError, parse_duration, parse_instant
from cli.errors import InputError
from cli.http import Http
from cli.profiles import ProfileStore, default_directory
from cli.session import Session
from contract.errors import ContractError
from contract.identity import parse_thing

DEFAULT_TIMEOUT_S = 30.0

ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile", "-p", envvar="FIELDLINE_PROFILE", metavar="NAME", help="Which sign-in to use; one per deployment."
    ),
]
DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="The device's id, its AWS IoT thing name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's JSON instead of a table.")]


def profile_store() -> ProfileStore:
    return ProfileStore(default_directory())


def http() -> Http:
    """Waits FIELDLINE_TIMEOUT_S seconds for an answer, 30 unless set."""
    text = os.environ.get("FIELDLINE_TIMEOUT_S", "")
    try:
        timeout_s = float(text) if text else DEFAULT_TIMEOUT_S
    except ValueError:
        timeout_s = 0.0
    if not 0 < timeout_s <= 3600:  # noqa: PLR2004 - an hour; also refuses nan
        raise InputError(f"FIELDLINE_TIMEOUT_S: expected seconds, more than 0 and at most 3600; got {text!r}.")
    return Http(timeout_s)


@contextmanager
def signed_in(profile: str) -> Iterator[Api]:
    """The API as the profile's user. Raises NotSignedInError where there is no sign-in to use."""
    with http() as connection:
        yield Api(connection, Session(profile_store(), profile, connection))


def device_path(device: str) -> str:
    """A device's address in the API."""
    return f"/devices/{checked(parse_thing, device)}"


def assignment(text: str, expected: str = "NAME=VALUE") -> tuple[str, Any]:
    """`on=true`: a name and its value, which is JSON, or else text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InputError(f"expected {expected}; got {text!r}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def checked(parse: Callable[[str], str], text: str) -> str:
    """The text as the contract accepts it, before it becomes part of an address or a file."""
    try:
        return parse(text)
    except ContractError as exc:
        raise InputError(str(exc)) from exc


def duration_of(option: str, text: str) -> int:
    """Milliseconds."""
    try:
        return parse_duration(text)
    except DurationError as exc:
        raise InputError(f"{option}: {exc}.") from exc


def instant_of(option: str, text: str, now_ms: int) -> int:
    """Milliseconds since the epoch."""
    try:
        return parse_instant(text, now_ms)
    except DurationError as exc:
        raise InputError(f"{option}: {exc}.") from exc
