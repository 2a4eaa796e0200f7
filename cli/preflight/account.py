"""One AWS account in one region, asked through unmodified boto3: no question takes long, none is asked twice."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cli.errors import InputError

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

T = TypeVar("T")

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 8
ATTEMPTS = 2
MAX_PAGES = 50


class Once(Generic[T]):
    """Asks at first use and gives everybody that answer, or that error."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: list[T] = []
        self._error: Exception | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._answers:
                try:
                    self._answers.append(self._ask())
                except Exception as exc:
                    self._error = exc  # raised again for each who asks: a refusal is not asked for twice
                    raise
            return self._answers[0]


class Account:
    """`region` is None where nobody has chosen one. `number` is known once the caller's identity is."""

    def __init__(self, session: "boto3.Session", region: str | None) -> None:
        self._session = session
        self._lock = threading.Lock()
        self.region = region
        self.number = ""
        self.stacks = Once(self._stacks)

    def client(self, service: str) -> Any:
        # Making a client is not thread-safe in boto3, using one is.
        with self._lock:
            return self._session.client(service, region_name=self.region, config=_config())  # type: ignore[call-overload] # any service's name

    def quota(self, service: str, code: str) -> float:
        """The value that the account has, or the default where it has none of its own."""
        quotas = self.client("service-quotas")
        try:
            return float(quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
        except quotas.exceptions.NoSuchResourceException:
            return float(quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])

    def regions(self, service: str) -> tuple[str, ...]:
        """Where botocore knows the service; it learns of new regions with its versions."""
        partitions = self._session.get_available_partitions()
        return tuple(
            region
            for partition in partitions
            for region in self._session.get_available_regions(service, partition_name=partition)
        )

    def _stacks(self) -> dict[str, dict[str, Any]]:
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {
            stack["StackName"]: stack
            for _, page in zip(range(MAX_PAGES), pages, strict=False)
            for stack in page["Stacks"]
        }


def open_account(region: str | None, aws_profile: str | None) -> Account:
    """Raises InputError for a profile that does not exist. No call is made yet."""
    import boto3

    with usable_configuration():
        session = boto3.Session(profile_name=aws_profile)
        # boto3 itself knows only AWS_DEFAULT_REGION, the CDK command and other SDKs only or also AWS_REGION.
        return Account(session, region or os.environ.get("AWS_REGION") or session.region_name)


@contextmanager
def usable_configuration() -> Iterator[None]:
    from botocore import exceptions

    try:
        yield
    except (exceptions.ProfileNotFound, exceptions.ConfigParseError, exceptions.ConfigNotFound) as exc:
        raise InputError(f"AWS: {exc} See --aws-profile.") from exc


def _config() -> "Config":
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
