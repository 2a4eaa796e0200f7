"""What a deployment may choose, read from CDK context (`-c key=value`) and checked as a whole."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS, TELEMETRY_STORES
from infra.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

Target = Literal["lambda", "host"]
Get = Callable[[str], object]

STAGES = ("dev", "prod")
TARGETS: tuple[Target, ...] = ("lambda", "host")
STORES = TELEMETRY_STORES
DEFAULT_STORES: Mapping[str, str] = {"dev": DYNAMODB, "prod": INFLUXDB}
"""Stage to store: `dev` costs nothing when idle, `prod` answers fast."""
DEFAULT_FLEET = ROOT / "fleet.toml"
INFLUX_INSTANCES = (
    "db.influx.medium",
    "db.influx.large",
    "db.influx.xlarge",
    "db.influx.2xlarge",
    "db.influx.4xlarge",
    "db.influx.8xlarge",
    "db.influx.12xlarge",
    "db.influx.16xlarge",
    "db.influx.24xlarge",
)
MAX_INFLUX_STORAGE_GIB = 15_360
"""Says botocore's model of the service, too."""
_ORIGIN = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?")
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]{36}")
# What stands in the Content-Security-Policy must not end it, hence no semicolon, blank or quote anywhere.
_TILES = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9{}._~/?=&%@+-]{1,300}")
APART = frozenset({INFLUXDB, LIVEANALYTICS})
"""No function reaches both: one lives in a network without internet, and the other's private endpoints are named after
the cell that AWS put the account into, which no template can know."""


@dataclass(frozen=True)
class InfluxOptions:
    """`multi_az` keeps a standby in another zone and doubles the price of the instance: nobody gets it unasked."""

    instance: str = "db.influx.medium"
    storage_gib: int = 20
    multi_az: bool = False


@dataclass(frozen=True)
class DashboardOptions:
    """`domain` is a name of yours for the one origin, with its `certificate` of ACM in us-east-1.

    `map_tiles` is the address of tiles that the map shows beneath its own: `https://host/{z}/{x}/{y}.png`.
    """

    domain: str | None = None
    certificate: str | None = None
    map_tiles: str | None = None


@dataclass(frozen=True)
class DeployConfig:
    """`target` says which machine runs the functions: `lambda` (arm64, Python 3.13) or `host` (this one).

    `live_origins` are the origins of apps of yours whose pages may open a WebSocket; the dashboard's own always may.
    `mail_from` is the address that alarms are mailed from, which SES must know as yours; without it none are.
    `previous_store` stays deployed beside `telemetry_store` until a move from it has ended.
    """

    stage: str = "dev"
    telemetry_store: str = DEFAULT_STORES["dev"]
    previous_store: str | None = None
    retention_days: int = 90
    influx: InfluxOptions = field(default_factory=InfluxOptions)
    fleet: tuple[Path, ...] = ()
    live_origins: tuple[str, ...] = ()
    mail_from: str | None = None
    dashboard: DashboardOptions = field(default_factory=DashboardOptions)
    target: Target = "lambda"

    @classmethod
    def from_context(cls, get: Get) -> "DeployConfig":
        """Raises ConfigError, which lists all that is wrong."""
        problems: list[str] = []
        stage = _choice(get, "stage", STAGES, cls.stage, problems)
        target = _choice(get, "target", TARGETS, cls.target, problems)
        store = _choice(get, "telemetry_store", STORES, DEFAULT_STORES.get(stage, cls.telemetry_store), problems)
        previous = _previous(get, store, problems)
        retention = _number(get, "retention_days", cls.retention_days, 1, 3650, problems)
        influx = InfluxOptions(
            instance=_choice(get, "influx_instance", INFLUX_INSTANCES, InfluxOptions.instance, problems),
            storage_gib=_number(
                get, "influx_storage_gib", InfluxOptions.storage_gib, 20, MAX_INFLUX_STORAGE_GIB, problems
            ),
            multi_az=_flag(get, "influx_multi_az", InfluxOptions.multi_az, problems),
        )
        fleet = _fleet(get("fleet"), problems)
        origins = _origins(get("live_origins"), problems)
        mail_from = _matching(get, "mail_from", _ADDRESS, "an e-mail address such as alarms@example.com", problems)
        dashboard = _dashboard(get, problems)
        if problems:
            raise ConfigError(problems)
        return cls(
            stage=stage,
            telemetry_store=store,
            previous_store=previous,
            retention_days=retention,
            influx=influx,
            fleet=fleet,
            live_origins=origins,
            mail_from=mail_from,
            dashboard=dashboard,
            target="host" if target == "host" else "lambda",
        )

    @property
    def stores(self) -> tuple[str, ...]:
        """Every store that is deployed."""
        return (self.telemetry_store, *([self.previous_store] if self.previous_store else []))


def _choice(get: Get, key: str, known: tuple[str, ...], default: str, problems: list[str]) -> str:
    value = get(key)
    if value is None:
        return default
    if value not in known:
        problems.append(f"{key}: expected one of {', '.join(known)}, got {value!r}")
    return str(value)


def _previous(get: Get, store: str, problems: list[str]) -> str | None:
    """An empty one counts as none, so that a script may pass it always."""
    if get("previous_store") in (None, ""):
        return None
    previous = _choice(get, "previous_store", STORES, "", problems)
    if previous == store:
        problems.append(f"previous_store: expected another store than telemetry_store, got {previous!r} for both")
    if {previous, store} == APART:
        problems.append(
            f"previous_store: expected {DYNAMODB} or nothing beside {store}, got {previous!r}: one function cannot "
            "reach both; leave it out and move with `fieldline telemetry backfill --from lake`"
        )
    return previous


def _number(get: Get, key: str, default: int, minimum: int, maximum: int, problems: list[str]) -> int:
    value = get(key)
    if value is None:
        return default
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or not minimum <= int(text) <= maximum:
        problems.append(f"{key}: expected a whole number from {minimum} to {maximum}, got {value!r}")
        return default
    return int(text)


def _flag(get: Get, key: str, default: bool, problems: list[str]) -> bool:  # noqa: FBT001 - the value's own type
    value = get(key)
    if value is None:
        return default
    known: dict[object, bool] = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in known:
        problems.append(f"{key}: expected true or false, got {value!r}")
        return default
    return known[value]


def _origins(value: object, problems: list[str]) -> tuple[str, ...]:
    """As browsers send them: no path, no default port, no wildcard."""
    if value is None or value == "":
        return ()
    origins = tuple(part.strip() for part in str(value).split(",") if part.strip())
    problems.extend(
        f"live_origins: expected origins such as https://app.example.com, separated by commas, got {origin!r}"
        for origin in origins
        if not _ORIGIN.fullmatch(origin)
    )
    return origins


def _dashboard(get: Get, problems: list[str]) -> DashboardOptions:
    domain = _matching(get, "dashboard_domain", _DOMAIN, "a name such as fieldline.example.com", problems)
    certificate = _matching(
        get, "dashboard_certificate", _CERTIFICATE, "the ARN of a certificate of ACM in us-east-1", problems
    )
    # What is said but wrong is told above.
    if bool(get("dashboard_domain")) != bool(get("dashboard_certificate")):
        problems.append("dashboard_domain, dashboard_certificate: expected both or neither, got one")
    what = "an address such as https://tiles.example.com/{z}/{x}/{y}.png"
    tiles = _matching(get, "map_tiles", _TILES, what, problems)
    if tiles and any(tiles.count(part) != 1 for part in ("{z}", "{x}", "{y}")):
        problems.append(f"map_tiles: expected {what}, got {tiles!r}")
    return DashboardOptions(domain, certificate, tiles)


def _matching(get: Get, key: str, pattern: re.Pattern[str], what: str, problems: list[str]) -> str | None:
    """An empty one counts as none."""
    value = get(key)
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        problems.append(f"{key}: expected {what}, got {value!r}")
        return None
    return value


def _fleet(value: object, problems: list[str]) -> tuple[Path, ...]:
    """Relative paths count from the working directory; without any, the repository's fleet.toml where there is one."""
    if value is None or value == "":
        return (DEFAULT_FLEET,) if DEFAULT_FLEET.is_file() else ()
    if not isinstance(value, str):
        problems.append(f"fleet: expected one or more paths separated by commas, got {value!r}")
        return ()
    paths = tuple(Path(part.strip()).expanduser().resolve() for part in value.split(",") if part.strip())
    problems.extend(
        f"fleet: expected a fleet file, got {path}, which does not exist" for path in paths if not path.is_file()
    )
    return paths
