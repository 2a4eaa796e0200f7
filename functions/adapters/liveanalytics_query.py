"""Asking Timestream for LiveAnalytics: all pages of an answer, its values in the types that the answer declares."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from functions.adapters.aws import error_code
from functions.adapters.liveanalytics_calls import FAILURES, Deadline, GarbledError, patiently
from functions.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_timestream_query import TimestreamQueryClient

Scalar: TypeAlias = float | int | str | bool | None

_READERS: dict[str, Callable[[str], Scalar]] = {
    "DOUBLE": float,
    "BIGINT": int,
    "INTEGER": int,
    "VARCHAR": str,
    "BOOLEAN": lambda text: text == "true",
}
_no_column = re.compile(r"Column '[^']*' does not exist").search


class QueryRunner:
    def __init__(self, client: "TimestreamQueryClient") -> None:
        self._client = client

    def rows(self, sql: str, doing: str, deadline: Deadline) -> list[list[Scalar]]:
        """Every row of the answer. Raises StoreError, also when the answer does not end before the deadline."""
        rows: list[list[Scalar]] = []
        request = {"QueryString": sql}
        try:
            while True:
                page, token = patiently(lambda: self._page(request), deadline)
                rows += page
                if not token:  # a page before the last may be empty
                    return rows
                if deadline.passed:
                    raise StoreError(f"{doing}: the answer did not end in time")
                request["NextToken"] = token
        except ClientError as exc:
            # A table has no columns, not even the dimension, before its first record.
            if error_code(exc) == "ValidationException" and _no_column(str(exc)):
                return []
            raise StoreError(f"{doing}: {exc}") from exc
        except (*FAILURES, GarbledError) as exc:
            raise StoreError(f"{doing}: {exc}") from exc

    def _page(self, request: dict[str, str]) -> tuple[list[list[Scalar]], str | None]:
        answer: Any = self._client.query(**request)  # type: ignore[arg-type]  # MaxRows is the one that is no string
        return _read(answer), answer.get("NextToken")


def _read(page: Any) -> list[list[Scalar]]:
    readers = [_READERS[column["Type"]["ScalarType"]] for column in page["ColumnInfo"]]
    return [
        [
            None if datum.get("NullValue") else read(datum["ScalarValue"])
            for read, datum in zip(readers, row["Data"], strict=True)
        ]
        for row in page["Rows"]
    ]
