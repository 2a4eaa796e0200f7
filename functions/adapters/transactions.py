"""TransactWriteItems: what a refusal means, and how one is written that needs no audit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import Refused
from functions.errors import AdapterError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ITEMS = 100

_REFUSED = "ConditionalCheckFailed"
_RACES = frozenset({"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"})
_BUSY = frozenset(
    {
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)


class Raced(Exception):  # noqa: N818 - an answer, which the caller turns into an error of its own
    """Another transaction was at one of the items just then; nothing was written."""


def transact(
    client: "DynamoDBClient", items: Sequence[Any], *, backoff: Backoff, error: type[AdapterError], doing: str
) -> None:
    """All of `items` or nothing. Raises Refused for a condition that does not hold, Raced, and `error`.

    Only what DynamoDB had no capacity for is tried again: whoever lost a race may have to read first.
    """
    problem = ""
    for _ in backoff:
        try:
            client.transact_write_items(TransactItems=items)
        except ClientError as exc:
            reasons = cancellations(exc)
            codes = {str(reason.get("Code", "None")) for reason in reasons} or {error_code(exc)}
            refused = next((at for at, one in enumerate(reasons) if one.get("Code") == _REFUSED), None)
            if refused is not None:
                raise Refused(refused, dict(reasons[refused].get("Item") or {})) from exc
            if codes & _RACES:
                raise Raced from exc
            if not codes & _BUSY:
                raise error(f"{doing}: {exc}") from exc
            problem = str(exc)
        except BotoCoreError as exc:
            raise error(f"{doing}: {exc}") from exc
        else:
            return
    raise error(f"{doing}: {problem}")


def cancellations(exc: ClientError) -> list[Any]:
    """Why each item of a transaction was refused, in order; empty for any other error."""
    response: Any = exc.response
    return list(response.get("CancellationReasons") or [])
