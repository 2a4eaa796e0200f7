"""The fleet file: the devices that a deployment declares, each with the signing request that it made itself.

[[device]]
name = "press-4"
model = "machine"
group = "plant-1/line-2"
csr = "press-4.csr"     # relative to the fleet file
"""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from contract.errors import ContractError, DocumentError, FleetError, IdentityError, shown
from contract.identity import parse_group, parse_thing
from contract.models import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fleet", "FleetDevice", "load"]

_KEYS = ("name", "model", "group", "csr")
_PEM_BEGIN = "-----BEGIN CERTIFICATE REQUEST-----"
_PEM_END = "-----END CERTIFICATE REQUEST-----"
_MAX_CSR_BYTES = 16_384


class FleetDevice(msgspec.Struct, frozen=True):
    name: str
    model: str
    group: str
    csr_pem: str


class Fleet(msgspec.Struct, frozen=True):
    devices: tuple[FleetDevice, ...]


def load(path: Path) -> Fleet:
    """Read a fleet file and the requests it names; raises FleetError with every problem found in them."""
    tables = _tables(path)
    problems: list[str] = []
    devices = [_device(index, table, path.parent, problems) for index, table in enumerate(tables)]
    problems += _shared(devices)
    if problems:
        raise FleetError(str(path), tuple(problems))
    return Fleet(tuple(devices))


def _tables(path: Path) -> list[Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetError(str(path), (f"it must be a readable file, got {error.strerror}.",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FleetError(str(path), (f"it must be TOML, got {error}.",)) from error
    unknown = sorted(document.keys() - {"device"})
    if unknown:
        raise FleetError(str(path), (f"it must hold only `[[device]]` tables, got {', '.join(unknown)}.",))
    tables = document.get("device", [])
    if not isinstance(tables, list):
        raise FleetError(str(path), (f"`device` must be written as `[[device]]`, got {shown(tables)}.",))
    return tables


def _device(index: int, table: Any, folder: Path, problems: list[str]) -> FleetDevice:
    """What can be read of a device; what cannot is empty there and told in `problems`."""
    table = table if isinstance(table, dict) else {}
    name = table.get("name")
    where = f"device {index + 1} ({name})" if isinstance(name, str) else f"device {index + 1}"
    found = dict.fromkeys(_KEYS, "")
    readers: dict[str, Callable[[str], str]] = {
        "name": parse_thing,
        "model": _known_model,
        "group": parse_group,
        "csr": lambda text: _request(folder / text),
    }
    for key, read in readers.items():
        value = table.get(key)
        if not isinstance(value, str):
            problems.append(f"{where}: `{key}` must be text, got {shown(value) if key in table else 'nothing'}.")
            continue
        try:
            found[key] = read(value)
        except ContractError as error:
            problems.append(f"{where}: `{key}` must be {error.expected}, got {error.got}.")
    known = ", ".join(_KEYS)
    problems += [f"{where}: `{key}` must be left out, known are {known}." for key in table if key not in _KEYS]
    return FleetDevice(found["name"], found["model"], found["group"], found["csr"])


def _known_model(name: str) -> str:
    known = sorted(shipped())
    if name not in known:
        raise IdentityError("model", f"one of {', '.join(known)}", shown(name), "unknown_model")
    return name


def _request(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_CSR_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DocumentError("csr", "a readable file", f"{path}: {getattr(error, 'strerror', error)}") from error
    text = raw.decode("ascii", errors="replace").strip()
    if len(raw) > _MAX_CSR_BYTES or not (text.startswith(_PEM_BEGIN) and text.endswith(_PEM_END)):
        raise DocumentError("csr", f"a signing request in PEM ({_PEM_BEGIN})", f"{path} with other content")
    return text + "\n"


def _shared(devices: list[FleetDevice]) -> list[str]:
    """Names and requests that are used twice: a certificate must be one device's own."""
    problems = []
    names: set[str] = set()
    owners: dict[str, str] = {}
    for device in devices:
        if device.name and device.name in names:
            problems.append(f"`name` must be used once, got {shown(device.name)} again.")
        names.add(device.name)
        if device.csr_pem and (owner := owners.setdefault(device.csr_pem, device.name)) != device.name:
            problems.append(f"`csr` must be a device's own, got one request for {owner} and {device.name}.")
    return problems
