"""The rules and models as functions hold them."""

import logging
from typing import TYPE_CHECKING, Any

from contract import models
from functions.bootstrap.clients import CLOCK

if TYPE_CHECKING:
    from functions.ports.devices import DeviceFinder
    from functions.services.rulebook import Rulebook

_log = logging.getLogger(__name__)


def rulebook(dynamodb: Any, core_table: str, registry: "DeviceFinder | None" = None) -> "Rulebook":
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.dynamodb_rules import DynamoDBRules
    from functions.services.rulebook import Rulebook

    finder = registry or DynamoDBDeviceFinder(dynamodb, core_table)
    return Rulebook(DynamoDBRules(dynamodb, core_table), finder, CLOCK, shipped=models.shipped(), broken=_told)


def _told(what: str, problem: str) -> None:
    """Everything else goes on; the log says what does not."""
    _log.error("%s cannot be used: %s", what, problem)
