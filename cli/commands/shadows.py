"""state and config: what a device is wanted to be, what it is, and who wanted what."""

import json
import time
from typing import Annotated, Any

import typer

from cli.api import Api
from cli.commands.listing import print_list
from cli.commands.options import (
    DeviceArgument,
    JsonOption,
    ProfileOption,
    assignment,
    device_path,
    duration_of,
    signed_in,
)
from cli.errors import ConflictError, InputError
from cli.output import note, print_fields, print_json, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown

_POLL_S = 1.0


state = typer.Typer(no_args_is_help=True, help="Say what a device's actuators shall be, and see what they are.")
config = typer.Typer(no_args_is_help=True, help="Set a device, and see what it runs with.")


@state.command("show")
def show_state(
    device: DeviceArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE
) -> None:
    """Show what the actuators are wanted to be, and what the device reports.

    Example: fieldline state show press-4
    """
    _show("state", device, as_json=as_json, profile=profile)


@config.command("show")
def show_config(
    device: DeviceArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE
) -> None:
    """Show what the device is set to, and what it runs with.

    Example: fieldline config show press-4 --json
    """
    _show("config", device, as_json=as_json, profile=profile)


_Wait = Annotated[
    str | None, typer.Option("--wait", metavar="DURATION", help="Wait until the device reports it, at most so long.")
]
_Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="No longer want anything here.")]
_IfMatch = Annotated[
    int | None, typer.Option("--if-version", min=0, help="Only if this is still the version of what is desired.")
]


@state.command("set")
def set_state(
    device: DeviceArgument,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="ACTUATOR.PARAMETER=VALUE...", help="Such as relay.on=true.")
    ] = None,
    *,
    unset: _Unset = None,
    wait: _Wait = None,
    if_version: _IfMatch = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Want actuators to be so. An actuator that is named gets exactly the parameters given.

    A device that is offline does it when it is back. Exit code 9: it was changed meanwhile, or not reported in time.

    Example: fieldline state set press-4 relay.on=true relay.for_s=30 --wait 20s
    """
    patch: dict[str, Any] = dict.fromkeys(unset or ())
    for path, value in map(assignment, values or ()):
        actuator, dot, parameter = path.partition(".")
        if not (dot and actuator and parameter):
            raise InputError(f"expected ACTUATOR.PARAMETER=VALUE such as relay.on=true; got {path!r}.")
        patch[actuator] = {**(patch.get(actuator) or {}), parameter: value}
    _set("state", device, patch, wait, if_version, as_json=as_json, profile=profile)


@config.command("set")
def set_config(
    device: DeviceArgument,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="SETTING=VALUE...", help="Such as interval_ms=2000.")
    ] = None,
    *,
    unset: _Unset = None,
    wait: _Wait = None,
    if_version: _IfMatch = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Set the device; settings that are not named stay as they are.

    Example: fieldline config set press-4 interval_ms=2000 --wait 30s
    """
    patch = {**dict.fromkeys(unset or ()), **dict(map(assignment, values or ()))}
    _set("config", device, patch, wait, if_version, as_json=as_json, profile=profile)


_Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most versions to list.")]


@state.command("history")
def state_history(
    device: DeviceArgument,
    *,
    limit: _Limit = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what the actuators were wanted to be, by whom and when, newest first.

    Example: fieldline state history press-4
    """
    _history("state", device, limit, as_json=as_json, profile=profile)


@config.command("history")
def config_history(
    device: DeviceArgument,
    *,
    limit: _Limit = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what the device was set to, by whom and when, newest first.

    Example: fieldline config history press-4 --limit 5
    """
    _history("config", device, limit, as_json=as_json, profile=profile)


def _show(name: str, device: str, *, as_json: bool, profile: str) -> None:
    with signed_in(profile) as api:
        document = api.get(_path(name, device))
    _print(document, as_json=as_json)


def _set(
    name: str,
    device: str,
    patch: dict[str, Any],
    wait: str | None,
    if_version: int | None,
    *,
    as_json: bool,
    profile: str,
) -> None:
    if not patch:
        raise InputError("Give at least one value to set, or --unset.")
    seconds = 0.0 if wait is None else duration_of("--wait", wait) / 1000
    if_match = None if if_version is None else f'"{if_version}"'
    path = _path(name, device)
    with signed_in(profile) as api:
        document = api.change("PATCH", path, {"values": patch}, if_match=if_match)
        if seconds:
            document = _reported(api, path, seconds)
    _print(document, as_json=as_json)
    if seconds and not document["in_sync"]:
        raise ConflictError(f"The device did not report it within {wait}; it stays desired.")


def _reported(api: Api, path: str, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        document = api.get(path)
        if document["in_sync"] or time.monotonic() >= deadline:
            return document
        time.sleep(_POLL_S)


def _history(name: str, device: str, limit: int, *, as_json: bool, profile: str) -> None:
    with signed_in(profile) as api:
        pages = list(api.pages(f"{_path(name, device)}/history", (), limit, largest=100))
    now = wall_clock_ms()

    def row(one: dict[str, Any]) -> list[str]:
        return [str(one["version"]), age(one["set_at"], now), printable(one["set_by"]["name"]), _json(one["values"])]

    print_list(
        pages, ["Version", "Set", "By", "Values"], row, as_json=as_json, limit=limit, what="versions", right=["Version"]
    )


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    desired, reported = document["desired"], document["reported"]
    now = wall_clock_ms()
    by = desired["set_by"]
    fields = [
        ("device", printable(document["device"])),
        ("in sync", "yes" if document["in_sync"] else "no"),
        ("version", shown(desired["version"])),
        ("set", f"{age(desired['set_at'], now)} by {printable(by['name'])}" if by else "never"),
        ("reported", age(reported["at"], now) if reported["at"] is not None else "never"),
    ]
    print_fields(fields)
    names = sorted({*desired["values"], *reported["values"], *reported["rejected"]})
    rows = (
        [
            printable(name),
            _json(desired["values"].get(name)),
            _json(reported["values"].get(name)),
            "yes" if name in document["delta"] else "no",
            printable(reported["rejected"].get(name, "")),
        ]
        for name in names
    )
    print_table(["Name", "Desired", "Reported", "Differs", "Rejected because"], rows)
    if not desired["sent"]:
        note("The device's shadow has not been told yet: set it again.")


def _path(name: str, device: str) -> str:
    return f"{device_path(device)}/{name}"


def _json(value: Any) -> str:
    return "" if value is None else printable(json.dumps(value, ensure_ascii=False, sort_keys=True))
