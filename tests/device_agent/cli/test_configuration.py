"""`check` and `config show`."""

import json

import pytest

from device_agent import identity
from device_agent.cli.stored import settings_report
from device_agent.config.agent import load
from device_agent.queue.files import PosixFiles
from device_agent.shadow.wishes import Wishes
from device_agent.state_file import StateFile
from tests.device_agent.memory_storage import MemoryStorage


def test_a_good_configuration_is_confirmed(run, toml):
    assert run("check").out == f"{toml} is fine: pump-7, a machine\n"

    found = run("check", "--json").json
    assert found["sensors"] == {"motor": ["temperature"]}
    assert (found["actuators"], found["rules"], found["unmodeled"]) == (["relay"], ["too-hot"], [])


def test_a_metric_that_the_model_does_not_know_is_told(run, toml):
    toml.write_text(toml.read_text().replace('columns.temperature = "temperature"', 'columns.temperature = "warmth"'))
    toml.write_text(toml.read_text().split("[pipeline]")[0])

    assert "does not know warmth" in run("check").out
    assert run("check", "--json").json["unmodeled"] == ["warmth"]


@pytest.mark.parametrize("command", ["check", "run"])
def test_the_key_of_another_device_is_told_before_anything_is_tried(run, toml, credentials, command):
    other = identity.create("another", toml.parent).private_key
    toml.write_text(toml.read_text().replace(str(credentials.private_key), str(other)))

    answer = run(command)
    assert answer.code == 3
    assert f"private_key: expected the key of {credentials.certificate}, got {other}" in answer.err


@pytest.mark.parametrize("key", ["ca", "certificate"])
def test_a_file_that_is_no_certificate_is_told(run, toml, credentials, key):
    toml.write_text(toml.read_text().replace(str(getattr(credentials, key)), str(toml.parent / "day.csv")))

    answer = run("check")
    assert answer.code == 3
    assert str(toml.parent / "day.csv") in answer.err


def test_what_does_not_connect_works_without_credentials(run, toml, credentials):
    toml.write_text(toml.read_text().replace(str(credentials.private_key), "gone.key"))

    assert run("check").code == 3
    assert [run(*command).code for command in (["sensor", "read"], ["actuator", "safe"], ["shadow"])] == [0, 0, 0]


def test_everything_in_force_is_shown_as_json_and_as_lines(run, toml):
    (toml.parent / "conf.d").mkdir()
    (toml.parent / "conf.d" / "more.toml").write_text("inflight = 3\n")

    found = run("config", "show", "--json").json
    assert found["files"] == [str(toml), str(toml.parent / "conf.d" / "more.toml")]
    assert (found["inflight"], found["endpoints"], found["model"]) == (3, ["localhost:1"], "machine 1.0.0")
    assert found["sensors"][0]["interval_s"] == 5.0
    assert found["rules"]["rules"][0]["name"] == "too-hot"
    assert "inflight: 3\n" in run("config", "show").out


def test_settings_from_afar_are_shown_as_a_stopped_agent_left_them(run, toml, log):
    state = StateFile(load(toml).state, files=PosixFiles(), log=log)
    state.write("settings", {"confirmed": {"interval_ms": 9000}, "trial": None, "refused": None})
    state.close()

    assert run("config", "show", "--json").json["sensors"][0]["interval_s"] == 9.0
    assert run("shadow", "--json").json["config"] == {
        "values": {"interval_ms": 9000, "stop_on_overheat": True},
        "on_trial": False,
        "refused": None,
        "reason": None,
    }


async def test_desired_states_are_shown_as_a_stopped_agent_acted_upon_them(run, toml, log):
    state = StateFile(load(toml).state, files=PosixFiles(), log=log)
    storage = MemoryStorage()
    await storage.open()
    await Wishes(["relay"], storage, log).remember("relay", {"on": True, "note": "a@b"}, 1_790_000_000)
    kept = await storage.read_state("actuators")
    state.write("actuators", {**kept, "lamp": "not JSON@1"})
    state.close()

    assert run("shadow", "--json").json["state"] == {"acted_upon": {"relay": {"on": True, "note": "a@b"}}}


def test_looking_at_the_settings_changes_nothing_on_the_disk(run, toml):
    before = sorted(path.name for path in toml.parent.iterdir())
    run("shadow")
    run("config", "show")

    assert sorted(path.name for path in toml.parent.iterdir()) == before


@pytest.mark.parametrize("stored", [b"rubbish", b""])
def test_a_state_file_that_is_damaged_counts_as_empty(toml, stored):
    config = load(toml)
    config.state.write_bytes(stored)

    assert settings_report(config)["values"]["interval_ms"] == 5000


def test_a_pin_is_not_shown(run, toml, credentials):
    (toml.parent / "token.so").touch()
    uri = "pkcs11:token=device;object=key?module-path=token.so&pin-value=271828"
    toml.write_text(toml.read_text().replace(str(credentials.private_key), uri))

    answer = run("config", "show", "--json")
    assert answer.json["private_key"] == "pkcs11:token=device;object=key"
    assert "271828" not in json.dumps(answer.json)
