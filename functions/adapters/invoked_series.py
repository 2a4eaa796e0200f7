"""The telemetry store of another network, read through the function that is there."""

from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.adapters.invocation import invoke
from functions.domain import remote_series
from functions.domain.series import SeriesPage, SeriesQuery
from functions.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class InvokedSeries:
    def __init__(self, client: "LambdaClient", function: str, *, backoff: Backoff | None = None) -> None:
        """A client that does not retry by itself: a second wait for an answer would outlast whoever asks."""
        self._client = client
        self._function = function
        self._backoff = backoff or Backoff(attempts=3)

    def series(self, query: SeriesQuery) -> SeriesPage:
        question = remote_series.request(query)
        return remote_series.answered(
            invoke(self._client, self._function, question, error=StoreError, backoff=self._backoff)
        )
