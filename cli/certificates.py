"""A device's certificate, read from AWS IoT: needs AWS credentials, since it is the deployer's errand."""

import os
from typing import TYPE_CHECKING, Any

from cli.errors import CliError, InputError, NotAllowedError, NotFoundError, NotSignedInError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_iot.client import IoTClient

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedException"}
_NO_SESSION = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def device_certificate(name: str, *, region: str | None, aws_profile: str | None, endpoint_url: str | None) -> str:
    """The PEM of the newest active certificate attached to the thing."""
    import boto3
    from botocore import exceptions

    try:
        # boto3 itself knows only AWS_DEFAULT_REGION, every other SDK and the AWS command only or also AWS_REGION.
        session = boto3.Session(profile_name=aws_profile, region_name=region or os.environ.get("AWS_REGION"))
        return _newest_active(session.client("iot", endpoint_url=endpoint_url), name)
    except exceptions.ClientError as exc:
        raise _refused(exc.response.get("Error", {}), name) from exc
    except (exceptions.NoRegionError, exceptions.ProfileNotFound, ValueError) as exc:
        raise InputError(f"AWS: {_sentence(exc)} See --region, --aws-profile and --endpoint-url.") from exc
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    ) as exc:
        raise NotSignedInError(f"AWS: {_sentence(exc)} Certificates are read with AWS credentials.") from exc
    except (exceptions.HTTPClientError, exceptions.EndpointConnectionError) as exc:
        raise UnreachableError(f"AWS: {_sentence(exc)}") from exc
    except exceptions.BotoCoreError as exc:
        raise CliError(f"AWS: {_sentence(exc)}") from exc


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


def _refused(error: "Mapping[str, Any]", name: str) -> CliError:
    code, said = error.get("Code", ""), error.get("Message", "")
    if code == "ResourceNotFoundException":
        return NotFoundError(
            f"AWS IoT knows no thing {name!r} in this account and region. Was the fleet file deployed?"
        )
    if code in _DENIED:
        return NotAllowedError(f"AWS refuses: {said or code}")
    if code in _NO_SESSION:
        return NotSignedInError(f"AWS does not accept these credentials: {said or code}")
    return CliError(f"AWS: {code}: {said}")


def _sentence(exc: Exception) -> str:
    text = str(exc).strip()
    return text if text.endswith(".") else f"{text}."
