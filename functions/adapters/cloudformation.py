"""Answering CloudFormation for a custom resource: it waits for a PUT to a presigned URL, an hour at most."""

from collections.abc import Mapping
from typing import Any

import msgspec

from functions.errors import CloudFormationError

_TIMEOUT_S = 10
_REASON_CHARS = 1000
"""Of an answer of 4 KB."""


def answer(event: Mapping[str, Any], physical_id: str, problem: str | None) -> None:
    """`problem` says what failed, None that nothing did. Raises CloudFormationError."""
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    missing = [field for field in ("ResponseURL", "StackId", "RequestId", "LogicalResourceId") if not event.get(field)]
    if missing:
        raise CloudFormationError(f"nobody can be answered: expected an event of CloudFormation, got no {missing[0]}")
    document = {
        "Status": "SUCCESS" if problem is None else "FAILED",
        "Reason": (problem or "")[:_REASON_CHARS],
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    # The presigned URL signs an empty content type.
    request = Request(  # noqa: S310 - the address is CloudFormation's
        event["ResponseURL"], data=msgspec.json.encode(document), method="PUT", headers={"Content-Type": ""}
    )
    try:
        with urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - the address is CloudFormation's
            pass
    except (URLError, OSError) as exc:
        raise CloudFormationError(f"CloudFormation could not be answered: {exc}") from exc
