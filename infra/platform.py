"""What every stack is built with."""

from dataclasses import dataclass

from infra.bundling import Bundles
from infra.config import DeployConfig
from infra.stage import StagePolicy


@dataclass(frozen=True)
class Platform:
    config: DeployConfig
    stage: StagePolicy
    bundles: Bundles
