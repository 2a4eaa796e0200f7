"""Edits the fleet file, the list of devices that a deployment is to have; its comments and order stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import contract.fleet
from cli.errors import CliError, InputError
from cli.files import write_atomically
from contract.errors import FleetError
from contract.fleet import Fleet

_HEADER = b"# The devices of this deployment; a deploy makes their things and certificates.\n"
_LARGEST_REQUEST = 65_536


@dataclass(frozen=True, slots=True)
class NewDevice:
    """`request` is its certificate signing request as PEM."""

    name: str
    model: str
    group: str
    request: bytes


def read_request(path: Path) -> bytes:
    """The bytes of a signing request. Raises InputError, above all for a private key."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_REQUEST + 1)
    except OSError as exc:
        raise InputError(f"--csr: cannot read {path}: {exc.strerror}.") from exc
    if b"PRIVATE KEY" in content:
        raise InputError(f"--csr: {path} holds a private key, which must never leave the device; give the request.")
    if len(content) > _LARGEST_REQUEST:
        raise InputError(f"--csr: expected a signing request of at most {_LARGEST_REQUEST} bytes; {path} is larger.")
    return content


def load(path: Path) -> Fleet:
    """Raises InputError with every problem of the file."""
    try:
        return contract.fleet.load(path)
    except FleetError as exc:
        raise InputError(f"The fleet file {path} is not valid:", exc.problems) from exc


def add_device(path: Path, device: NewDevice) -> Path:
    """Appends the device and copies its request to `fleet/NAME.csr` beside the file; answers the copy's path.

    Nothing is changed where anything is refused: a fleet that would not be valid, a file that changed meanwhile.
    """
    path = path.resolve()  # a symbolic link stays one
    taken = {known.name for known in load(path).devices} if path.exists() else set()
    if device.name in taken:
        raise InputError(f"{path} has a device {device.name!r} already: choose another name, or edit that entry.")
    try:
        return _add(path, device)
    except OSError as exc:
        raise CliError(f"Cannot write {exc.filename or path}: {exc.strerror}.") from exc


def _add(path: Path, device: NewDevice) -> Path:
    before = _content(path)
    copy = path.parent / "fleet" / f"{device.name}.csr"
    made = [one for one in (copy.parent, copy) if not one.exists()]
    if copy not in made and copy.read_bytes() != device.request:
        raise InputError(f"{copy} exists already and holds another request: remove it if no device needs it.")

    def unchanged_and_valid(draft: Path) -> None:
        try:
            contract.fleet.load(draft)
        except FleetError as exc:
            raise InputError(f"{device.name} cannot be added to {path}:", exc.problems) from exc
        if _content(path) != before:
            raise CliError(f"{path} was changed meanwhile by somebody else: look at it, and try again.")

    entry = {"name": device.name, "model": device.model, "group": device.group, "csr": f"fleet/{copy.name}"}
    try:
        copy.parent.mkdir(exist_ok=True)
        write_atomically(copy, device.request)
        write_atomically(path, _appended(before, entry), check=unchanged_and_valid)
    except BaseException:
        if copy in made:
            copy.unlink(missing_ok=True)
        if copy.parent in made:
            copy.parent.rmdir()
        raise
    return copy


def _appended(before: bytes | None, entry: Mapping[str, str]) -> bytes:
    """The file with one more `[[device]]` at its end, and every byte before it as it was."""
    content = _HEADER if before is None else before
    end = "\r\n" if b"\r\n" in content else "\n"
    first = "" if content.endswith(b"\n") else end
    added = [first, "[[device]]", *(f'{key} = "{value}"' for key, value in entry.items()), ""]
    return content + end.join(added).encode()


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
