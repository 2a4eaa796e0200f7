"""`identity new`: the device's own key."""

import argparse
from pathlib import Path

from device_agent.cli.exits import Exit
from device_agent.cli.groups import Group
from device_agent.cli.output import show


def add(commands: Group) -> None:
    group = commands.group("identity", "the device's own key")
    about = "make a private key and a certificate request; overwrites nothing"
    new = group.command("new", about, _new, config=False)
    new.add_argument("--thing", required=True, help="the device's name")
    new.add_argument("--dir", required=True, type=Path, help="where THING.key and THING.csr go")


def _new(options: argparse.Namespace) -> int:
    from device_agent import identity

    made = identity.create(options.thing, options.dir)
    found = {"thing": made.thing, "private_key": str(made.private_key), "csr": str(made.csr)}
    show(options, found, f"private key: {made.private_key}\ncertificate request: {made.csr}")
    return Exit.DONE
