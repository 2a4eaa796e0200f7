"""why: whether one may do something, and by which grant."""

from typing import Annotated

import typer

from cli.commands.options import JsonOption, ProfileOption, checked, signed_in
from cli.errors import InputError, NotAllowedError
from cli.output import print_fields, print_json
from cli.profiles import DEFAULT_PROFILE
from cli.text import printable, shown
from contract.identity import parse_group, parse_thing


def why(
    permission: Annotated[
        str, typer.Argument(metavar="PERMISSION", help="Such as commands:send; `fieldline whoami` lists yours.")
    ],
    *,
    device: Annotated[str | None, typer.Option("--device", "-d", metavar="ID", help="On this device.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", metavar="PATH", help="On this group.")] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show whether you may do something, by which grant, and what would allow it.

    Exit code 5: you may not. Without a device or group it is asked of the whole deployment.

    Example: fieldline why commands:send --device press-4
    """
    if device is not None and group is not None:
        raise InputError("Give either --device or --group.")
    query = [("permission", permission)]
    if device is not None:
        query.append(("device", checked(parse_thing, device)))
    if group is not None:
        query.append(("group", checked(parse_group, group)))
    with signed_in(profile) as api:
        verdict = api.get("/me/why", query)
    grant = verdict["grant"]
    if as_json:
        print_json(verdict)
    else:
        print_fields(
            [
                ("permission", printable(verdict["permission"])),
                ("allowed", "yes" if verdict["allowed"] else "no"),
                ("by", f"{printable(grant['role'])} over {printable(grant['scope'])}" if grant else shown(None)),
                ("any of the roles", shown(verdict["roles"])),
                ("over any of", shown(verdict["scopes"])),
            ]
        )
    if not verdict["allowed"]:
        raise NotAllowedError(f"You may not: no grant of yours allows {permission} there.")
