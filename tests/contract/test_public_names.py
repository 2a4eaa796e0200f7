"""What the contract offers, and what importing it costs."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import contract

MODULES = sorted(module.name for module in pkgutil.iter_modules(contract.__path__))
PUBLIC = [name for name in MODULES if not name.startswith("_")]
# Modules that a cold start would pay for; `contract` asks for them only when something needs them.
HEAVY = {"json", "importlib.resources", "pathlib", "tempfile", "urllib", "asyncio", "logging", "boto3", "pydantic"}
HOT = ("telemetry", "ingest", "identity", "topics", "errors", "documents", "models")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_offers_and_all_of_it_exists(name):
    module = importlib.import_module(f"contract.{name}")
    assert list(module.__all__) == sorted(
        module.__all__, key=lambda each: (not each.isupper(), not each[0].isupper(), each)
    )
    assert all(hasattr(module, each) for each in module.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_of_the_module_itself_is_offered(name):
    module = importlib.import_module(f"contract.{name}")
    own = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    assert own <= set(module.__all__)


def imported_by(statement):
    code = f"import sys, msgspec; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_hot_modules_import_nothing_heavy():
    loaded = imported_by("import " + ", ".join(f"contract.{name}" for name in HOT))
    assert loaded & HEAVY == set()


def test_the_contract_imports_the_standard_library_and_msgspec_only():
    loaded = imported_by("import " + ", ".join(f"contract.{name}" for name in PUBLIC))
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"contract", "msgspec"}
    assert foreign == set()
