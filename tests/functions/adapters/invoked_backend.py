"""A store behind the series function: asked by the real client, over Lambda's protocol, through the real handler."""

from types import SimpleNamespace

from functions.adapters.backoff import Backoff
from functions.adapters.invoked_series import InvokedSeries
from functions.adapters.memory import MemoryTelemetryStore
from functions.handlers import series

CONTEXT = SimpleNamespace(
    function_name="series", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


class InvokedStore(MemoryTelemetryStore):
    """Whoever writes is inside the store's network; whoever reads is not."""

    def __init__(self, request, clock, retention_ms):
        super().__init__(clock=clock, retention_ms=retention_ms)
        endpoint = request.getfixturevalue("lambda_endpoint")
        inside = SimpleNamespace(series=super().series)
        request.getfixturevalue("monkeypatch").setattr(series, "_store", lambda: inside)
        endpoint.functions["series"] = lambda event: series.handler(event, CONTEXT)
        self._outside = InvokedSeries(endpoint.client(), "series", backoff=Backoff(sleep=lambda _: None))

    def series(self, query):
        return self._outside.series(query)
