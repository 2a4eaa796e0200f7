"""The control socket's place in the file system: who may reach it, and paths longer than the kernel takes."""

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contract.errors import shown
from device_agent.config.table import Table
from device_agent.errors import ControlError, NotRunningError

OWNER_ONLY: Final = 0o600
GROUP_TOO: Final = 0o660
NAME: Final = "control.sock"
RUNTIME_DIRECTORY: Final = Path("/run/fieldline")
"""Where the agent's service has its socket; the unit says so, and the command must find it."""
_CREDENTIALS: Final = struct.Struct("3i")
_BACKLOG: Final = 8


@dataclass(frozen=True)
class ControlSettings:
    """`[control]`. Without a `group`, only the agent's own user and root are answered."""

    socket: Path | None
    beside: Path
    """Where the socket is if `socket` is None and no runtime directory is given."""
    group: int | None = None
    enabled: bool = True

    def place(self, runtime_directory: str | None) -> Path:
        """Where an agent listens whose service manager gave it this directory (`$RUNTIME_DIRECTORY`), or none."""
        if self.socket is not None:
            return self.socket
        return Path(runtime_directory.split(":")[0]) / NAME if runtime_directory else self.beside

    def places(self) -> tuple[Path, ...]:
        """Where an agent with this configuration may listen, whoever started it."""
        return (self.socket,) if self.socket is not None else (self.beside, RUNTIME_DIRECTORY / NAME)


def parse_control(table: Table, queue: Path) -> ControlSettings:
    """Read `[control]`; what is wrong is noted in the table."""
    group = table.optional_text("group")
    return ControlSettings(
        socket=table.optional_path("socket", must_exist=False),
        beside=queue.with_name(f"{queue.name}.sock"),
        group=None if group is None else _group(table, group),
        enabled=table.boolean("enabled", default=True),
    )


def listen(path: Path, group: int | None) -> socket.socket:
    """A listening socket at `path`, from its first moment for nobody but those who may use it.

    Raises:
        ControlError: it cannot be made, or an agent listens there already.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with _short(path) as short:
            _clear(path, short)
            os.fchmod(server.fileno(), OWNER_ONLY)  # Linux makes the file with the mode that the socket has
            server.bind(short)
            if group is not None:
                os.chown(short, -1, group)
                os.chmod(short, GROUP_TOO)  # noqa: PTH101 - the short name goes by way of a descriptor
            server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        raise ControlError(f"cannot listen at {path}: {error}") from error
    except ControlError:
        server.close()
        raise
    return server


def connect(path: Path, timeout_s: float) -> socket.socket:
    """A connection to the agent that listens at `path`.

    Raises:
        NotRunningError: none does.
        ControlError: one does, but not for this user.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    client.settimeout(timeout_s)
    try:
        with _short(path) as short:
            client.connect(short)
    except PermissionError as error:
        client.close()
        raise ControlError(f"the agent's socket {path} is not for this user", "permission") from error
    except OSError as error:
        client.close()
        raise NotRunningError(f"no agent listens at {path}: {error.strerror or error}") from error
    return client


class Peer(Protocol):
    """A connected socket."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def is_allowed(connection: Peer, group: int | None) -> bool:
    """Whether the other end runs as root or the agent's user; where there is a `group`, the file's mode has decided."""
    _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return group is not None or uid in (0, os.geteuid())


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of `path` that fits into a socket address, whose limit is 107 bytes."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def _clear(path: Path, short: str) -> None:
    """Take away the socket of an agent that is gone."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(short).st_mode):
            raise ControlError(f"cannot listen at {path}: something else than a socket is there")
        with suppress(NotRunningError):
            connect(path, 1.0).close()
            raise ControlError(f"another agent listens at {path}", "in_use")
        os.unlink(short)  # noqa: PTH108 - see above


def _group(table: Table, name: str) -> int | None:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):  # the latter for a text that no system takes
        table.problem("group", "a group of this machine", shown(name))
        return None
