"""The administration of a telemetry store of another network, through the function that is there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.backoff import Backoff
from functions.adapters.invocation import BUSY, invoke
from functions.domain.store_setup import VERSION, Order, Outcome
from functions.errors import RequestError, StoreAdminError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_NOT_YET = BUSY | {"AccessDeniedException", "ResourceConflictException", "ResourceNotReadyException"}
"""What Lambda answers too while a new role is not known everywhere yet, or a new function is not connected yet."""


class InvokedStoreAdmin:
    def __init__(self, client: "LambdaClient", function: str, *, backoff: Backoff) -> None:
        self._client = client
        self._function = function
        self._backoff = backoff

    def __call__(self, event: Mapping[str, Any]) -> Outcome:
        """What an event of CloudFormation led to.

        Raises RequestError for one that lacks something, StoreAdminError for what was not done or not answered.
        """
        order = Order(
            request=_text(event, "RequestType"),
            deployment=_stack(_text(event, "StackId")),
            properties=dict(event.get("ResourceProperties") or {}),
            previous=dict(event.get("OldResourceProperties") or {}),
        )
        answer = invoke(
            self._client,
            self._function,
            msgspec.json.encode(order),
            error=StoreAdminError,
            backoff=self._backoff,
            again=_NOT_YET,
        )
        try:
            outcome = msgspec.json.decode(answer, type=Outcome)
        except msgspec.DecodeError as exc:
            raise StoreAdminError(f"the function {self._function} gave no outcome: {exc}") from exc
        if outcome.v != VERSION:
            raise StoreAdminError(f"the function {self._function} answers in version {outcome.v}, expected {VERSION}")
        if outcome.problem is not None:
            raise StoreAdminError(outcome.problem)
        return outcome


def _text(event: Mapping[str, Any], field: str) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not value:
        raise RequestError(field, "text", repr(value)[:60])
    return value


def _stack(identifier: str) -> str:
    """The name in `arn:aws:cloudformation:region:account:stack/name/id`: it stays when the stack is made anew."""
    parts = identifier.split("/")
    return parts[1] if len(parts) > 1 else identifier
