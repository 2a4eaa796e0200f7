"""`app.py` as a person or the CDK CLI starts it: a process of its own, with nothing but its arguments."""

import json
import subprocess
import sys

import pytest

from infra.config import ROOT

STACKS = ("Data", "Live", "Commands", "Alarms", "Fleet", "Ingest", "Api", "Web")


def run(*arguments, cwd=ROOT, **environment):
    # No account, region, credentials, home or Node: nothing that a bare machine might lack.
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bare")
    fake_node = directory / "bin" / "node"
    fake_node.parent.mkdir()
    fake_node.write_text("#!/bin/sh\necho 'the system Node was used' >&2\nexit 1\n")
    fake_node.chmod(0o755)
    context = {"stage": "prod", "target": "host", "aws:cdk:bundling-stacks": []}
    done = run(
        "-c",
        "stage=dev",
        cwd=directory,
        PATH=f"{fake_node.parent}:/usr/bin:/bin",
        CDK_OUTDIR=str(directory / "out"),
        CDK_CONTEXT_JSON=json.dumps(context),
    )
    return done, directory / "out"


def test_it_synthesizes_on_a_bare_machine_with_the_packaged_node(synthesized):
    done, outdir = synthesized
    assert done.returncode == 0, done.stderr
    assert {path.name for path in outdir.glob("*.template.json")} == {
        f"Fieldline-dev-{stack}.template.json" for stack in STACKS
    }


def test_an_argument_counts_more_than_the_clis_context(synthesized):
    _, outdir = synthesized
    assert not list(outdir.glob("Fieldline-prod-*"))


def test_stacks_name_no_account_and_no_region(synthesized):
    _, outdir = synthesized
    artifacts = json.loads((outdir / "manifest.json").read_text())["artifacts"].values()
    stacks = [artifact for artifact in artifacts if artifact["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == len(STACKS)
    assert {stack["environment"] for stack in stacks} == {"aws://unknown-account/unknown-region"}


def test_the_dashboard_comes_after_the_apis_that_it_shares_its_origin_with(synthesized):
    _, outdir = synthesized
    artifacts = json.loads((outdir / "manifest.json").read_text())["artifacts"]
    assert {"Fieldline-dev-Api", "Fieldline-dev-Live"} <= {*artifacts["Fieldline-dev-Web"]["dependencies"]}


def test_prod_has_a_stack_for_the_store_that_it_takes_by_default(prod):
    assert prod.store == "timestream-influxdb"
    assert prod.templates.keys() == {*STACKS, "Store"}


def test_stacks_that_read_the_data_stack_wait_for_it(synthesized):
    _, outdir = synthesized
    artifacts = json.loads((outdir / "manifest.json").read_text())["artifacts"]
    for stack in set(STACKS) - {"Data", "Web"}:
        assert "Fieldline-dev-Data" in artifacts[f"Fieldline-dev-{stack}"]["dependencies"]


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """The message with which `app.py` ends, for the arguments."""

    def refuse(*arguments):
        from infra.app import main

        monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "out"))
        with pytest.raises(SystemExit) as end:
            main(arguments)
        # A text as exit code is printed to stderr and counts as 1.
        assert isinstance(end.value.code, str)
        return end.value.code

    return refuse


def test_a_wrong_context_ends_with_a_message(refused):
    assert "  - stage: expected one of dev, prod, got 'staging'" in refused("-c", "stage=staging")


def test_a_wrong_fleet_file_ends_with_a_message_that_names_it(refused, tmp_path):
    fleet = tmp_path / "fleet.toml"
    fleet.write_text('[[device]]\nname = "PRESS"\n')
    assert str(fleet) in refused("-c", f"fleet={fleet}")


def test_a_dashboard_that_is_not_built_ends_with_one_line_that_says_what_builds_it(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.web_assets.DIST", tmp_path / "dist")
    message = refused("-c", "stage=dev")
    assert "make dashboard" in message
    assert "\n" not in message


def test_a_context_that_is_no_json_ends_with_a_message(refused, monkeypatch):
    monkeypatch.setenv("CDK_CONTEXT_JSON", "{stage: dev}")
    assert "CDK_CONTEXT_JSON: expected a JSON object, got '{stage: dev}'" in refused()


@pytest.mark.parametrize("arguments", [["stage=dev"], ["-c"], ["-c", "stage"]])
def test_an_argument_that_is_no_context_ends_with_a_message(refused, arguments):
    assert "expected `-c key=value`" in refused(*arguments)
