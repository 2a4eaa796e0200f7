"""Rules and models as they are read from what is kept, and which of them concern a device. Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from contract import models
from contract.errors import IdentityError, shown
from contract.identity import parse_group, parse_thing
from contract.models import DeviceModel
from contract.rules import Rule, read_rule
from contract.telemetry import Value
from functions.domain.access import EVERYTHING, lineage
from functions.domain.definitions import MAX_MODELS, MAX_RULES, Definition
from functions.domain.devices import Device
from functions.domain.engine.one_pass import attribute_value
from functions.errors import RequestError


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


def attributes_of(device: Device) -> dict[str, Value]:
    """A device's attributes as rules see them: numbers and truths where the texts are such."""
    return {f"@{key}": attribute_value(text) for key, text in device.tags.items()}


def parse_rule_scope(text: str) -> str:
    """The scope of a rule in its one spelling; raises RequestError."""
    kind, _, name = text.partition(":")
    parse = {"model": parse_thing, "group": parse_group, "device": parse_thing}.get(kind)
    if text == EVERYTHING:
        return text
    if parse is None:
        raise RequestError("scope", "*, model:NAME, group:PATH or device:NAME", shown(text))
    try:
        return f"{kind}:{parse(name)}"
    except IdentityError as exc:
        raise RequestError("scope", f"{kind}: and {exc.expected}", exc.got) from exc
