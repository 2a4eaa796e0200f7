"""Lambda bundles without Docker: what uv.lock pins for one dependency group, plus `contract` and `functions`.

Functions of one group share one bundle, so that dependencies are installed, hashed and uploaded once per group.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from infra.config import ROOT, Target
from infra.errors import BundleError

SOURCES = ("contract", "functions")
LAMBDA_PYTHON = (3, 13)
LAMBDA_PLATFORM = "aarch64-manylinux2014"
BOTO_SERVICES = frozenset(
    {
        "apigatewaymanagementapi",
        "cognito-idp",
        "dynamodb",
        "firehose",
        "iot",
        "iot-data",
        "lambda",
        "s3",
        "secretsmanager",
        "sesv2",
        "sns",
        "sqs",
        "ssm",
        "sts",
        "timestream-query",
        "timestream-write",
    }
)
"""The services whose models stay in a bundle: botocore ships 400 of them, 25 MB. A test compares this with the code."""


@dataclass(frozen=True)
class Bundle:
    """Everything that decides a bundle's bytes; equal hashes mean equal bundles, so an unchanged one is not rebuilt."""

    group: str
    target: Target
    root: Path = ROOT

    @cached_property
    def requirements(self) -> str:
        """The group's pins with their hashes, from uv.lock alone."""
        export = ["export", "--frozen", "--offline", "--no-header", "--no-annotate", "--no-emit-project"]
        return _uv([*export, "--only-group", self.group], f"uv.lock has no usable group {self.group!r}", self.root)

    @cached_property
    def compiler(self) -> Path | None:
        """The Python that runs the bundle, where this machine has it: only that one can compile for it."""
        return Path(sys.executable) if self.target == "host" else _python(LAMBDA_PYTHON)

    @cached_property
    def hash(self) -> str:
        digest = hashlib.sha256()
        described = [self.group, self._runs_on, f"pyc={self.compiler is not None}", self.requirements]
        # The recipe counts too: whoever changes this file gets new bundles.
        recipe = Path(__file__).read_text(encoding="utf-8")
        for text in (*described, recipe):
            digest.update(text.encode() + b"\0")
        for path in self._source_files:
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def build(self, directory: Path) -> None:
        """Fill an empty directory; raises BundleError. CDK renames it when it is done, so half of one is never used."""
        self._install(directory)
        for source in SOURCES:
            shutil.copytree(
                self.root / source, directory / source, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        _prune(directory)
        if self.compiler is not None:
            _compile(self.compiler, directory)

    def _install(self, directory: Path) -> None:
        install = ["pip", "install", "--only-binary", ":all:", "--no-deps", "--require-hashes"]
        arguments = [*install, *self._platform_arguments, "--target", str(directory), "--requirement", "-"]
        # The cache first: a warm one answers in milliseconds and needs no network.
        try:
            _uv([*arguments, "--offline"], "", self.root, self.requirements)
        except BundleError:
            message = (
                f"cannot install the dependencies of bundle {self.group!r}: they are neither in uv's cache nor "
                "to be had from the network; connect once, or bring a warm cache"
            )
            _uv(arguments, message, self.root, self.requirements)

    @property
    def _platform_arguments(self) -> list[str]:
        if self.target == "host":
            return ["--python", sys.executable]
        return ["--python-platform", LAMBDA_PLATFORM, "--python-version", ".".join(map(str, LAMBDA_PYTHON))]

    @property
    def _runs_on(self) -> str:
        if self.target == "host":
            return f"{platform.system()} {platform.machine()} {sys.version_info[:2]}"
        return f"{LAMBDA_PLATFORM} {LAMBDA_PYTHON}"

    @property
    def _source_files(self) -> list[Path]:
        files = (path for source in SOURCES for path in (self.root / source).rglob("*"))
        return sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)


class Bundles:
    """Hands out the code of an app's functions; `failure` keeps why a bundle could not be built."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._bundles: dict[str, Bundle] = {}
        self.failure: BundleError | None = None

    def code(self, group: str) -> lambda_.AssetCode:
        """A code object may serve one stack only; equal hashes make them one asset nevertheless."""
        bundle = self._bundles.setdefault(group, Bundle(group, self._target))
        return lambda_.Code.from_asset(
            str(ROOT / "functions"),
            asset_hash=bundle.hash,
            asset_hash_type=cdk.AssetHashType.CUSTOM,
            bundling=cdk.BundlingOptions(
                # Never pulled: local bundling always answers or raises.
                image=cdk.DockerImage.from_registry("unused"),
                local=cast("cdk.ILocalBundling", _LocalBundling(self, bundle)),
            ),
        )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def __init__(self, bundles: Bundles, bundle: Bundle) -> None:
        self._bundles = bundles
        self._bundle = bundle

    def try_bundle(self, output_dir: str, *_options: Any) -> bool:
        try:
            self._bundle.build(Path(output_dir))
        except BundleError as error:
            # jsii hands the caller a trace of its own; this keeps what went wrong.
            self._bundles.failure = error
            raise
        return True


def drop_unused(outdir: Path) -> None:
    """Remove the bundles that no stack in a cloud assembly refers to any longer: each change of code leaves three."""
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in outdir.glob("*.assets.json")]
    used = {file["source"]["path"] for manifest in manifests for file in manifest["files"].values()}
    for asset in outdir.glob("asset.*"):
        if asset.is_dir() and asset.name not in used:
            shutil.rmtree(asset)


def _uv(arguments: list[str], problem: str, cwd: Path, stdin: str = "") -> str:
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv) if uv.is_file() else "uv", "--quiet", "--no-progress", *arguments]
    try:
        done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    except FileNotFoundError as error:
        raise BundleError("uv is not installed beside this Python; run `make setup`") from error
    if done.returncode != 0:
        raise BundleError(f"{problem}\n{done.stderr.strip()}")
    return done.stdout


@cache
def _python(version: tuple[int, int]) -> Path | None:
    """A Python of that version that really starts (a pyenv shim may exist for one that is not installed)."""
    found = shutil.which(f"python{version[0]}.{version[1]}")
    if found is None:
        return None
    probe = [found, "-c", "import sys; print(sys.version_info[:2])"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return Path(found) if done.returncode == 0 and done.stdout.strip() == str(version) else None


def _prune(directory: Path) -> None:
    """Leave out scripts, and botocore's models of services that no function calls."""
    shutil.rmtree(directory / "bin", ignore_errors=True)
    (directory / ".lock").unlink(missing_ok=True)
    for data in (directory / "botocore" / "data", directory / "boto3" / "data"):
        for service in data.glob("*"):
            if service.is_dir() and service.name not in BOTO_SERVICES:
                shutil.rmtree(service)


def _compile(python: Path, directory: Path) -> None:
    """Unchecked pycs: Lambda unpacks with its own file times, which would make checked ones stale."""
    quietly = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # A module that does not compile costs time at its import only.
    subprocess.run([str(python), *quietly, str(directory)], capture_output=True, check=False)  # noqa: S603 - fixed arguments
