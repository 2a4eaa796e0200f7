"""Edits the fleet file, the list of devices that a deployment is to have; its comments and order stay as they are."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError, InputError
from cli.files import write_atomically

_HEADER = "# The devices of this deployment; a deploy makes their things and certificates.\n"
_LARGEST_REQUEST = 65_536


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Checked already; `request` is the PEM text of its certificate signing request."""

    name: str
    model: str
    group: str
    request: bytes


def read_request(path: Path) -> bytes:
    """The bytes of a certificate signing request. Raises InputError, above all for a private key."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_REQUEST + 1)
    except OSError as exc:
        raise InputError(f"--csr: cannot read {path}: {exc.strerror}.") from exc
    if len(content) > _LARGEST_REQUEST:
        raise InputError(
            f"--csr: expected a certificate signing request; {path} is larger than {_LARGEST_REQUEST} bytes."
        )
    if b"PRIVATE KEY" in content:
        raise InputError(
            f"--csr: {path} holds a private key, which must never leave the device; give the request (.csr)."
        )
    return content


def add_device(path: Path, device: NewDevice) -> Path:
    """Appends the device and copies its request to `fleet/NAME.csr` beside the file; answers the copy's path.

    Nothing is changed where anything is refused: a name that is taken, a file that changed meanwhile.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = path.resolve()  # a symbolic link stays one
    before = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        document = tomlkit.parse(_HEADER if before is None else before)
    except TOMLKitError as exc:
        raise InputError(f"{path} is not TOML: {exc}.") from exc
    devices = document.setdefault("device", tomlkit.aot())
    if not isinstance(devices, tomlkit.items.AoT):
        raise InputError(f"{path}: expected its devices as [[device]] tables; got {type(devices).__name__}.")
    _refuse_a_taken_name(path, device.name, [str(entry.get("name")) for entry in devices])

    copy = path.parent / "fleet" / f"{device.name}.csr"
    entry = tomlkit.table()
    entry.update(
        {
            "name": device.name,
            "model": device.model,
            "group": device.group,
            "csr": copy.relative_to(path.parent).as_posix(),
        }
    )
    devices.append(entry)
    _write_both(path, before, tomlkit.dumps(document), copy, device.request)
    return copy


def _refuse_a_taken_name(path: Path, name: str, taken: Collection[str]) -> None:
    if name in taken:
        raise InputError(f"{path} has a device {name!r} already: choose another name, or edit that entry.")


def _refuse_a_changed_file(path: Path, before: str | None) -> None:
    if (path.read_text(encoding="utf-8") if path.exists() else None) != before:
        raise CliError(f"{path} was changed meanwhile by somebody else: look at it, and try again.")


def _write_both(path: Path, before: str | None, after: str, copy: Path, request: bytes) -> None:
    if copy.exists() and copy.read_bytes() != request:
        raise InputError(f"{copy} exists already and holds another request: remove it if no device needs it.")
    was_there = copy.exists()
    try:
        copy.parent.mkdir(exist_ok=True)
        write_atomically(copy, request)
        _refuse_a_changed_file(path, before)
        write_atomically(path, after.encode())
    except BaseException as exc:
        if not was_there:
            copy.unlink(missing_ok=True)
        if isinstance(exc, OSError):
            raise CliError(f"Cannot write {exc.filename or path}: {exc.strerror}.") from exc
        raise
