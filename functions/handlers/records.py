"""Batches as SQS and Kinesis hand them over, and the answer that has single records delivered again."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from functions.errors import QueueMessageError


def bodies(event: Mapping[str, Any]) -> dict[str, bytes | str]:
    """The body of each record by the identifier that a partial failure names it with."""
    found: dict[str, bytes | str] = {}
    for record in event["Records"]:
        match record:
            case {"messageId": identifier, "body": body}:
                found[identifier] = body
            case {"kinesis": {"sequenceNumber": identifier, "data": data}}:
                found[identifier] = b64decode(data)
            case _:
                # No identifier, so no record can be named: the batch as a whole is delivered again.
                raise QueueMessageError(f"expected an SQS or Kinesis record, got one with the keys {sorted(record)}")
    return found


def failures(identifiers: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in sorted(identifiers)]}
