"""The clock and the AWS clients of an execution environment."""

from collections.abc import Callable, Container, Mapping
from functools import cache, partial
from typing import Any

from functions.adapters.clock import SystemClock

Env = Mapping[str, str]
Clients = Callable[..., Any]
CONNECT_S = 2
DAY_MS = 86_400_000
CLOCK = SystemClock()


def clients(*, at_once: Container[str] | None = None) -> Clients:
    """Makes each client once: those of the services `at_once` (of all, if it is not said) now, the rest when used."""
    if at_once is None:
        return cache(new_client)
    from functions.adapters.aws import OnFirstUse

    def make(service: str, **options: Any) -> Any:
        return (
            new_client(service, **options)
            if service in at_once
            else OnFirstUse(partial(new_client, service, **options))
        )

    return cache(make)


def new_client(service: Any, *, read_s: float = 10, attempts: int = 4, endpoint_url: str | None = None) -> Any:
    """AWS_REGION and, on a laptop, AWS_ENDPOINT_URL come from the environment, as boto3 reads them."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=16,
    )
    return boto3.client(service, config=config, endpoint_url=endpoint_url)
