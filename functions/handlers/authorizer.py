"""The REQUEST authorizer of the HTTP API."""

import os
from functools import cache
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.errors import UnauthorizedError
from functions.services.authorizer import Authorizer

logger = Logger(service="authorizer")


@cache
def _authorizer() -> Authorizer:
    return bootstrap.authorizer(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        principal = _authorizer().admit(_bearer(event))
    except UnauthorizedError as exc:
        logger.warning("refused", reason=str(exc))
        # API Gateway answers 401 to exactly this text and 503 to any other failure of an authorizer. Without keys or
        # settings nothing is known of the token: a 401 would sign everybody out and hide the fault from the alarms.
        raise Exception("Unauthorized") from None  # noqa: TRY002
    # The answer is cached by token, so it admits to the whole stage; the API checks each operation's permission.
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}
    return {
        "principalId": principal.id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"principal": msgspec.json.encode(principal).decode()},
    }


def _bearer(event: dict[str, Any]) -> str:
    named = [value for name, value in (event.get("headers") or {}).items() if name.lower() == "authorization"]
    scheme, _, token = str(named[0]).partition(" ") if len(named) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise UnauthorizedError("expected one Authorization header with a bearer token")
    return token.strip()
