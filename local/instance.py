"""The files of one instance, all under `.local/<port>/`.

run.json        the processes of the run (pid and start time), its phase, why it ended
instance.json   addresses, user and password (mode 0600)
deployed.json   what was deployed last, by content
timestream.json the password of the InfluxDB look-alike's administrator
lock            held by the supervisor for as long as it lives
state/ s3/ tmp/ the local AWS's own
timestream/     what the Timestream look-alike keeps
logs/ fleet/ cdk.out/
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import AlreadyRunningError, SetupError
from local.ports import Ports

CHECKOUT = Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder that holds every instance of this checkout."""
    if not (CHECKOUT / "app.py").is_file() or not (CHECKOUT / "uv.lock").is_file():
        raise SetupError(f"The laptop cloud needs Fieldline's checkout: {CHECKOUT} holds no app.py and uv.lock.")
    return CHECKOUT / ".local"


@dataclass(frozen=True)
class Instance:
    """Names every file of one instance; touches none until asked."""

    root: Path
    ports: Ports

    @classmethod
    def at(cls, port: int) -> "Instance":
        return cls(root=home() / str(port), ports=Ports(port))

    @property
    def state_dir(self) -> Path:
        return self.root / "state"

    @property
    def s3_dir(self) -> Path:
        return self.root / "s3"

    @property
    def timestream_dir(self) -> Path:
        return self.root / "timestream"

    @property
    def tmp_dir(self) -> Path:
        return self.root / "tmp"

    @property
    def log_dir(self) -> Path:
        return self.root / "logs"

    @property
    def fleet_dir(self) -> Path:
        return self.root / "fleet"

    @property
    def assembly_dir(self) -> Path:
        return self.root / "cdk.out"

    @property
    def snapshot_mark(self) -> Path:
        """Touched by the local AWS when a snapshot is complete on disk."""
        return self.root / "snapshot"

    @property
    def ca_file(self) -> Path:
        return self.fleet_dir / "ca.pem"

    def make_dirs(self) -> None:
        own = (self.state_dir, self.s3_dir, self.timestream_dir, self.tmp_dir, self.log_dir, self.fleet_dir)
        for folder in (self.root, *own):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> dict[str, Any]:
        """The JSON file's object, or an empty one when it is absent or half-written by a crash."""
        try:
            value = json.loads((self.root / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return value if isinstance(value, dict) else {}

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Replaces the file as a whole, readable by its owner only."""
        path = self.root / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=2)
            stream.write("\n")
        draft.replace(path)

    def forget(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by one process at a time and let go by the system however that process ends.

        Raises AlreadyRunningError when another holds it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise AlreadyRunningError(f"The instance on port {self.ports.gateway} is already running.") from exc
            yield

    def is_locked(self) -> bool:
        """Whether a supervisor of this instance lives."""
        if not (self.root / "lock").exists():
            return False
        try:
            with self.lock():
                return False
        except AlreadyRunningError:
            return True
