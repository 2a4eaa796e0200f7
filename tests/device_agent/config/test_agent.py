"""A configuration is read whole, and everything wrong with it is told at once."""

import json
from pathlib import Path

import pytest

from contract import models
from device_agent.config import agent as config
from device_agent.errors import ConfigError
from device_agent.transport import Endpoint
from tests.device_agent.config.configuration import MINIMAL, problems


def test_what_is_not_said_has_a_default_and_paths_are_relative_to_the_file(write, tmp_path):
    found = config.load(write())

    assert found.thing == "pump-7"
    assert found.model == models.shipped()["machine"]
    assert found.endpoints == (Endpoint("iot.example.org"), Endpoint("localhost", 8422))
    assert found.private_key == tmp_path / "keys" / "pump-7.key"
    assert (found.queue, found.state) == (tmp_path / "queue", tmp_path / "queue.state")
    assert found.control.place(None) == tmp_path / "queue.sock"
    assert found.queue_max_bytes == 64 * 1024 * 1024
    assert (found.flush_interval_s, found.keep_alive_s, found.inflight) == (5.0, 45, 10)
    assert (found.basic_ingest, found.shutdown_grace_s, found.transport) == (False, 5.0, "crt")
    assert (found.budget, found.actuators, found.rules.rules) == (None, (), ())
    assert (found.clock.sync, found.power.mode, found.gpio.factory, found.i2c.bus) == ("kernel", "always", "lgpio", 1)


def test_a_relative_path_means_the_same_from_everywhere(write, tmp_path, monkeypatch):
    write()
    monkeypatch.chdir(tmp_path)

    assert config.load(Path("agent.toml")).ca == tmp_path / "ca.pem"


def test_a_simulated_sensor_takes_the_metrics_that_no_sensor_above_it_produces(write):
    replay, simulated = config.load(write()).sensors

    assert (replay.name, replay.metrics) == ("replay-0", ("temperature",))
    assert (simulated.name, simulated.metrics) == ("simulated-1", ("vibration", "current", "relay"))
    assert simulated.interval_s == models.shipped()["machine"].interval_ms / 1000


def test_all_that_is_wrong_is_told_together(write, tmp_path):
    (tmp_path / "keys/pump-7.key").chmod(0o644)
    found = problems(
        write(
            thing='thing = "Pump 7"',
            model='model = "toaster"',
            endpoints='endpoints = ["a:b", "ok:1", "http://x"]',
            ca='ca = "missing.pem"',
            interval_s="interval_s = true",
        )
    )

    assert found == {
        "thing": ("1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", "'Pump 7'"),
        "model": ("one of climate, machine, tracker, or the path of a model's file", "'toaster'"),
        "endpoints[0]": ("host or host:port", "'a:b'"),
        "endpoints[2]": ("host or host:port", "'http://x'"),
        "ca": ("a file", f"{tmp_path / 'missing.pem'}, which is not there"),
        "private_key": (
            "a file that only its owner may read (mode 0600)",
            f"{tmp_path / 'keys/pump-7.key'} with mode 0644",
        ),
        "sensor[0].interval_s": ("a number from 0.001 to 86400", "true"),
    }


def test_an_error_reads_as_file_key_expected_got(write):
    path = write(thing="thing = 7")
    with pytest.raises(ConfigError) as raised:
        config.load(path)
    assert str(raised.value) == f"{path}: thing: expected a text, got 7"


def test_an_empty_file_names_everything_that_must_be_said(write):
    assert set(problems(write(""))) == {
        "thing",
        "model",
        "endpoints",
        "ca",
        "certificate",
        "private_key",
        "sensor",
    }


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ("flush_intervall_s = 5\n" + MINIMAL, "flush_intervall_s"),
        (MINIMAL + "metric = ['relay']\n", "sensor[1].metric"),
        (MINIMAL.replace('columns.value = "temperature"', 'columns.value = {metric = "temperature", sacle = 2}'), None),
    ],
)
def test_a_misspelt_key_is_not_ignored(write, extra, key):
    found = problems(write(extra))

    assert list(found) == [key or "sensor[0].columns.value.sacle"]
    assert next(iter(found.values()))[1] == "a key that is none of them"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("queue_max_mib = 0", "queue_max_mib"),
        ("flush_interval_s = 0", "flush_interval_s"),
        ("flush_interval_s = nan", "flush_interval_s"),
        ("keep_alive_s = 1200", "keep_alive_s"),
        ("inflight = 10.0", "inflight"),
        ("inflight = true", "inflight"),
        ('basic_ingest = "yes"', "basic_ingest"),
        ("shutdown_grace_s = -1", "shutdown_grace_s"),
    ],
)
def test_a_value_out_of_bounds_or_of_another_type_is_told(write, line, key):
    assert list(problems(write(f"{line}\n{MINIMAL}"))) == [key]


def test_a_file_that_is_not_there_or_not_toml_is_one_problem(write, tmp_path):
    assert list(problems(tmp_path / "none.toml")) == ["the file"]
    assert "TOML" in problems(write("thing = "))["the file"][0]


def test_no_two_sensors_may_produce_one_metric_or_have_one_name(write):
    second = '[[sensor]]\nkind = "simulated"\nname = "replay-0"\nmetrics = ["temperature"]\n'

    assert problems(write(MINIMAL.replace('[[sensor]]\nkind = "simulated"\n', second))) == {
        "sensor[1].name": ("a name that no other sensor has", "'replay-0'"),
        "sensor[1].metric temperature": ("a metric that no other sensor produces", "one of replay-0"),
    }


def test_an_unknown_kind_of_sensor_names_the_known_ones(write):
    (expected, got), *more = problems(
        write(MINIMAL.replace('kind = "simulated"', 'kind = "bme82"\naddress = 1'))
    ).values()

    assert expected.startswith("one of ")
    assert "replay" in expected
    assert (got, more) == ("'bme82'", [])


def test_a_column_that_the_recording_does_not_have_is_told_with_those_it_has(write):
    found = problems(write(MINIMAL.replace("columns.value", "columns.vlaue")))

    assert found == {"sensor[0].columns.vlaue": ("one of recording.csv's columns: timestamp, value", "none of them")}


def test_a_home_outside_the_range_or_of_no_number_is_told(write):
    found = problems(write(MINIMAL + "home = {vibration = -1, relay = 1, smell = 2}\n"))

    assert list(found) == ["sensor[1].home.vibration", "sensor[1].home.relay", "sensor[1].home.smell"]


CLIMATE = MINIMAL.replace('model = "machine"', 'model = "climate"')
DEW_POINT = """
[pipeline]
dew_point = [{ kind = "derive", expression = "temperature - (100 - humidity) / 5" }]
"""


def test_what_the_model_derives_is_made_by_no_sensor_and_no_stage(write):
    derived = [key for key, metric in models.shipped()["climate"].metrics.items() if metric.derived]
    assert derived == ["dew_point"]
    assert "dew_point" not in config.load(write(CLIMATE)).sensors[1].metrics

    found = problems(write(CLIMATE + DEW_POINT))

    assert found == {"metric dew_point": ("left to the cloud, which derives it by the model", "made here")}


def test_what_another_model_derives_is_a_name_like_any_other(write):
    text = MINIMAL.replace("[[sensor]]", DEW_POINT.replace("humidity", "vibration") + "[[sensor]]", 1)

    assert "dew_point" in config.load(write(text)).pipeline.metrics


def test_a_model_may_come_from_a_file(write, tmp_path):
    model = models.shipped()["climate"]
    (tmp_path / "model.json").write_bytes(models.encode(model))
    text = MINIMAL.replace('model = "machine"', 'model = "model.json"')

    assert config.load(write(text)).model == model

    (tmp_path / "model.json").write_text(json.dumps({}))
    assert list(problems(write(text))) == ["model"]


PEM = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49\\n" + "A" * 300 + "\\n-----END PRIVATE KEY-----\\n"


@pytest.mark.parametrize("key", ["ca", "certificate", "private_key"])
def test_a_pasted_key_in_place_of_its_file_is_a_problem_that_does_not_tell_it(write, key):
    found = problems(write(**{key: f'{key} = "{PEM}"'}))

    assert found == {key: ("a path", f"a text of {len(PEM.encode().decode('unicode_escape'))} characters that is none")}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('queue = "a\\u0000"', "queue"),
        (f'queue = "{"x" * 256}"', "queue"),
        ('queue = "/"', "queue"),
        (f'state = "{"x/" * 2100}"', "state"),
        (f'model = "./{"ü" * 128}.json"', "model"),
        ('model = "./a\\u0000.json"', "model"),
        ('model = "/dev/zero"', "model"),
        ('control.group = "a\\u0000"', "control.group"),
        (f'control.socket = "{"x" * 256}"', "control.socket"),
        ('[[actuator]]\nname = ["relay"]\nkind = "relay"\npin = 17', "actuator[0].name"),
        ('[[actuator]]\nname = {}\nkind = "relay"\npin = 17', "actuator[0].name"),
        ('private_key = "pkcs11:token=a;object=b?module-path=/x%00&pin-source=/y%00"', "private_key"),
        ('private_key = "keys%00"', "private_key"),
    ],
)
def test_what_no_system_could_open_is_a_problem_like_any_other(write, line, key):
    name = line.partition(" ")[0]
    if f"\n{name} = " in MINIMAL:
        path = write(**{name: line})
    elif line.startswith("[["):
        path = write(f"{MINIMAL}\n{line}\n")
    else:
        path = write(f"{line}\n{MINIMAL}")

    assert key in problems(path)
