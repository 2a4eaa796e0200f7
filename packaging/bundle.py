"""The Python side of the package: a virtual environment that needs only Debian's python3, for several of its versions.

One folder, `packages`, serves every version: pure Python is the same for all, extension modules carry their version in
their name and lie side by side, and those of the stable ABI load in each. So a system upgrade finds a working agent.
"""
# ruff: noqa: INP001 - a script and its part, no package

import ast
import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
HOME = Path("usr/lib/fieldline-agent")
DRIVERS = "/usr/local/lib/fieldline-agent/drivers"
"""Where the installer puts drivers of others: `pip install --target`."""
SOURCES = ("contract", "device_agent")
EXTRAS = ("agent", "hardware", "paho")
PYTHONS = ("3.11", "3.12", "3.13")
"""Raspberry Pi OS bookworm, Ubuntu 24.04, Raspberry Pi OS trixie."""
SYSTEM_PACKAGES = {"3.13": ("/usr/lib/python3/dist-packages",)}
"""lgpio has no wheel for it. There the system's python3-lgpio is used, after everything that is bundled."""
LEFT_OUT = {"3.11": (), "3.12": (), "3.13": ("lgpio",)}
NEVER_IMPORTED = ("setuptools",)
"""What colorzero demands and does not use: 4 MB, and a hook that runs at each start of Python."""
GLIBC = "2.34"
PLATFORMS = {"amd64": ("x86_64", 62), "arm64": ("aarch64", 183)}
"""Debian's architectures: Python's name and the machine number in an ELF header."""
INSTALLERS_NOTES = ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json")
"""dpkg owns the files; these would name the machine that built the package."""


class BuildError(Exception):
    """The package cannot be built, and why."""


def project_version() -> str:
    # Read, not imported: what builds the package may lack what the project needs.
    for statement in ast.parse((ROOT / "contract" / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__":
            return str(ast.literal_eval(statement.value))
    raise BuildError("contract/__init__.py: expected __version__, found none")


def make(root: Path, architecture: str) -> None:
    """Lay the environment below `root`; raises BuildError."""
    home = root / HOME
    packages = home / "packages"
    _install(packages, architecture, PYTHONS[0])
    for python in PYTHONS[1:]:
        with TemporaryDirectory() as other:
            _install(Path(other), architecture, python)
            _merge(Path(other), packages, python)
    _clean(packages)
    _check_machine(packages, architecture)
    for source in SOURCES:
        shutil.copytree(ROOT / source, packages / source, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    _describe(packages)
    _make_venv(home)


def _install(target: Path, architecture: str, python: str) -> None:
    machine, _ = PLATFORMS[architecture]
    left_out = [f"--no-emit-package={name}" for name in (*NEVER_IMPORTED, *LEFT_OUT[python])]
    extras = [f"--extra={name}" for name in EXTRAS]
    requirements = _uv("export", "--frozen", "--offline", "--no-dev", "--no-emit-project", *extras, *left_out)
    arguments = (
        *("pip", "install", "--only-binary", ":all:", "--no-deps", "--require-hashes"),
        *("--python-platform", f"{machine}-manylinux_{GLIBC.replace('.', '_')}", "--python-version", python),
        # Modes are set below, and must not change in uv's cache.
        *("--link-mode", "copy", "--target", str(target), "--requirement", "-"),
    )
    try:
        _uv(*arguments, "--offline", given=requirements)
    except BuildError:
        _uv(*arguments, given=requirements)


def _uv(*arguments: str, given: str = "") -> str:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise BuildError(f"uv: expected beside {sys.executable} or in PATH; `make setup` brings it")
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [uv, "--quiet", "--directory", str(ROOT), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=env)  # noqa: S603
    if done.returncode:
        raise BuildError(f"uv {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def _merge(other: Path, packages: Path, python: str) -> None:
    """Add the extension modules of another Python; everything else must be the same for both."""
    tag = f".cpython-{python.replace('.', '')}-"
    for path in _files(other):
        relative = path.relative_to(other)
        if tag in path.name:
            (packages / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, packages / relative)
        elif not _may_differ(relative) and not _same(path, packages / relative):
            raise BuildError(f"{relative}: expected the same for Python {PYTHONS[0]} and {python}, got another")


def _may_differ(relative: Path) -> bool:
    """A library of the stable ABI is built for each Python, and loads in all later ones."""
    return relative.parts[0].endswith(".dist-info") or relative.parts[0] == "bin" or relative.name.endswith(".abi3.so")


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(path, other, shallow=False)


def _clean(packages: Path) -> None:
    # Commands of the libraries, with the path of the Python that installed them.
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for path in _files(packages):
        if path.name in INSTALLERS_NOTES and path.parent.name.endswith(".dist-info"):
            path.unlink()
    (packages / ".lock").unlink(missing_ok=True)


def _check_machine(packages: Path, architecture: str) -> None:
    """Every extension module must be for the architecture: a wheel of another would be found in the field."""
    _, expected = PLATFORMS[architecture]
    for path in _files(packages):
        head = path.read_bytes()[:20] if ".so" in path.suffixes else b""
        if head and (head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != expected):
            raise BuildError(f"{path.relative_to(packages)}: expected an ELF file of machine {expected}")


def _describe(packages: Path) -> None:
    """Let `importlib.metadata` know which version this is."""
    version = project_version()
    info = packages / f"fieldline-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fieldline\nVersion: {version}\n", encoding="utf-8")
    shutil.copy(ROOT / "LICENSE", info / "LICENSE")


def _make_venv(home: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to("/usr/bin/python3")
    # With this file beside it, Python knows nothing of the system's packages.
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8")
    for python in PYTHONS:
        site = home / "lib" / f"python{python}" / "site-packages"
        site.mkdir(parents=True)
        paths = [f"/{HOME}/packages", DRIVERS, *SYSTEM_PACKAGES.get(python, ())]
        (site / "fieldline.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
