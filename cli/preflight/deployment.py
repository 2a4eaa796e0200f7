"""What is to be deployed, as far as an account has to bear it.

The command is also installed without the templates, so what it must know of them stands here; tests compare it with
`functions.settings` and `infra`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DYNAMODB, INFLUXDB, LIVEANALYTICS = "dynamodb", "timestream-influxdb", "timestream-liveanalytics"
STORES = (DYNAMODB, INFLUXDB, LIVEANALYTICS)
DEFAULT_STORES: Mapping[str, str] = {"dev": DYNAMODB, "prod": INFLUXDB}
STAGES = tuple(DEFAULT_STORES)
APART = frozenset({INFLUXDB, LIVEANALYTICS})
"""Never deployed beside each other: no function could reach both."""

STACK_PREFIX = "Fieldline-"
INGEST_CONCURRENCY: Mapping[str, int] = {"dev": 10, "prod": 100}
OTHER_CONSUMERS = 57
"""Functions that drain all other queues, at once."""
TIMESTREAM_DATABASE = "fieldline"
BOOTSTRAP_VERSION = 6
"""The oldest bootstrap stack that the assembly accepts."""
INTERFACE_ENDPOINTS = ("firehose", "secretsmanager", "sqs")
GATEWAY_ENDPOINTS = ("dynamodb", "s3")
STORE_ZONES = 2
"""Where the store's network has subnets, and so each interface endpoint an address."""


@dataclass(frozen=True)
class Influx:
    """The instance, by its class; `storage_gib` is allocated and paid for, whatever is in it."""

    instance: str = "db.influx.medium"
    storage_gib: int = 20
    multi_az: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """`previous` is deployed beside `store`, to move from. `drop` is a deployed store that is given up knowingly."""

    stage: str
    store: str
    influx: Influx = Influx()
    previous: str | None = None
    drop: str | None = None

    @property
    def stores(self) -> tuple[str, ...]:
        """Every store that will be deployed."""
        return (self.store, *([self.previous] if self.previous else []))

    def stack(self, name: str) -> str:
        return f"{STACK_PREFIX}{self.stage}-{name}"
