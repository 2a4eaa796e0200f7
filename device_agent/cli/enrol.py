"""`enrol`: a device that was registered in the cloud gets its certificate."""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device_agent.cli.exits import Exit, UsageError
from device_agent.cli.groups import DEFAULT_CONFIG, Group
from device_agent.cli.output import show

if TYPE_CHECKING:
    from device_agent.enrolment.enrolment import Enrolled

VARIABLE: Final = "FIELDLINE_ENROL_KEY"
_KEY: Final = re.compile(r"fld_[a-z2-7]{16}_[A-Za-z0-9_-]{43}")


def add(commands: Group) -> None:
    about = "make a key, have it certified by the cloud, and write what the agent needs; the key stays here"
    enrol = commands.command("enrol", about, _enrol, config=False)
    enrol.add_argument("--api", required=True, type=_api, metavar="URL", help="the cloud: https://HOST/v1")
    enrol.add_argument("--thing", required=True, help="the device's name")
    folder = DEFAULT_CONFIG.parent
    enrol.add_argument("--dir", type=Path, default=folder, help=f"where the files go (default: {folder})")
    enrol.add_argument(
        "--key-stdin",
        action="store_true",
        help=f"read the device's key from standard input; else it is in ${VARIABLE}, or asked for",
    )
    enrol.add_argument(
        "--sensors",
        choices=("hardware", "simulated"),
        default="hardware",
        help="what a new configuration has: for the package on a device (default), or made-up values in any folder",
    )
    enrol.add_argument(
        "--force-certificate", action="store_true", help="replace the certificate; key and configuration stay"
    )


def _api(text: str) -> str:
    from device_agent.enrolment.api import parse_api

    try:
        return parse_api(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _enrol(options: argparse.Namespace) -> int:
    from device_agent.enrolment.api import Api
    from device_agent.enrolment.enrolment import enrol

    cloud = Api(options.api, _key(options))
    made = enrol(options.thing, options.dir, cloud, sensors=options.sensors, replace=options.force_certificate)
    steps = _next(options, made)
    found = {
        "thing": made.thing,
        "certificate_id": made.certificate_id,
        "private_key": str(made.private_key),
        "certificate": str(made.certificate),
        "ca": str(made.ca),
        "config": str(made.config),
        "wrote_config": made.wrote_config,
        "next": steps,
    }
    config = str(made.config) if made.wrote_config else f"{made.config}, which was there and stayed as it is"
    text = f"{made.thing} is enrolled\nprivate key: {made.private_key}\ncertificate: {made.certificate}\n"
    show(options, found, f"{text}configuration: {config}\nnext:\n" + "\n".join(f"  {step}" for step in steps))
    return Exit.DONE


def _key(options: argparse.Namespace) -> str:
    """Never from the arguments, which every user of the machine sees; it is never told again either."""
    if options.key_stdin:
        text, source = sys.stdin.readline(), "standard input"
    elif VARIABLE in os.environ:
        text, source = os.environ[VARIABLE], f"${VARIABLE}"
    elif sys.stdin.isatty():
        from getpass import getpass

        text, source = getpass(f"key of {options.thing} (fld_…, not shown): "), "the terminal"
    else:
        raise UsageError(f"a device's key is needed: in ${VARIABLE}, or by --key-stdin from standard input")
    if not _KEY.fullmatch(text.strip()):
        raise UsageError(f"expected a device's key (fld_…) from {source}, got {len(text.strip())} other characters")
    return text.strip()


def _next(options: argparse.Namespace, made: "Enrolled") -> list[str]:
    if options.dir != DEFAULT_CONFIG.parent:
        return [f"fieldline-agent {verb} --config {made.config}" for verb in ("check", "run")]
    service = "restart" if options.force_certificate else "enable --now"
    return ["sudo -u fieldline fieldline-agent check", f"sudo systemctl {service} fieldline-agent"]
