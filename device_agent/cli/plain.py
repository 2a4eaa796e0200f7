"""A configuration as JSON can have it, without its secrets."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from device_agent.config.agent import AgentConfig
from device_agent.transport import Endpoint
from device_agent.transport.pkcs11 import Pkcs11Key


def plain_config(config: AgentConfig) -> dict[str, Any]:
    """Every key; of the model its name and version."""
    found = {each.name: plain(getattr(config, each.name)) for each in fields(config) if each.name != "model"}
    return {"model": f"{config.model.name} {config.model.version}", **found}


def plain(value: Any) -> Any:
    """Any part of it; of a function its name, of a key in a token where it is."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _collection(value)
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.to_builtins(value))
    if is_dataclass(value) and not isinstance(value, (type, Endpoint, Pkcs11Key)):
        # What must not be shown is no part of the repr either.
        return {each.name: plain(getattr(value, each.name)) for each in fields(value) if each.repr}
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return str(value)


def _collection(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
