"""What is done of a move, on disk before it counts: the same command goes on where the last one was stopped.

JSON lines, each synced: first the move, then the pages of its plan, then every slice as the function answered. A line
that a crash left half-written is dropped; at worst a slice is copied once more, which changes nothing.
"""

import json
import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from cli.backfill.planning import Move
from cli.errors import CliError, InputError
from contract.backfill import Copied, Listing, Position, read_answer, write
from contract.errors import DocumentError

VERSION = 1
_HEAD = b'{"v":'


class _Slice(msgspec.Struct):
    piece: int
    copied: dict[str, Any]


def default_path(*what: str | None) -> Path:
    """Of the move that `what` tells apart from any other, in the user's state directory of this platform."""
    digest = blake2b(json.dumps(what).encode(), digest_size=6).hexdigest()
    return _state_directory() / "moves" / f"{digest}.jsonl"


def _state_directory() -> Path:
    """FIELDLINE_STATE_DIR moves it."""
    import typer

    if chosen := os.environ.get("FIELDLINE_STATE_DIR"):
        return Path(chosen)
    if sys.platform in {"win32", "darwin"}:
        return Path(typer.get_app_dir("fieldline"))
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fieldline"


class Journal:
    """Open one with `opened`; use as a context manager."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self.move: Move | None = None
        self.finished = False
        self.listings: list[Listing] = []
        self.positions: dict[int, Position | None] = {}
        """Where each piece that was begun goes on, None where it is done."""
        self._stream = stream

    @classmethod
    def opened(cls, path: Path) -> Self:
        """With what it holds already. Raises InputError where it is none of ours, CliError where it is in use."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stream = path.open("a+b")
        except OSError as exc:
            raise CliError(f"Cannot open the journal {path}: {exc.strerror}.") from exc
        try:
            _lock(stream, path)
            journal = cls(path, stream)
            journal._load()
        except BaseException:
            stream.close()
            raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def begin(self, move: Move) -> None:
        """Forgets whatever it held."""
        self._stream.truncate(0)
        self.move, self.finished, self.listings, self.positions = move, False, [], {}
        self._append({"v": VERSION, "move": msgspec.to_builtins(move)})

    def planned(self, listing: Listing) -> None:
        self._append({"listing": write(listing)})
        self.listings.append(listing)

    def copied(self, piece: int, copied: Copied) -> None:
        self._append({"piece": piece, "copied": write(copied)})
        self.positions[piece] = copied.next

    def finish(self) -> None:
        self._append({"finished": True})
        self.finished = True

    @property
    def is_planned(self) -> bool:
        return bool(self.listings) and self.listings[-1].cursor is None

    def slices(self) -> Iterator[Copied]:
        """Every slice so far, read from the file again: there may be more than memory holds."""
        with self.path.open("rb") as stream:
            for line in stream:
                entry = json.loads(line)
                if "copied" in entry:
                    yield _copied(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            self._stream.write(msgspec.json.encode(entry) + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as exc:
            raise CliError(f"Cannot write the journal {self.path}: {exc.strerror}.") from exc

    def _load(self) -> None:
        self._stream.seek(0)
        head = self._stream.read(len(_HEAD))
        if not _HEAD.startswith(head):
            raise InputError(f"{self.path} is no journal of a move.")
        self._stream.seek(0)
        good = 0
        for number, line in enumerate(self._stream):
            if not line.endswith(b"\n"):
                break
            try:
                self._take(json.loads(line), number)
            except (ValueError, LookupError, TypeError, msgspec.ValidationError, DocumentError) as exc:
                raise InputError(f"{self.path} is no journal of a move: line {number + 1} is {exc}.") from exc
            good += len(line)
        self._stream.truncate(good)
        self._stream.seek(0, os.SEEK_END)

    def _take(self, entry: dict[str, Any], number: int) -> None:
        if number == 0:
            if entry["v"] != VERSION:
                raise ValueError(f"of version {entry['v']}, and this command writes {VERSION}")
            self.move = msgspec.convert(entry["move"], Move)
        elif "listing" in entry:
            listing = read_answer(entry["listing"])
            if not isinstance(listing, Listing):
                raise TypeError("not a plan")
            self.listings.append(listing)
        elif "copied" in entry:
            self.positions[msgspec.convert(entry, _Slice).piece] = _copied(entry).next
        else:
            self.finished = bool(entry["finished"])


def _copied(entry: dict[str, Any]) -> Copied:
    answer = read_answer(entry["copied"])
    if not isinstance(answer, Copied):
        raise TypeError("not a slice")
    return answer


def _lock(stream: BinaryIO, path: Path) -> None:
    """Held until the file is closed, by the system also where the process is killed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise CliError(f"Another command is making this move: {path} is in use.") from exc
