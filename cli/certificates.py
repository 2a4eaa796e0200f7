"""A device's certificate, read from AWS IoT: needs AWS credentials, since it is the deployer's errand."""

from typing import TYPE_CHECKING

from cli.aws import plain_errors, session
from cli.errors import CliError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_iot.client import IoTClient


def device_certificate(name: str, *, region: str | None, aws_profile: str | None, endpoint_url: str | None) -> str:
    """The PEM of the newest active certificate attached to the thing."""

    def known(code: str, _said: str) -> CliError | None:
        if code != "ResourceNotFoundException":
            return None
        return NotFoundError(
            f"AWS IoT knows no thing {name!r} in this account and region. Was the fleet file deployed?"
        )

    with plain_errors("Certificates are read with AWS credentials.", known):
        return _newest_active(session(region, aws_profile).client("iot", endpoint_url=endpoint_url), name)


def _newest_active(iot: "IoTClient", name: str) -> str:
    pages = iot.get_paginator("list_thing_principals").paginate(thingName=name)
    identifiers = [
        principal.rpartition("/")[2]
        for page in pages
        for principal in page.get("principals", [])
        if ":cert/" in principal
    ]
    found = [iot.describe_certificate(certificateId=one)["certificateDescription"] for one in identifiers]
    active = [one for one in found if one.get("status") == "ACTIVE"]
    if not active:
        had = ", ".join(str(one.get("status")).lower() for one in found) or "none at all"
        raise NotFoundError(f"{name} has no active certificate (it has: {had}). Was the fleet file deployed?")
    return max(active, key=lambda one: one["creationDate"])["certificatePem"]
