"""The command line's root: which commands there are, and nothing that they need."""

import errno
import os
import sys
from typing import Annotated

import typer

from cli.commands import (
    alarms,
    audit,
    commands,
    dead_letters,
    deliveries,
    device_data,
    fleet,
    groups,
    keys,
    live,
    maintenance,
    models,
    preflight,
    quarantine,
    recipients,
    rules,
    shadows,
    sign_in,
    telemetry,
    users,
    why,
)
from cli.output import print_error, print_line
from cli.plugins import RootGroup
from contract import __version__

_OUTPUT_ERRORS = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO}

app = typer.Typer(
    name="fieldline",
    cls=RootGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its traces print local variables, and those hold passwords
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 not signed in, 4 not found, 5 not allowed, 6 unreachable, "
    "7 throttled, 8 server fault, 9 conflict, 10 audit broken.",
)
app.command("login")(sign_in.login)
app.command("logout")(sign_in.logout)
app.command("whoami")(sign_in.whoami)
app.command("system")(sign_in.system)
app.command("why")(why.why)
app.add_typer(device_data.app, name="devices")
app.add_typer(groups.app, name="groups")
app.add_typer(models.app, name="models")
app.add_typer(telemetry.app, name="telemetry")
app.add_typer(rules.app, name="rules")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(alarms.app, name="alarms")
app.add_typer(recipients.app, name="recipients")
app.add_typer(maintenance.app, name="maintenance")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(shadows.state, name="state")
app.add_typer(shadows.config, name="config")
app.add_typer(commands.app, name="commands")
app.add_typer(live.app, name="live")
app.add_typer(fleet.app, name="fleet")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.command("preflight")(preflight.preflight)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - the shape of a Typer callback
    if asked:
        print_line(f"fieldline {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Fieldline: devices, telemetry and the fleet, in your AWS account or on this laptop."""


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a stack trace.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # typed TextIO, is a TextIOWrapper
    try:
        try:
            app(prog_name="fieldline")
        finally:
            sys.stdout.flush()
    except OSError as exc:
        if exc.errno not in _OUTPUT_ERRORS:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more as it ends
        if exc.errno != errno.EPIPE:  # whoever reads a pipe may have enough, as `head` has
            print_error(f"Cannot write the output: {exc.strerror}.")
        sys.exit(1)
