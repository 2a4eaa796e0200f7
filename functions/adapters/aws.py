"""What all AWS adapters share: turning botocore's exceptions into ours at the seam, and running calls side by side."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.errors import AdapterError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

PARALLEL_CALLS = 8
"""Within botocore's default pool of ten connections a client."""


class OnFirstUse:
    """An AWS client that is made when something is first asked of it: reading a service's description takes long."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        self._making = Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copies or describes a value asks for these, and means no call
            raise AttributeError(name)
        with self._making:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)


@contextmanager
def wrapped(error: type[AdapterError], doing: str) -> Iterator[None]:
    """Raises `error` for whatever botocore raises inside."""
    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        raise error(f"{doing}: {exc}") from exc


def error_code(exc: ClientError) -> str:
    return exc.response.get("Error", {}).get("Code", "")


class Refusal(NamedTuple):
    """Why a conditional update was not made: its condition does not hold, or a transaction was at the item just then.

    `item` is what stands there, if the condition failed and the request asked for it.
    """

    by_transaction: bool
    item: dict[str, Any]


def conditional_update(
    client: "DynamoDBClient", error: type[AdapterError], doing: str, **request: Any
) -> Refusal | None:
    """`update_item`; None when it was made. Raises `error` for anything but a refusal."""
    try:
        client.update_item(**request)
    except ClientError as exc:
        response: Any = exc.response
        match error_code(exc):
            case "ConditionalCheckFailedException":
                return Refusal(by_transaction=False, item=response.get("Item", {}))
            case "TransactionConflictException":
                return Refusal(by_transaction=True, item={})
        raise error(f"{doing}: {exc}") from exc
    except BotoCoreError as exc:
        raise error(f"{doing}: {exc}") from exc
    return None


def side_by_side(call: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """`call` of each item, in order; one alone costs no thread. The first exception is raised after all have ended."""
    todo = list(items)
    if len(todo) <= 1:
        return [call(item) for item in todo]
    with ThreadPoolExecutor(min(PARALLEL_CALLS, len(todo))) as pool:
        return list(pool.map(call, todo))
