"""Between a client and its service, and the errors that botocore makes of what a service answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from botocore.exceptions import ClientError


class Wire(Protocol):
    """Where calls take time, fail, lose their answers and end processes."""

    def call(self, service: str, operation: str, request: dict[str, Any], effect: Callable[[], Any]) -> Any: ...


class Direct:
    """Nothing is between them."""

    def call(self, service: str, operation: str, request: dict[str, Any], effect: Callable[[], Any]) -> Any:
        return effect()


def client_error(operation: str, code: str, message: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, operation)


def cancelled(reasons: Sequence[Mapping[str, Any]]) -> ClientError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return client_error(
        "TransactWriteItems", "TransactionCanceledException", message, CancellationReasons=list(reasons)
    )
