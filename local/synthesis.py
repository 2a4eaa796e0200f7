"""Synthesizes the CDK app for this machine, unless nothing that it depends on has changed since the last time."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local import assembly, processes
from local.errors import SynthesisError
from local.instance import CHECKOUT, Instance
from local.mail import MAIL_FROM

if TYPE_CHECKING:
    import subprocess

SOURCES = ("contract", "functions", "infra")
SINGLE_FILES = ("app.py", "cdk.json", "uv.lock")
_INPUTS = ".fieldline-inputs"


@dataclass(frozen=True)
class Choice:
    """What the app is synthesized with."""

    stage: str
    store: str
    fleet: tuple[Path, ...]
    previous_store: str | None = None

    def arguments(self) -> list[str]:
        context = {
            "stage": self.stage,
            "telemetry_store": self.store,
            "target": "host",
            "mail_from": MAIL_FROM,
            "fleet": ",".join(str(path) for path in self.fleet),
            **({"previous_store": self.previous_store} if self.previous_store else {}),
        }
        return [part for key, value in context.items() for part in ("-c", f"{key}={value}")]


def is_current(instance: Instance, inputs: str) -> bool:
    """Whether the assembly on disk came from exactly these inputs."""
    mark = instance.assembly_dir / _INPUTS
    return mark.exists() and mark.read_text(encoding="utf-8") == inputs


def start(instance: Instance, choice: Choice) -> "subprocess.Popen[bytes]":
    """Begin the synthesis; `finish` says how it ended. Call it from the main thread."""
    (instance.assembly_dir / _INPUTS).unlink(missing_ok=True)
    log = _log(instance)
    log.unlink(missing_ok=True)
    env = {**os.environ, "CDK_OUTDIR": str(instance.assembly_dir)}
    command = [sys.executable, str(CHECKOUT / "app.py"), *choice.arguments()]
    return processes.start(command, env=env, log=log, cwd=CHECKOUT, mark=str(instance.root))


def finish(instance: Instance, inputs: str, exit_code: int) -> None:
    """Raises SynthesisError with what the app said, or remembers which inputs the assembly is from."""
    if exit_code:
        said = _log(instance).read_text(encoding="utf-8", errors="replace").strip()
        raise SynthesisError(f"The CDK app did not synthesize (exit code {exit_code}):\n{said[-2000:]}")
    _forget_old_bundles(instance.assembly_dir)
    (instance.assembly_dir / _INPUTS).write_text(inputs, encoding="utf-8")


def _forget_old_bundles(folder: Path) -> None:
    """CDK keeps the bundles of every earlier synthesis; each change of a source would leave some behind."""
    current = {asset.path for stack in assembly.read(folder) for asset in stack.assets}
    for bundle in folder.glob("asset.*"):
        if bundle not in current and bundle.is_dir():
            shutil.rmtree(bundle)


def inputs_hash(choice: Choice, root: Path = CHECKOUT) -> str:
    """A digest of every byte that decides the assembly: sources, pins, fleet files with their CSRs, choices, Python."""
    digest = hashlib.sha256(f"{sys.version}\0{choice.arguments()}".encode())
    for path in _files(root, choice.fleet):
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(root: Path, fleet: Sequence[Path]) -> Iterable[Path]:
    yield from (root / name for name in SINGLE_FILES)
    for source in SOURCES:
        found = (root / source).rglob("*")
        yield from sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)
    for path in fleet:
        yield path
        yield from sorted(path.parent.rglob("*.csr"))


def _log(instance: Instance) -> Path:
    return instance.log_dir / "synth.log"
