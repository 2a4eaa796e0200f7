"""groups: the tree that devices are in."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from cli.api import Api
from cli.commands.options import JsonOption, ProfileOption, checked, signed_in
from cli.errors import InputError
from cli.output import note, print_fields, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown
from contract.identity import parse_group

app = typer.Typer(no_args_is_help=True, help="Look at the tree of groups, and tend it.")

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", help="Its path, for example plant-1/line-2.")]
_COLUMNS = {"Group": "group", "Title": "title", "Devices": "devices", "Groups": "groups"}


@app.command("list")
def list_groups(
    parent: Annotated[
        str | None, typer.Argument(metavar="[GROUP]", help="Those in this group; else the outermost.")
    ] = None,
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="And all below them.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most groups to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List groups with how many devices and groups are directly in them.

    Example: fieldline groups list plant-1

    Example: fieldline groups list --recursive
    """
    if parent is not None:
        checked(parse_group, parent)
    with signed_in(profile) as api:
        found = list(islice(_walk(api, parent, limit + 1, recursive=recursive), limit + 1))
    items, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"items": items, "cursor": None})
        return
    rows = ([shown(one.get(key)) for key in _COLUMNS.values()] for one in items)
    print_table(list(_COLUMNS), rows, right=["Devices", "Groups"])
    if more:
        note(f"There are more than {limit} groups: raise --limit to see them.")


@app.command("show")
def show_group(group: GroupArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a group.

    Example: fieldline groups show plant-1/line-2
    """
    with signed_in(profile) as api:
        document = api.get(_path(group))
    _print(document, as_json=as_json)


@app.command("create")
def create_group(
    group: GroupArgument,
    *,
    title: Annotated[str, typer.Option("--title", help="What people call it.")] = "",
    description: Annotated[str, typer.Option("--description", help="What there is to know of it.")] = "",
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Make a group, with those above it where there are none. Devices make theirs by themselves.

    Example: fieldline groups create plant-1/line-3 --title 'Line 3'
    """
    body = {"group": checked(parse_group, group), "title": title, "description": description}
    with signed_in(profile) as api:
        document = api.create("/groups", body)
    _print(document, as_json=as_json)


@app.command("update")
def update_group(
    group: GroupArgument,
    *,
    title: Annotated[str | None, typer.Option("--title", help="What people call it; '' for nothing.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What there is to know; '' for nothing.")
    ] = None,
    if_version: Annotated[
        int | None, typer.Option("--if-version", min=1, help="Only if this is its version still.")
    ] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Change a group's title or description; its path stays.

    Example: fieldline groups update plant-1 --title 'Plant 1, Leeds'
    """
    change = {key: text for key, text in (("title", title), ("description", description)) if text is not None}
    if not change:
        raise InputError("Nothing to change: give --title or --description.")
    with signed_in(profile) as api:
        document = api.change("PATCH", _path(group), change, if_match=None if if_version is None else f'"{if_version}"')
    _print(document, as_json=as_json)


@app.command("delete")
def delete_group(group: GroupArgument, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Delete a group in which there is neither device nor group.

    Example: fieldline groups delete plant-1/line-3
    """
    with signed_in(profile) as api:
        api.change("DELETE", _path(group))
    print_line(f"Deleted {group}.")


def _walk(api: Api, parent: str | None, most: int, *, recursive: bool) -> Iterator[dict[str, Any]]:
    """Groups in the order of the tree."""
    for page in api.pages("/groups", [] if parent is None else [("parent", parent)], most):
        for one in page["items"]:
            yield one
            # A group that only leads to others tells no count.
            if recursive and one.get("groups") != 0:
                yield from _walk(api, str(one.get("group")), most, recursive=True)


def _path(group: str) -> str:
    return f"/groups/{checked(parse_group, group).replace('/', ':')}"


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    print_fields(
        (printable(key), age(value, now) if key.endswith("_at") and isinstance(value, int) else shown(value))
        for key, value in document.items()
    )
