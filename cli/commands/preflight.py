"""preflight: whether an account is ready for a deployment, before anything is made."""

from typing import Annotated

import typer

from cli.errors import InputError
from cli.output import print_json
from cli.preflight.deployment import APART, DEFAULT_STORES, STAGES, STORES, Deployment, Influx


def preflight(
    *,
    stage: Annotated[str, typer.Option("--stage", help=f"What is to be deployed: {' or '.join(STAGES)}.")] = "dev",
    store: Annotated[
        str | None,
        typer.Option("--store", help=f"The telemetry store: {', '.join(STORES)}; the stage's own if absent."),
    ] = None,
    previous_store: Annotated[
        str, typer.Option("--previous-store", help="A store that is deployed beside it, to move from.")
    ] = "",
    drop_store: Annotated[
        str,
        typer.Option("--drop-store", help="The deployed store, to be given up with what it holds."),
    ] = "",
    influx_instance: Annotated[
        str, typer.Option("--influx-instance", metavar="CLASS", help="With timestream-influxdb: class of the instance.")
    ] = Influx.instance,
    influx_storage: Annotated[
        int, typer.Option("--influx-storage", metavar="GIB", min=20, max=15360, help="Its disk, in GiB.")
    ] = Influx.storage_gib,
    influx_multi_az: Annotated[
        bool, typer.Option("--influx-multi-az", help="It has a standby in a second zone.")
    ] = False,
    region: Annotated[
        str | None, typer.Option("--region", help="AWS region, where the environment names none.")
    ] = None,
    aws_profile: Annotated[str | None, typer.Option("--aws-profile", help="Profile of the AWS configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask an AWS account whether a deployment would succeed, and what it will cost when idle. Changes nothing.

    Exit code 0: nothing stands in the way; 1: a check failed. What could not be asked is no failure.

    Example: fieldline preflight --stage prod --store timestream-influxdb --region eu-west-1
    """
    influx = Influx(influx_instance, influx_storage, influx_multi_az)
    deployment = _deployment(stage, store, previous_store, drop_store, influx)
    # Only now: boto3 takes half a second to import.
    from cli.preflight.account import open_account
    from cli.preflight.report import document, print_findings, stops
    from cli.preflight.run import findings

    account = open_account(region, aws_profile)
    found = findings(account, deployment)
    if as_json:
        print_json(document(account, deployment, found))
    else:
        print_findings(account, deployment, found)
    if stops(found):
        raise typer.Exit(1)


def _deployment(stage: str, store: str | None, previous: str, drop: str, influx: Influx) -> Deployment:
    """Without a previous store, or one to drop, their names are empty."""
    if stage not in STAGES:
        raise InputError(f"--stage: expected one of {', '.join(STAGES)}; got {stage!r}.")
    chosen = store or DEFAULT_STORES[stage]
    for option, name in (("--store", chosen), ("--previous-store", previous), ("--drop-store", drop)):
        if name not in STORES and (name or option == "--store"):
            raise InputError(f"{option}: expected one of {', '.join(STORES)}; got {name!r}.")
    if chosen in (previous, drop):
        option = "--previous-store" if chosen == previous else "--drop-store"
        raise InputError(f"{option}: expected another store than --store; got {chosen!r} for both.")
    if {chosen, previous} == APART:
        raise InputError(
            f"--previous-store: expected nothing, or dynamodb, beside {chosen}; got {previous!r}: no function could "
            "reach both. Leave it out and move from the lake."
        )
    return Deployment(stage, chosen, influx, previous or None, drop or None)
