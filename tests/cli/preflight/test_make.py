"""`make preflight` and `make deploy`: what they run, and that nothing is deployed after a failure."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.preflight import run
from infra.config import DeployConfig

CDK_CLI = "aws-cdk@2.1148.1"

ROOT = Path(__file__).parents[3]


@pytest.fixture
def make(tmp_path):
    """Runs a target with a `fieldline` and a `python` that only write down how they were called."""
    calls = tmp_path / "calls"
    for name in ("fieldline", "python"):
        path = tmp_path / name
        path.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {calls}\nexit $(cat {tmp_path}/{name}.status 2>/dev/null || echo 0)\n'
        )
        path.chmod(0o755)

    def invoke(*args, fails=False, preflight=0):
        (tmp_path / "fieldline.status").write_text(str(preflight))
        # As if set up and built already: what is under test is what comes after.
        done_before = ["--old-file=.venv/.synced", "--old-file=dashboard/dist/index.html"]
        command = ["make", *done_before, f"BIN={tmp_path}", *args]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert bool(done.returncode) is fails, done.stderr
        invoke.said = done.stderr
        return [" ".join(call.split()) for call in calls.read_text().splitlines()] if calls.exists() else []

    return invoke


def test_preflight_is_asked_for_what_is_to_be_deployed(make):
    assert make("preflight") == ["fieldline preflight --stage dev"]


def test_options_of_the_instance_reach_preflight(make):
    context = "influx_instance=db.influx.large influx_storage_gib=100 influx_multi_az=true fleet=x.toml"
    (call,) = make("preflight", "STAGE=prod", "STORE=timestream-influxdb", f"CONTEXT={context}")
    assert call == (
        "fieldline preflight --stage prod --store timestream-influxdb --influx-instance db.influx.large "
        "--influx-storage 100 --influx-multi-az"
    )


def test_a_deployment_follows_preflight(make):
    first, *_, last = make("deploy", "STAGE=prod", "STORE=dynamodb", "CONTEXT=fleet=x.toml")
    assert first == "fieldline preflight --stage prod --store dynamodb"
    assert f"--yes {CDK_CLI} deploy --all -c stage=prod -c telemetry_store=dynamodb -c fleet=x.toml" in last


INFLUX = "timestream-influxdb"
CHOICES = [
    ("dev", "", ""),
    ("prod", "", ""),
    ("prod", "", "previous_store=dynamodb"),
    ("prod", "", "previous_store="),
    ("dev", INFLUX, "previous_store=dynamodb influx_instance=db.influx.xlarge"),
    ("dev", "dynamodb", f"previous_store={INFLUX} influx_storage_gib=200 influx_multi_az=true retention_days=30"),
    ("prod", "timestream-liveanalytics", "influx_multi_az=false fleet=x.toml"),
]


@pytest.mark.parametrize(("stage", "store", "context"), CHOICES)
def test_preflight_is_asked_about_what_the_templates_will_hold(make, monkeypatch, stage, store, context):
    first, *_, last = make("deploy", f"STAGE={stage}", f"STORE={store}", f"CONTEXT={context}")
    asked = []
    monkeypatch.setattr(run, "findings", lambda _, deployment: asked.append(deployment) or [])
    done = CliRunner().invoke(app, first.split()[1:])
    assert done.exit_code == 0, done.output
    made = DeployConfig.from_context(dict(re.findall(r"-c (\w+)=(\S*)", last.replace("fleet=x.toml", ""))).get)
    assert [(one.stage, one.store, one.previous, vars(one.influx)) for one in asked] == [
        (made.stage, made.telemetry_store, made.previous_store, vars(made.influx))
    ]


@pytest.mark.parametrize("target", ["synth", "preflight", "deploy"])
@pytest.mark.parametrize(("pair", "instead"), [("stage=prod", "STAGE=prod"), ("telemetry_store=x", "STORE=x")])
def test_what_has_a_variable_of_its_own_is_refused_as_context(make, target, pair, instead):
    assert make(target, f"CONTEXT=fleet=x.toml {pair}", fails=True) == []
    assert make.said.count("\n") == 1
    assert f"CONTEXT: expected no {pair}; say {instead}" in make.said


def test_a_store_that_is_given_up_is_named_to_preflight_only(make):
    first, *_, last = make("deploy", "STORE=dynamodb", f"DROP={INFLUX}")
    assert first == f"fieldline preflight --stage dev --store dynamodb --drop-store {INFLUX}"
    assert INFLUX not in last


def test_nothing_is_deployed_after_a_failure(make):
    assert make("deploy", preflight=1, fails=True) == ["fieldline preflight --stage dev"]


def test_templates_are_synthesized_for_a_store(make):
    assert make("synth", "STORE=timestream-liveanalytics") == [
        "python app.py -c stage=dev -c telemetry_store=timestream-liveanalytics"
    ]
