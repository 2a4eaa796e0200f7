"""Keys of the configuration that follow the device model's own: `{ setting = "interval_ms", scale = 0.001 }`.

What a model can be set to comes over the air (the `config` shadow); the TOML says where such a value goes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from contract.errors import shown
from contract.models import DeviceModel
from device_agent.config.values import is_finite

_PART: Final = re.compile(r"[^.\[\]]+")
KEYS: Final = frozenset({"setting", "scale", "offset"})


class Misfit(NamedTuple):
    """Why a reference cannot be followed; `key` is the part of it that is wrong."""

    key: str
    expected: str
    got: str


@dataclass(frozen=True)
class Following:
    """The model whose configuration may be referred to, and the values of it that are in force."""

    model: DeviceModel
    values: Mapping[str, Any]
    followed: set[str] = field(default_factory=set)
    """The names that were referred to so far."""

    def resolve(self, reference: Mapping[str, Any]) -> Any | Misfit:
        """The value that a reference stands for: the setting's, times `scale` plus `offset` if it is a number."""
        wrong = _malformed(reference) or self._unavailable(reference["setting"])
        if wrong:
            return wrong
        name = reference["setting"]
        self.followed.add(name)
        value = self.values[name]
        if len(reference) == 1:
            return value
        if not is_finite(value):
            return Misfit("setting", "a number, since there is a scale or an offset", f"{shown(name)} = {shown(value)}")
        return _tidy(float(value) * float(reference.get("scale", 1)) + float(reference.get("offset", 0)))

    def _unavailable(self, name: str) -> Misfit | None:
        known = self.model.configuration.get("properties", {})
        if name not in known:
            keys = f"a key of the model {self.model.name}'s configuration: {', '.join(known) or 'it has none'}"
            return Misfit("setting", keys, shown(name))
        if name not in self.values:
            return Misfit("setting", "a key that has a default in the model, or a value", f"{shown(name)}, unset")
        return None


def is_reference(value: Any) -> bool:
    """Whether a value of the file is a reference to a setting."""
    return isinstance(value, dict) and "setting" in value


def setting_at(key: str, value: Any) -> str | None:
    """Which setting a part of a value follows; `key` is its path within, such as `when.above` or `points[1]`."""
    for part in _PART.findall(key):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
        if is_reference(value):
            return value["setting"] if isinstance(value["setting"], str) else None
    return None


def interval_of(model: DeviceModel) -> dict[str, Any] | None:
    """The reference that a sensor's `interval_s` follows if the file gives none: the model's `interval_ms`."""
    if model.configuration.get("properties", {}).get("interval_ms", {}).get("type") not in ("integer", "number"):
        return None
    return {"setting": "interval_ms", "scale": 0.001}


def _malformed(reference: Mapping[str, Any]) -> Misfit | None:
    for key, value in reference.items():
        if key not in KEYS:
            return Misfit(key, f"one of {', '.join(sorted(KEYS))}", "a key that is none of them")
        if key == "setting" and not isinstance(value, str):
            return Misfit(key, "a text", shown(value))
        if key != "setting" and not is_finite(value):
            return Misfit(key, "a number", shown(value))
    return None


def _tidy(value: float) -> float:
    """Without what scaling by a decimal fraction adds in the last digits; whole numbers as integers."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() else rounded
