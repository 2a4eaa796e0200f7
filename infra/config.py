"""What a deployment may choose, read from CDK context (`-c key=value`) and checked as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

Target = Literal["lambda", "host"]

STAGES = ("dev", "prod")
TARGETS: tuple[Target, ...] = ("lambda", "host")
STORES = ("dynamodb",)
PLANNED_STORES = ("timestream-influxdb", "timestream-liveanalytics")
DEFAULT_FLEET = ROOT / "fleet.toml"


@dataclass(frozen=True)
class DeployConfig:
    """`target` says which machine runs the functions: `lambda` (arm64, Python 3.13) or `host` (this one)."""

    stage: str = "dev"
    telemetry_store: str = "dynamodb"
    fleet: tuple[Path, ...] = ()
    target: Target = "lambda"

    @classmethod
    def from_context(cls, get: Callable[[str], object]) -> "DeployConfig":
        """Raises ConfigError, which lists all that is wrong."""
        problems: list[str] = []
        stage = _choice(get, "stage", STAGES, cls.stage, problems)
        target = _choice(get, "target", TARGETS, cls.target, problems)
        store = _store(get("telemetry_store"), problems)
        fleet = _fleet(get("fleet"), problems)
        if problems:
            raise ConfigError(problems)
        return cls(stage=stage, telemetry_store=store, fleet=fleet, target="host" if target == "host" else "lambda")


def _choice(get: Callable[[str], object], key: str, known: tuple[str, ...], default: str, problems: list[str]) -> str:
    value = get(key)
    if value is None:
        return default
    if value not in known:
        problems.append(f"{key}: expected one of {', '.join(known)}, got {value!r}")
    return str(value)


def _store(value: object, problems: list[str]) -> str:
    if value is None:
        return DeployConfig.telemetry_store
    if value in PLANNED_STORES:
        problems.append(
            f"telemetry_store: {value} is designed but not available in this version; available: {', '.join(STORES)}"
        )
    elif value not in STORES:
        problems.append(f"telemetry_store: expected one of {', '.join(STORES)}, got {value!r}")
    return str(value)


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
