import contextlib
import re

import pytest
from typer.testing import CliRunner

from local import background, cli, run_record
from local.errors import AlreadyRunningError
from local.instance import Instance
from local.ports import Ports
from local.run_record import RunRecord
from local.supervisor import Options


@pytest.fixture
def instance(tmp_path, monkeypatch):
    instance = Instance(tmp_path / "9000", Ports(9000))
    instance.make_dirs()
    monkeypatch.setattr(Instance, "at", lambda _port: instance)
    return instance


def told(*arguments):
    done = CliRunner().invoke(cli.app, [*arguments, "--port", "9000"])
    return done.exit_code, re.sub(r"\x1b\[[\d;]*m", "", done.output)


def up_while_it_runs(instance, options, *arguments):
    with instance.lock():
        RunRecord(instance, options=options.as_record()).turn(run_record.READY)
        return told("up", *arguments)


def test_options_of_a_second_start_that_are_not_taken_are_told(instance, tmp_path):
    fleet = tmp_path / "fleet.toml"
    fleet.touch()
    code, said = up_while_it_runs(instance, Options(devices=12), "--devices", "3", "--fleet", str(fleet))
    assert code == 0
    assert "It runs with 12 devices, no fleet file; stop it with `fieldline local down --port 9000` to" in said


def test_a_second_start_with_the_same_options_has_nothing_to_tell(instance, tmp_path, monkeypatch):
    (tmp_path / "fleet.toml").touch()
    monkeypatch.chdir(tmp_path)
    options = Options(devices=3, fleet=tmp_path / "fleet.toml")
    code, said = up_while_it_runs(instance, options, "--devices", "3", "--fleet", "fleet.toml")
    assert (code, "already running" in said, "It runs with" in said) == (0, True, False)


def test_another_stage_and_store_of_a_second_start_are_told(instance):
    code, said = up_while_it_runs(instance, Options(), "--stage", "dev", "--previous-store", "timestream-influxdb")
    assert code == 0
    assert "It runs with the stage prod, the store timestream-influxdb, no store to move from; stop it" in said


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--stage", "test"), "--stage: expected one of dev, prod, got 'test'."),
        (("--store", "sqlite"), "--store: expected one of dynamodb, timestream-influxdb, "),
        (("--previous-store", "lake"), "--previous-store: expected one of dynamodb, timestream-influxdb, "),
        (
            ("--stage", "dev", "--previous-store", "dynamodb"),
            "--previous-store: expected another store than --store, got 'dynamodb' for both.",
        ),
    ],
)
def test_a_choice_that_no_deployment_has_is_told_before_anything_starts(instance, options, problem):
    code, said = told("up", *options)
    assert code == 1
    assert said.startswith(problem)
    assert not (instance.root / "run.json").exists()


def test_another_stage_than_the_deployed_one_is_refused(instance):
    instance.root.mkdir(parents=True, exist_ok=True)
    instance.write("deployed.json", {"Fieldline-dev-Data": "x", "Fieldline-dev-Api": "y"})
    code, said = told("up", "--stage", "prod")
    assert code == 1
    assert "this instance holds stage dev, got 'prod': start it with --stage dev" in said
    assert "down --purge --port 9000" in said


@pytest.mark.parametrize("count", ["-1", "91"])
def test_a_count_of_devices_that_no_instance_has_is_a_usage_error(instance, count):
    code, said = told("up", "--devices", count)
    assert code == 2
    assert "--devices" in said


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_an_unusable_fleet_file_is_told_before_anything_starts(instance, tmp_path, detach):
    fleet = tmp_path / "fleet.toml"
    fleet.write_text('[[device]]\nname = "press-4"\nmodel = "nonsense"\ngroup = "a/b"\ncsr = "press-4.csr"\n')
    code, said = told("up", "--fleet", str(fleet), *detach)
    assert code == 1
    assert said.startswith("Invalid fleet file")
    assert "`model` must be one of" in said
    assert "press-4.csr" in said
    assert not (instance.root / "run.json").exists()


def test_a_supervisor_that_finds_the_instance_held_says_so_by_its_exit_code(instance):
    with instance.lock():
        code, _ = told("serve", "--devices", "0", "--stage", "dev", "--store", "dynamodb")
    assert code == background.LOST


def test_a_start_that_lost_waits_for_the_quicker_one_and_says_how_to_get_in(instance, monkeypatch):
    with contextlib.ExitStack() as running:

        def lose(*_):
            running.enter_context(instance.lock())
            instance.write("instance.json", {"api": "http://the-api"})
            RunRecord(instance, options=Options().as_record()).turn(run_record.READY)
            raise AlreadyRunningError

        monkeypatch.setattr(background, "start", lose)
        code, said = told("up", "--detach")
    assert code == 0
    assert "already running" in said
    assert "http://the-api" in said


def test_a_start_that_lost_to_one_that_failed_says_why_that_did(instance, monkeypatch):
    def lose(*_):
        RunRecord(instance).turn(run_record.FAILED, "the cloud fell down")
        raise AlreadyRunningError

    monkeypatch.setattr(background, "start", lose)
    code, said = told("up", "--detach")
    assert code == 1
    assert "Another start was quicker, and failed: the cloud fell down" in said
