"""A configuration is read whole, and everything wrong with it is told at once."""

import json
from pathlib import Path

import pytest

from contract import models
from device_agent import config
from device_agent.errors import ConfigError
from device_agent.transport import Endpoint

MINIMAL = """
thing = "pump-7"
model = "machine"
endpoints = ["iot.example.org", "localhost:8422"]
ca = "ca.pem"
certificate = "pump-7.pem"
private_key = "keys/pump-7.key"

[[sensor]]
kind = "replay"
file = "recording.csv"
interval_s = 0.5
columns.value = "temperature"

[[sensor]]
kind = "simulated"
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "keys").mkdir()
    for name in ("ca.pem", "pump-7.pem", "keys/pump-7.key"):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "recording.csv").write_text("timestamp,value\nt,1\n")

    def write_(text=MINIMAL, **replacements):
        for old, new in replacements.items():
            assert f"{old} = " in text
            text = "\n".join(new if line.startswith(f"{old} = ") else line for line in text.splitlines())
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return path

    return write_


def problems(path):
    with pytest.raises(ConfigError) as raised:
        config.load(path)
    assert all(problem.file == path for problem in raised.value.problems)
    return {problem.key: (problem.expected, problem.got) for problem in raised.value.problems}


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


def test_durations_may_have_a_unit(write):
    found = config.load(write('flush_interval_s = "500 ms"\nshutdown_grace_s = "1m"\n' + MINIMAL))

    assert (found.flush_interval_s, found.shutdown_grace_s) == (0.5, 60.0)


def test_each_part_reads_its_own_tables_and_all_problems_are_told_together(write):
    tables = """
[clock]
sync = "sundial"
[power]
mode = "often"
[budget]
bytes_per_day = 1
[gpio]
chip = -1
[i2c]
bus = "one"
[control]
enabled = 1
[pipeline]
vibration = 7
[[rule]]
when = 1
[[actuator]]
kind = "laser"
"""
    found = problems(write(MINIMAL + tables))

    assert {key.split(".")[0].split("[")[0] for key in found} == {
        "clock",
        "power",
        "budget",
        "gpio",
        "i2c",
        "control",
        "pipeline",
        "rule",
        "actuator",
    }


def test_a_file_of_conf_d_is_part_of_the_configuration(write, tmp_path):
    path = write(MINIMAL.replace('model = "machine"\n', ""))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "model.toml").write_text('model = "machine"\n[i2c]\nbus = 3\n')

    assert config.load(path).i2c.bus == 3


def test_the_queue_of_an_older_agent_is_not_taken_for_a_directory(write, tmp_path):
    (tmp_path / "queue").touch()

    assert problems(write()) == {
        "queue": (
            "a directory, or a name that is free",
            f"{tmp_path / 'queue'}, a file: the SQLite queue of an older agent? Let that one send it, or move it away",
        )
    }


def test_a_device_needs_something_to_sense_or_to_move(write):
    assert problems(write(MINIMAL.split("[[sensor]]", maxsplit=1)[0])) == {
        "sensor": ("at least one [[sensor]] or [[actuator]]", "none")
    }


def test_the_key_may_be_in_a_token(write, tmp_path):
    (tmp_path / "token.so").touch()
    line = 'private_key = "pkcs11:token=device;object=key?module-path=token.so"'

    assert str(config.load(write(private_key=line)).private_key) == "pkcs11:token=device;object=key"
    assert list(problems(write(private_key='private_key = "pkcs11:tokne=x"'))) == ["private_key"]


def test_files_may_come_from_the_service_manager(write, tmp_path, monkeypatch):
    given = tmp_path / "given"
    given.mkdir()
    (given / "device.key").touch(mode=0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))

    found = config.load(write(private_key='private_key = "credential:device.key"', ca='ca = "credential:device.key"'))
    assert found.private_key == found.ca == given / "device.key"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert list(problems(write(ca='ca = "credential:ca"'))) == ["ca"]


def test_what_does_not_connect_needs_no_credentials_but_all_the_rest(write, tmp_path):
    path = write(ca='ca = "none.pem"', private_key='private_key = "none.key"')
    assert config.load(path, connects=False).thing == "pump-7"

    with pytest.raises(ConfigError):
        config.load(write(ca='ca = "none.pem"', thing='thing = "Pump 7"'), connects=False)


def test_a_sensor_without_an_interval_follows_the_models(write):
    path = write(MINIMAL.replace("interval_s = 0.5\n", ""))

    assert [sensor.interval_s for sensor in config.load(path).sensors] == [5.0, 5.0]
    assert [sensor.interval_s for sensor in config.load(path, {"interval_ms": 60_000}).sensors] == [60.0, 60.0]
    assert config.load(path).follows == {"interval_ms"}


def test_an_interval_that_is_said_follows_nothing(write):
    path = write(MINIMAL + "interval_s = 1\n")

    assert [sensor.interval_s for sensor in config.load(path, {"interval_ms": 60_000}).sensors] == [0.5, 1.0]
    assert config.load(path).follows == frozenset()


def test_new_settings_do_not_make_new_pins(write):
    files = config.ConfigFiles(write())

    assert files.configure().gpio is files.configure({"interval_ms": 60_000}).gpio


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


def test_a_model_may_come_from_a_file(write, tmp_path):
    model = models.shipped()["climate"]
    (tmp_path / "model.json").write_bytes(models.encode(model))
    text = MINIMAL.replace('model = "machine"', 'model = "model.json"')

    assert config.load(write(text)).model == model

    (tmp_path / "model.json").write_text(json.dumps({}))
    assert list(problems(write(text))) == ["model"]
