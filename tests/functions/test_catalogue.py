import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions import bootstrap
from functions.catalogue import FUNCTIONS

ROOT = Path(__file__).parents[2]
SPECS = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)


@SPECS
def test_an_entry_names_a_handler_and_what_wires_it(spec):
    module, _, name = spec.handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    assert callable(getattr(bootstrap, spec.name))


def test_every_handler_has_an_entry():
    modules = {path.stem for path in (ROOT / "functions" / "handlers").glob("*.py")} - {"__init__", "records"}
    assert modules == {spec.name for spec in FUNCTIONS}


@SPECS
def test_a_handler_is_short(spec):
    module = importlib.import_module(spec.handler.rpartition(".")[0])
    assert len(inspect.getsource(module).splitlines()) <= 50


@SPECS
def test_a_grant_names_an_action_of_its_resource_s_service(spec):
    services = {"core": "dynamodb", "state": "dynamodb", "events": "dynamodb", "telemetry": "dynamodb"}
    services |= {"lake": "firehose", "presence-queue": "sqs"}
    for grant in spec.grants:
        assert grant.actions
        for action in grant.actions:
            assert re.fullmatch(rf"{services[grant.resource.partition('/')[0]]}:[A-Z][A-Za-z]+", action)


@pytest.mark.parametrize(
    ("spec", "heavy"),
    [
        (spec, {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler"} | ({"jwt"} if hot else set()))
        for spec in FUNCTIONS
        for hot in [spec.dependency_group == "fn-hot"]
        if spec.dependency_group != "fn-api"
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_cold_start_loads_nothing_heavy_and_reads_no_environment(spec, heavy):
    module = spec.handler.rpartition(".")[0]
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert module in loaded
    assert heavy.isdisjoint(loaded)


def test_the_registrar_ends_before_cloudformation_stops_waiting_for_it():
    (registrar,) = (spec for spec in FUNCTIONS if spec.name == "registrar")
    assert registrar.timeout_s <= 100
