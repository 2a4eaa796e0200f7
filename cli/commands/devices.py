"""devices: register them, find them, look at one, change it, take it out of use."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from cli.commands.listing import print_list
from cli.commands.options import DeviceArgument, JsonOption, ProfileOption, checked, signed_in
from cli.device_view import print_device
from cli.errors import InputError
from cli.output import print_fields, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown
from contract.identity import parse_group, parse_thing

app = typer.Typer(no_args_is_help=True, help="Register devices, find them, look at one, change it.")

TagOption = Annotated[
    list[str] | None, typer.Option("--tag", "-t", metavar="KEY=VALUE", help="A tag of the device; may be repeated.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most entries to list.")]
_SORTS = ("group", "-group", "name", "-name", "created", "-created")
_STATUSES = ("online", "offline", "unknown")
_COLUMNS = ("Device", "Name", "Model", "Group", "Status", "Seen")
_LARGEST_EVENTS, _LARGEST_QUARANTINE = 200, 100


@app.command("list")
def list_devices(
    *,
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group and those below it, for example plant-1.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only devices of this model.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", metavar="KEY=VALUE", help="Only devices with this tag; may be repeated."),
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only those that are online, offline or unknown.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-q", help="Only those with words in name or id that begin so.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="By group, name or created; -name is the other way around.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most devices to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the devices that you may see, and when each was last heard.

    One is stale that is online, and was silent for three intervals of its model.

    Example: fieldline devices list --group plant-1 --limit 50

    Example: fieldline devices list --search pump --tag site=leeds
    """
    if group is not None:
        checked(parse_group, group)
    _one_of("--status", status, _STATUSES)
    _one_of("--sort", sort, _SORTS)
    asked = (("group", group), ("model", model), ("status", status), ("q", search), ("sort", sort))
    filters = [(key, value) for key, value in asked if value is not None]
    filters += [("tag", f"{key}:{value}") for key, value in _tags(tag).items()]
    with signed_in(profile) as api:
        pages = list(api.devices(filters, limit))

    now = wall_clock_ms()

    def row(item: dict[str, Any]) -> list[str]:
        texts = [shown(item.get(key)) for key in ("id", "name", "model", "group")]
        stale = ", stale" if item.get("stale") else ""
        seen = item.get("seen_at")
        return [*texts, shown(item.get("status")) + stale, age(seen, now) if isinstance(seen, int) else shown(seen)]

    print_list(pages, _COLUMNS, row, as_json=as_json, limit=limit, what="devices")


@app.command("show")
def show_device(
    device: DeviceArgument,
    *,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show a device: what it is, whether it is online, its latest values and what was counted.

    Example: fieldline devices show press-4
    """
    thing = checked(parse_thing, device)
    with signed_in(profile) as api:
        document = api.device(thing)
    if as_json:
        print_json(document)
        return
    print_device(document, wall_clock_ms())


@app.command("create")
def create_device(
    device: DeviceArgument,
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="What the device is, for example machine.")],
    group: Annotated[str, typer.Option("--group", "-g", help="Where it belongs, for example plant-1/line-2.")],
    name: Annotated[str | None, typer.Option("--name", "-n", help="What people call it; the id if absent.")] = None,
    tag: TagOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Register a device. It gets no certificate by this: a fleet file or provisioning gives it one.

    Example: fieldline devices create press-9 --model machine --group plant-1 --name 'Press 9' --tag site=leeds
    """
    document: dict[str, Any] = {
        "id": checked(parse_thing, device),
        "model": model,
        "group": checked(parse_group, group),
        "tags": _tags(tag),
    }
    if name is not None:
        document["name"] = name
    with signed_in(profile) as api:
        made = api.create("/devices", document)
    _print_entry(made, as_json=as_json)


@app.command("update")
def update_device(
    device: DeviceArgument,
    *,
    name: Annotated[str | None, typer.Option("--name", "-n", help="What people call it from now on.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="The group that it moves to.")] = None,
    tag: TagOption = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="KEY", help="A tag to take away; may be repeated.")
    ] = None,
    if_version: Annotated[
        int | None, typer.Option("--if-version", min=1, help="Only if this is its version still.")
    ] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Rename a device, move it to another group, or change its tags; all else stays.

    Example: fieldline devices update press-9 --group plant-2 --tag line=3 --untag site
    """
    tags: dict[str, str | None] = {**_tags(tag), **dict.fromkeys(untag or ())}
    change: dict[str, Any] = {} if name is None else {"name": name}
    if group is not None:
        change["group"] = checked(parse_group, group)
    if tags:
        change["tags"] = tags
    if not change:
        raise InputError("Nothing to change: give --name, --group, --tag or --untag.")
    thing = checked(parse_thing, device)
    with signed_in(profile) as api:
        changed = api.change("PATCH", f"/devices/{thing}", change, if_match=_etag(if_version))
    _print_entry(changed, as_json=as_json)


@app.command("decommission")
def decommission_device(
    device: DeviceArgument,
    *,
    if_version: Annotated[
        int | None, typer.Option("--if-version", min=1, help="Only if this is its version still.")
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Take a device out of use: off all lists. Its history stays, and it can be created again.

    Example: fieldline devices decommission press-9
    """
    thing = checked(parse_thing, device)
    with signed_in(profile) as api:
        api.change("DELETE", f"/devices/{thing}", if_match=_etag(if_version))
    print_line(f"Decommissioned {thing}.")


@app.command("events")
def list_events(
    device: DeviceArgument,
    *,
    kind: Annotated[str | None, typer.Option("--kind", help="Only events of this kind, for example boot.")] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="RFC 3339, milliseconds, or ago: -24h.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Likewise.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what a device reported besides telemetry, newest first.

    Example: fieldline devices events press-4 --kind boot --from -7d
    """
    thing = checked(parse_thing, device)
    params = [(key, value) for key, value in (("kind", kind), ("from", begin), ("to", end)) if value is not None]
    with signed_in(profile) as api:
        pages = list(api.pages(f"/devices/{thing}/events", params, limit, largest=_LARGEST_EVENTS))
    now = wall_clock_ms()

    def row(one: dict[str, Any]) -> list[str]:
        return [_age(one.get("at"), now), shown(one.get("kind")), _data(one.get("data"))]

    print_list(pages, ["When", "Kind", "Data"], row, as_json=as_json, limit=limit, what="entries")


@app.command("quarantine")
def list_quarantine(
    device: DeviceArgument,
    *,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List messages of a device that were not kept whole, with what was wrong, newest first.

    Example: fieldline devices quarantine press-4 --json
    """
    thing = checked(parse_thing, device)
    with signed_in(profile) as api:
        pages = list(api.pages(f"/devices/{thing}/quarantine", (), limit, largest=_LARGEST_QUARANTINE))
    now = wall_clock_ms()

    def row(one: dict[str, Any]) -> list[str]:
        received, replayed = _age(one.get("received_at"), now), (one.get("replay") or {}).get("outcome")
        entry = [shown(one.get("id")), shown(replayed)]
        return [received, shown(one.get("reasons")), shown(one.get("bytes")), _first_fault(one), *entry]

    columns = ["Received", "Reasons", "Bytes", "First fault", "Entry", "Replayed"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="entries", right=["Bytes"])


def _print_entry(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    print_fields(
        (printable(key), _age(value, now) if key.endswith("_at") else _yes(value)) for key, value in document.items()
    )


def _tags(texts: Iterable[str] | None) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key or not value or key in tags:
            raise InputError(f"--tag: expected KEY=VALUE, each key once; got {text!r}.")
        tags[key] = value
    return tags


def _one_of(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise InputError(f"{option}: expected one of {', '.join(known)}; got {value!r}.")


def _etag(version: int | None) -> str | None:
    return None if version is None else f'"{version}"'


def _age(at: Any, now_ms: int) -> str:
    return age(at, now_ms) if isinstance(at, int) else shown(None)


def _yes(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else shown(value)


def _data(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False)) if value else shown(None)


def _first_fault(entry: dict[str, Any]) -> str:
    faults = entry.get("faults")
    first = faults[0] if isinstance(faults, list) and faults else {}
    where = f"{shown(first['metric'])}: " if isinstance(first, dict) and first.get("metric") else ""
    return where + shown(first.get("detail") if isinstance(first, dict) else None)
