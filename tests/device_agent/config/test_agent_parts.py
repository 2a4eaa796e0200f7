"""Every part of the agent reads its own tables of one configuration."""

import pytest

from device_agent.config import agent as config
from device_agent.errors import ConfigError
from tests.device_agent.config.configuration import MINIMAL, problems


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
