"""Batches as SQS and Kinesis hand them over, and the answer that has single records delivered again."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from functions.errors import QueueMessageError

_Result = TypeVar("_Result")


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


def each(
    event: Mapping[str, Any], take: Callable[[bytes | str], _Result], logger: Logger, what: str
) -> tuple[list[_Result], list[str]]:
    """`take` of each record by itself: what came of those that went well, and the identifiers of the others."""
    results: list[_Result] = []
    failed: list[str] = []
    for identifier, body in bodies(event).items():
        try:
            results.append(take(body))
        except Exception:  # one record that trips a bug must not hold up the others
            logger.exception("a record failed and will be delivered again", what=what, message_id=identifier)
            failed.append(identifier)
    return results, failed


def failures(identifiers: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in sorted(identifiers)]}
