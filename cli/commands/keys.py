"""keys: of apps, and of devices that speak no MQTT."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, device_path, duration_of, signed_in
from cli.commands.users import GrantOption, parsed_grants
from cli.errors import InputError
from cli.output import note, print_fields, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown, until

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of apps and of devices without MQTT.")

KeyArgument = Annotated[str, typer.Argument(metavar="ID", help="The key's id, which `list` shows.")]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", "-d", metavar="DEVICE", help="Keys of this device, not of apps."),
]

_LARGEST_PAGE = 100
_COLUMNS = ("Name", "UserStatus", "Grants", "Made", "Ends", "Last used", "Id")


@app.command("list")
def list_keys(
    *,
    device: DeviceOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most keys to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List keys, newest first; those that ended stay for 90 days.

    Example: fieldline keys list

    Example: fieldline keys list --device press-4
    """
    with signed_in(profile) as api:
        pages = list(api.pages(_path(device), (), limit, largest=_LARGEST_PAGE))
    print_list(pages, _COLUMNS, _row, as_json=as_json, limit=limit, what="keys")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for: a person reads it in the list.")],
    *,
    grant: GrantOption = None,
    ends: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="How long it is good, at most 366d. Of an app 90d if absent."),
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Make a key, and show it this once.

    Example: fieldline keys create 'spare parts shop' --grant viewer@group:plant-1 --for 90d

    Example: fieldline keys create modem --device press-4
    """
    if (device is None) == (not grant):
        raise InputError("Give either --grant, for an app, or --device, whose key may send its telemetry only.")
    ends_at = None if device is not None and ends is None else wall_clock_ms() + duration_of("--for", ends or "90d")
    document: dict[str, Any] = {"name": name, "expires_at": ends_at}
    if device is None:
        document["grants"] = parsed_grants(grant)
    with signed_in(profile) as api:
        made = api.create(_path(device), document)
    if as_json:
        print_json(made)
        return
    print_line(printable(str(made.get("key"))))
    note(f"This is the key {made.get('id')}. It is not shown again: keep it where secrets are kept.")


@app.command("show")
def show(key: KeyArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a key of an app, without the key.

    Example: fieldline keys show mzxw6ytboi2gk3dp
    """
    with signed_in(profile) as api:
        document = api.get(f"{_path(None)}/{quote(key, safe='')}")
    if as_json:
        print_json(document)
        return
    print_fields((printable(name), _field(name, value)) for name, value in document.items())


@app.command("revoke")
def revoke(key: KeyArgument, *, device: DeviceOption = None, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Revoke a key: it is refused within a minute.

    Example: fieldline keys revoke mzxw6ytboi2gk3dp

    Example: fieldline keys revoke mzxw6ytboi2gk3dp --device press-4
    """
    with signed_in(profile) as api:
        api.change("DELETE", f"{_path(device)}/{quote(key, safe='')}")
    print_line(printable(f"Revoked {key}."))


def _path(device: str | None) -> str:
    return "/keys" if device is None else f"{device_path(device)}/keys"


def _row(item: dict[str, Any]) -> list[str]:
    return [
        shown(item.get("name")),
        shown(item.get("status")),
        _field("grants", item.get("grants")),
        _field("created_at", item.get("created_at")),
        _field("expires_at", item.get("expires_at")),
        shown(item.get("last_used")),
        shown(item.get("id")),
    ]


def _field(name: str, value: Any) -> str:
    if name == "grants" and isinstance(value, list):
        return ", ".join(printable(f"{one.get('role')}@{one.get('scope')}") for one in value) or shown(None)
    if name.endswith("_at") and isinstance(value, int):
        return (until if name == "expires_at" else age)(value, wall_clock_ms())
    return shown(value)
