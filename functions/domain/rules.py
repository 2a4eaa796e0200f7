"""Rules and models as they are read from what is kept, and which of them concern a device. Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from contract import models
from contract.models import DeviceModel
from contract.rules import Rule, read_rule
from functions.domain.access import EVERYTHING, lineage
from functions.domain.definitions import MAX_MODELS, MAX_RULES, Definition
from functions.domain.devices import Device


class Head(msgspec.Struct, frozen=True):
    """What of a rule says whom it is for, which is read without the rest of it."""

    scope: str
    enabled: bool = True


_head = msgspec.json.Decoder(Head)


def head_of(definition: Definition) -> Head:
    """Raises msgspec.DecodeError for what is no rule."""
    return _head.decode(definition.text)


@lru_cache(maxsize=2 * MAX_RULES)
def rule_of(text: str) -> Rule:
    """The rule of a document that was kept; raises RuleError for one that this release does not read."""
    return read_rule(msgspec.json.decode(text))


@lru_cache(maxsize=MAX_MODELS)
def model_of(text: str) -> DeviceModel:
    """The model of a document that was kept; raises ModelError for one that this release does not read."""
    return models.decode(text.encode(), "the stored model")


def scopes_of(device: Device) -> tuple[str, ...]:
    """The scopes of the rules that apply to a device, the widest first."""
    groups = (f"group:{path}" for path in lineage(device.group))
    return (EVERYTHING, f"model:{device.model}", *groups, f"device:{device.thing}")


def applicable(by_scope: Mapping[str, tuple[Definition, ...]], device: Device) -> Iterable[Definition]:
    """The installed rules for a device, by the scopes that they are filed under."""
    for scope in scopes_of(device):
        yield from by_scope.get(scope, ())
