"""fleet add, fleet list, fleet certificate: the devices that a deployment is to have."""

from pathlib import Path
from typing import Annotated

import typer

from cli.certificates import device_certificate
from cli.commands.options import checked
from cli.errors import CliError, InputError
from cli.files import write_atomically
from cli.fleet_file import NewDevice, add_device, load, read_request
from cli.output import print_json, print_line, print_table
from contract.identity import parse_group, parse_thing
from contract.models import shipped

app = typer.Typer(
    no_args_is_help=True, help="Edit the fleet file, and fetch the certificates that a deploy made of it."
)

FleetOption = Annotated[Path, typer.Option("--fleet", metavar="FILE", help="The fleet file.")]
DEFAULT_FLEET = Path("fleet.toml")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device's id: a-z, 0-9 and '-'.")],
    *,
    model: Annotated[
        str, typer.Option("--model", "-m", help="What the device is: the name of a device model, for example machine.")
    ],
    group: Annotated[str, typer.Option("--group", "-g", help="Where it belongs, for example plant-1/line-2.")],
    csr: Annotated[Path, typer.Option("--csr", metavar="FILE", help="Its certificate signing request, as PEM.")],
    fleet_file: FleetOption = DEFAULT_FLEET,
) -> None:
    """Add a device to the fleet file; the next deploy makes its thing and certificate.

    Example: fieldline fleet add press-4 --model machine --group plant-1/line-2 --csr press-4.csr
    """
    device = NewDevice(checked(parse_thing, name), _model(model), checked(parse_group, group), read_request(csr))
    copy = add_device(fleet_file, device)
    print_line(f"Added {name} to {fleet_file}; its request is kept as {copy}. Deploy to make its certificate.")


@app.command("list")
def list_fleet(
    *,
    fleet_file: FleetOption = DEFAULT_FLEET,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the devices of the fleet file, checking all of it.

    Example: fieldline fleet list --fleet plants/fleet.toml
    """
    if not fleet_file.exists():
        raise InputError(f"There is no fleet file {fleet_file}: `fieldline fleet add` makes one.")
    devices = load(fleet_file).devices
    if as_json:
        print_json({"items": [{"name": one.name, "model": one.model, "group": one.group} for one in devices]})
    else:
        print_table(["Device", "Model", "Group"], ([one.name, one.model, one.group] for one in devices))


@app.command("certificate")
def certificate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device's id, its AWS IoT thing name.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the PEM.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    region: Annotated[
        str | None, typer.Option("--region", help="AWS region, where the environment names none.")
    ] = None,
    aws_profile: Annotated[str | None, typer.Option("--aws-profile", help="Profile of the AWS configuration.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Another AWS, such as the laptop cloud's.")
    ] = None,
) -> None:
    """Fetch a device's certificate after a deploy. Uses AWS credentials, not a Fieldline sign-in.

    Example: fieldline fleet certificate press-4 --out press-4.crt
    """
    thing = checked(parse_thing, name)
    if out.exists() and not out.is_file():
        raise InputError(f"--out: expected a file; {out} is something else.")
    if out.exists() and not force:
        raise InputError(f"{out} exists already: choose another --out, or replace it with --force.")
    pem = device_certificate(thing, region=region, aws_profile=aws_profile, endpoint_url=endpoint_url)
    try:
        write_atomically(out, pem.encode())
    except OSError as exc:
        raise CliError(f"Cannot write {out}: {exc.strerror}.") from exc
    print_line(f"Wrote the certificate of {thing} to {out}.")


def _model(name: str) -> str:
    known = sorted(shipped())
    if name not in known:
        raise InputError(f"--model: expected one of {', '.join(known)}; got {name!r}.")
    return name
