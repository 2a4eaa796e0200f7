"""`make preflight` and `make deploy`: what they run, and that nothing is deployed after a failure."""

import subprocess
from pathlib import Path

import pytest

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
        # As if set up already: what is under test is what comes after.
        command = ["make", "--old-file=.venv/.synced", f"BIN={tmp_path}", *args]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert bool(done.returncode) is fails, done.stderr
        return calls.read_text().splitlines()

    return invoke


def test_preflight_is_asked_for_what_is_to_be_deployed(make):
    assert make("preflight") == ["fieldline preflight --stage dev"]


def test_options_of_the_instance_reach_preflight(make):
    context = "influx_instance=db.influx.large influx_storage_gib=100 influx_multi_az=true fleet=x.toml"
    (call,) = make("preflight", "STAGE=prod", "STORE=timestream-influxdb", f"CONTEXT={context}")
    assert " ".join(call.split()) == (
        "fieldline preflight --stage prod --store timestream-influxdb --influx-instance db.influx.large "
        "--influx-storage 100 --influx-multi-az"
    )


def test_a_deployment_follows_preflight_and_chooses_the_same(make):
    first, *_, last = make("deploy", "STAGE=prod", "STORE=dynamodb", "CONTEXT=fleet=x.toml")
    assert first == "fieldline preflight --stage prod --store dynamodb"
    assert f"--yes {CDK_CLI} deploy --all -c stage=prod -c telemetry_store=dynamodb -c fleet=x.toml" in last


def test_nothing_is_deployed_after_a_failure(make):
    assert make("deploy", preflight=1, fails=True) == ["fieldline preflight --stage dev"]


def test_templates_are_synthesized_for_a_store(make):
    assert make("synth", "STORE=timestream-liveanalytics") == [
        "python app.py -c stage=dev -c telemetry_store=timestream-liveanalytics"
    ]
