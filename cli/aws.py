"""Commands that use AWS credentials: a session, and AWS's refusals in our words."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.errors import CliError, InputError, NotAllowedError, NotSignedInError, UnreachableError

if TYPE_CHECKING:
    import boto3

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedException", "UnauthorizedOperation"}
_NO_SESSION = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def session(region: str | None, aws_profile: str | None) -> "boto3.Session":
    import boto3

    # boto3 itself knows only AWS_DEFAULT_REGION, every other SDK and the AWS command only or also AWS_REGION.
    return boto3.Session(profile_name=aws_profile, region_name=region or os.environ.get("AWS_REGION"))


@contextmanager
def plain_errors(
    needed: str, known: Callable[[str, str], CliError | None] = lambda _code, _said: None
) -> Iterator[None]:
    """Raises a CliError for whatever boto3 raises inside.

    `needed` says what credentials are for; `known` makes an error of a code and message that the caller can explain.
    """
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as exc:
        error: Mapping[str, Any] = exc.response.get("Error", {})
        raise _refused(error.get("Code", ""), error.get("Message", ""), known) from exc
    except (exceptions.NoRegionError, exceptions.ProfileNotFound, ValueError) as exc:
        raise InputError(f"AWS: {_sentence(exc)} See --region, --aws-profile and --endpoint-url.") from exc
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    ) as exc:
        raise NotSignedInError(f"AWS: {_sentence(exc)} {needed}") from exc
    except (exceptions.HTTPClientError, exceptions.EndpointConnectionError) as exc:
        raise UnreachableError(f"AWS: {_sentence(exc)}") from exc
    except exceptions.BotoCoreError as exc:
        raise CliError(f"AWS: {_sentence(exc)}") from exc


def _refused(code: str, said: str, known: Callable[[str, str], CliError | None]) -> CliError:
    explained = known(code, said)
    if explained is not None:
        return explained
    if code in _DENIED:
        return NotAllowedError(f"AWS refuses: {said or code}")
    if code in _NO_SESSION:
        return NotSignedInError(f"AWS does not accept these credentials: {said or code}")
    return CliError(f"AWS: {code}: {said}")


def _sentence(exc: Exception) -> str:
    text = str(exc).strip()
    return text if text.endswith(".") else f"{text}."
