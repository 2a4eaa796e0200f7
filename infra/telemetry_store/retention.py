"""How long a store with a clean-up of its own keeps what is written to it."""

from infra.config import DeployConfig

GRACE_DAYS = 7
"""Readers stop at the retention to the millisecond; a store cleans up by whole blocks, and must never be ahead."""


def kept_days(config: DeployConfig) -> int:
    return config.retention_days + GRACE_DAYS
