"""`status`, `shadow`, `pipeline test`, `rules test`, `diag` and `identity new`."""

import json
import tarfile

import pytest


def test_the_status_is_the_running_agents(run, agent):
    found = run("status", "--json", config=agent).json

    assert (found["thing"], found["connected"]) == ("pump-7", False)
    assert {"recorder", "link", "publisher"} <= {task["name"] for task in found["tasks"]}
    assert "thing: pump-7\n" in run("status", config=agent).out


def test_without_an_agent_there_is_no_status(run, toml):
    answer = run("status", "--json")

    assert (answer.code, answer.json["code"]) == (8, 8)
    assert "no agent of pump-7 runs here" in answer.json["error"]


def test_an_agent_of_another_device_is_not_this_ones(run, toml, agent):
    toml.write_text(
        f'{toml.read_text().replace("pump-7", "pump-8")}\n[control]\nsocket = "{agent.parent / "queue.sock"}"\n'
    )

    answer = run("status")
    assert (answer.code, answer.err.split(" (")[0]) == (8, "no agent of pump-8 runs here")


def test_the_settings_are_the_running_agents(run, agent):
    found = run("shadow", "--json", config=agent).json
    assert found["config"]["values"] == {"interval_ms": 5000, "stop_on_overheat": True}


def test_what_is_true_of_the_actuators_is_the_running_agents(run, agent):
    run("actuator", "safe", config=agent)

    found = run("shadow", "--json", config=agent).json
    assert found["state"] == {"desired": None, "reported": {"relay": {"on": False}}, "rejected": {}}


def test_a_pipeline_is_tried_on_a_recording(run, toml):
    answer = run("pipeline", "test", str(toml.parent / "day.csv"), "--json")

    assert [(one["time"][11:19], one["values"]["temperature"]) for one in answer.json] == [
        ("00:00:00", 85),
        ("00:01:00", 92),
        ("00:03:00", 79),
    ]


def test_a_pipeline_s_work_can_be_seen_as_a_picture(run, toml):
    recording = str(toml.parent / "day.csv")
    answer = run("pipeline", "test", recording, "--plot")

    assert answer.code == 0
    assert answer.out.startswith("temperature") or "temperature, 2026-01-01T00:00:00Z" in answer.out.splitlines()[0]
    assert "time,temperature,quality" not in answer.out
    assert run("pipeline", "test", recording, "--plot", "--json").code == 2


def test_rules_are_tried_on_a_recording_and_do_nothing(run, toml):
    answer = run("rules", "test", str(toml.parent / "day.csv"), "--json")

    assert [(one["at"][11:19], one["kind"]) for one in answer.json] == [
        ("00:01:00", "rule_fired"),
        ("00:03:00", "rule_cleared"),
    ]
    assert answer.json[0]["actions"] == [["relay", {"on": False}]]


def test_a_column_may_have_another_name(run, toml):
    recording = toml.parent / "other.csv"
    recording.write_text("time,warmth\n0,91\n")

    assert run("rules", "test", str(recording), "--map", "warmth=temperature").out.startswith("0  too-hot fired")
    assert run("rules", "test", str(recording), "--map", "warmth").code == 2


@pytest.mark.parametrize("content", [None, "", "time\n", "time,temperature\nnow,1\n"])
def test_a_recording_that_is_none_is_exit_code_10(run, toml, content):
    recording = toml.parent / "other.csv"
    if content is not None:
        recording.write_text(content)

    answer = run("pipeline", "test", str(recording))
    assert answer.code == 10
    assert str(recording) in answer.err


def test_a_bundle_is_written_with_what_the_running_agent_says(run, agent, tmp_path):
    answer = run("diag", "--out", str(tmp_path), "--json", config=agent)

    assert answer.code == 0
    with tarfile.open(answer.json["file"]) as bundle:
        names = {name.split("/")[1]: name for name in bundle.getnames()}
        status = json.load(bundle.extractfile(names["agent-status.json"]))
        stats = json.load(bundle.extractfile(names["queue.json"]))
    assert status["thing"] == "pump-7"
    assert "priorities" in stats


def test_a_bundle_is_written_of_a_broken_configuration_too(run, tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text("thing = ")

    answer = run("diag", "--out", str(tmp_path), "--json", config=broken)
    assert answer.code == 0
    assert "agent-status.json" in answer.json["failed"]


def test_a_bundle_that_cannot_be_written_is_one_message(run, tmp_path):
    answer = run("diag", "--out", str(tmp_path / "none"))

    assert (answer.code, answer.err.count("\n")) == (10, 1)
    assert answer.err.startswith("the bundle cannot be written to ")


def test_a_new_identity_is_made_once(run, tmp_path):
    arguments = ["identity", "new", "--thing", "pump-9", "--dir", str(tmp_path), "--json"]

    assert run(*arguments).json == {
        "thing": "pump-9",
        "private_key": str(tmp_path / "pump-9.key"),
        "csr": str(tmp_path / "pump-9.csr"),
    }
    again = run(*arguments)
    assert again.code == 4
    assert "exists already" in again.json["error"]


def test_a_bad_thing_name_is_exit_code_4(run, tmp_path):
    answer = run("identity", "new", "--thing", "Pump 7", "--dir", str(tmp_path))

    assert answer.code == 4
    assert "Pump 7" in answer.err
