"""What may be imported where, beyond the arrows that import-linter checks (`make check`)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Pure code gets time, randomness and IO through ports, so of the standard library it may use what computes and no more.
DOMAIN_MAY_IMPORT = {
    "__future__",
    "base64",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "typing",
    "unicodedata",
    "urllib.parse",
    "zlib",
    "zoneinfo",
    "msgspec",
    "functions.errors",
}


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            names.add(str(node.module))
    return names


def modules_of(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"{package} has no modules: was it moved?"
    return found


@pytest.mark.parametrize("path", modules_of("functions/domain"), ids=lambda path: path.stem)
def test_the_domain_imports_only_what_computes(path):
    allowed = {
        name
        for name in imported_modules(path)
        if name in DOMAIN_MAY_IMPORT or name.split(".")[0] == "contract" or name.startswith("functions.domain")
    }
    assert imported_modules(path) - allowed == set()


@pytest.mark.parametrize("path", modules_of("contract"), ids=lambda path: path.stem)
def test_the_contract_imports_only_the_standard_library_and_msgspec(path):
    outside = {name.split(".")[0] for name in imported_modules(path)} - set(sys.stdlib_module_names)
    allowed = {"msgspec", "contract"}
    if path == ROOT / "contract/rules/_yaml.py":  # loaded where files of rules are read, never in a function
        allowed.add("yaml")
    assert outside <= allowed


# Import time is billed on Lambda and waited for on a Pi; see docs/performance.md for what each of these costs.
LAZY = [
    ("contract.telemetry", {"boto3", "pydantic", "cryptography"}),
    ("contract.rules", {"yaml", "zoneinfo", "csv", "pathlib", "contract.rules._reader"}),
    ("device_agent.cli", {"awscrt", "boto3", "cryptography", "gpiozero", "msgspec", "paho", "smbus2", "typer"}),
    ("device_agent.agent", {"awscrt", "boto3", "cryptography", "gpiozero", "http.client", "lgpio", "paho", "smbus2"}),
    ("device_agent.config.agent", {"awscrt", "cryptography", "gpiozero", "paho", "smbus2"}),
    ("cli.app", {"boto3", "botocore", "httpx", "plotext"}),
    ("functions.handlers.ingest", {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler", "jwt"}),
    ("functions.handlers.presence", {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler", "jwt"}),
    ("functions.handlers.commands", {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler", "jwt"}),
    ("functions.handlers.authorizer", {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler"}),
    ("functions.handlers.series", {"boto3", "urllib3", "pydantic", "aws_lambda_powertools.event_handler"}),
    ("functions.handlers.store_admin", {"boto3", "urllib3", "pydantic"}),
    ("functions.handlers.store_setup", {"boto3", "urllib3", "pydantic"}),
]


@pytest.mark.parametrize(("module", "heavy"), LAZY, ids=lambda value: value if isinstance(value, str) else "")
def test_importing_a_module_does_not_load_what_it_may_never_need(module, heavy):
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert module in loaded
    assert heavy.isdisjoint(loaded)
