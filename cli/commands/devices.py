"""devices list, devices show."""

from typing import Annotated

import typer

from cli.commands.options import JsonOption, ProfileOption, checked, signed_in
from cli.device_view import print_device
from cli.output import note, print_json, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import shown
from contract.identity import parse_group, parse_thing

app = typer.Typer(no_args_is_help=True, help="List devices and look at one.")


@app.command("list")
def list_devices(
    *,
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group and those below it, for example plant-1.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only devices of this model.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most devices to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the devices that you may see.

    Example: fieldline devices list --group plant-1 --limit 50
    """
    filters = [(key, value) for key, value in (("group", group), ("model", model)) if value is not None]
    if group is not None:
        checked(parse_group, group)
    with signed_in(profile) as api:
        pages = list(api.devices(filters, limit))
    items = [item for page in pages for item in page["items"]]
    cursor = pages[-1].get("cursor")
    if as_json:
        print_json({**pages[-1], "items": items})
        return
    columns = {"Device": "id", "Name": "name", "Model": "model", "Group": "group", "Status": "status"}
    print_table(list(columns), ([shown(item.get(key)) for key in columns.values()] for item in items))
    if cursor:
        note(f"There are more than {limit} devices: raise --limit to see them.")


@app.command("show")
def show_device(
    device: Annotated[str, typer.Argument(metavar="ID", help="The device's id, its AWS IoT thing name.")],
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
