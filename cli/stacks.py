"""A deployment as its stacks describe it, asked with AWS credentials."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from cli.aws import plain_errors, session
from cli.errors import InputError, NotFoundError
from cli.local_instance import find_cloud
from cli.urls import is_loopback

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

_LOCAL_SECRET = "test"  # noqa: S105 - the laptop's AWS knows its one account by name and takes any secret


class Place(msgspec.Struct, frozen=True):
    """How to reach AWS, where it is not as the environment says."""

    region: str | None = None
    aws_profile: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    """Of a laptop cloud, whose deployer's key is its account's number."""


def client(service: Any, place: Place, **settings: Any) -> Any:
    from botocore.config import Config

    keys: dict[str, Any] = {}
    if place.account is not None:
        keys = {"aws_access_key_id": place.account, "aws_secret_access_key": _LOCAL_SECRET}
    if is_loopback(urlsplit(place.endpoint_url or "").hostname or ""):
        settings["proxies"] = {}  # a proxy from the environment serves the network; this machine is not behind it
    opened = session(place.region, place.aws_profile)
    return opened.client(service, endpoint_url=place.endpoint_url, config=Config(**settings), **keys)


def on_laptop(start: Path, port: int | None, output: str) -> tuple[Place, str]:
    """The laptop cloud that runs for a directory, and an output of its stacks. Raises InputError, NotFoundError."""
    cloud = find_cloud(start, port)
    value = cloud.outputs.get(output)
    if value is None:
        raise NotFoundError(f"This laptop cloud has no {output}: start it again with this version.")
    return Place(region=cloud.region, endpoint_url=cloud.aws, account=cloud.account), value


def in_stacks(
    place: Place, stage: str | None, output: str, needed: str, otherwise: str = "Deploy this version first."
) -> str:
    """An output of the deployment's stacks; `needed` says what credentials are for.

    Raises NotFoundError, which ends with `otherwise`, and InputError.
    """
    prefix = "Fieldline-" if stage is None else f"Fieldline-{stage}-"
    with plain_errors(needed):
        cloudformation: CloudFormationClient = client("cloudformation", place)
        found = {
            stack["StackName"]: one.get("OutputValue", "")
            for page in cloudformation.get_paginator("describe_stacks").paginate()
            for stack in page["Stacks"]
            if stack["StackName"].startswith(prefix)
            for one in stack.get("Outputs", [])
            if one.get("OutputKey") == output
        }
    if not found:
        raise NotFoundError(f"No stack {prefix}* of this account and region names a {output}. {otherwise}")
    if len(found) > 1:
        raise InputError(f"Several stacks name a {output} ({', '.join(sorted(found))}): choose one with --stage.")
    return next(iter(found.values()))
