"""The configuration that an agent starts with: valid as it is, and with every line that may be switched on."""

import re
import tomllib

import msgspec
import pytest

from contract import models
from contract.models import Metric, shipped
from device_agent.config.agent import load
from device_agent.errors import ConfigError
from functions.domain.agent_config import Sensors, agent_toml

ENDPOINTS = ["abc-ats.iot.eu-west-1.amazonaws.com"]
MODELS = pytest.mark.parametrize("name", sorted(shipped()))


def metric(key, kind="number", unit=None):
    return Metric(key=key, title=key, type=kind, unit=unit)


@pytest.fixture
def read(tmp_path):
    """What the agent makes of a configuration whose certificate, key and CA are beside it."""
    for name in ("ca.pem", "pump-7.pem", "pump-7.key"):
        (tmp_path / name).touch(mode=0o600)

    def read_(text):
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return load(path)

    read_.folder = tmp_path
    return read_


def switched_on(text):
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


def metrics_of(config):
    return {one for sensor in config.sensors for one in sensor.metrics}


@MODELS
@pytest.mark.parametrize("sensors", Sensors)
def test_it_is_valid_as_it_is(read, name, sensors):
    config = read(agent_toml("pump-7", shipped()[name], ENDPOINTS, sensors))
    assert (config.thing, config.model.name) == ("pump-7", name)
    assert [str(one) for one in config.endpoints] == ENDPOINTS
    assert config.ca == read.folder / "ca.pem"
    assert config.certificate == read.folder / "pump-7.pem"
    assert config.private_key == read.folder / "pump-7.key"


@MODELS
def test_it_is_valid_with_everything_switched_on_and_then_measures_all_that_the_model_knows(read, name):
    model = shipped()[name]
    config = read(switched_on(agent_toml("pump-7", model, ENDPOINTS, Sensors.HARDWARE)))
    told = metrics_of(config) | {one.metric for one in config.actuators}
    assert told >= {key for key, one in model.metrics.items() if one.derived is None}
    assert {one.name for one in config.actuators} == set(model.actuators)


@MODELS
def test_without_hardware_every_metric_is_made_up(read, name):
    model = shipped()[name]
    config = read(agent_toml("pump-7", model, ENDPOINTS, Sensors.SIMULATED))
    assert metrics_of(config) == {key for key, one in model.metrics.items() if one.derived is None}
    assert config.queue == read.folder / "queue"


def test_on_a_device_the_state_is_where_the_service_may_write_and_the_machine_itself_is_measured(read):
    config = read(agent_toml("pump-7", shipped()["climate"], ENDPOINTS, Sensors.HARDWARE))
    assert str(config.queue) == "/var/lib/fieldline/queue"
    assert str(config.state) == "/var/lib/fieldline/state"
    assert "uptime" in metrics_of(config)


def test_a_model_that_the_agent_does_not_bring_along_is_read_from_beside_it(read):
    model = msgspec.structs.replace(shipped()["climate"], name="greenhouse")
    text = agent_toml("pump-7", model, ENDPOINTS, Sensors.SIMULATED, model_file="greenhouse.json")
    with pytest.raises(ConfigError, match=r"greenhouse\.json"):
        read(text)
    (read.folder / "greenhouse.json").write_bytes(models.encode(model))
    assert read(text).model == model


def test_what_no_sensor_of_ours_measures_becomes_a_voltage_or_is_named(read):
    known = {
        one.key: one
        for one in (
            *(metric(f"level_{n}", unit="%") for n in range(5)),
            metric("mode", "string"),
            metric("bare", unit="1"),
        )
    }
    model = msgspec.structs.replace(shipped()["climate"], metrics=known, rules=())
    text = agent_toml("pump-7", model, ENDPOINTS, Sensors.HARDWARE, model_file="odd.json")
    assert "# Of your own choice, by docs/sensors.md: level_4, mode, bare\n" in text
    model_file = read.folder / "odd.json"
    model_file.write_bytes(models.encode(msgspec.structs.replace(model, name="odd")))
    assert metrics_of(read(switched_on(text))) >= {f"level_{n}" for n in range(4)}


def test_a_name_that_only_looks_like_a_reading_is_not_taken_for_one():
    model = msgspec.structs.replace(shipped()["climate"], metrics={"motion": metric("motion", "string")})
    assert 'kind = "motion"' not in agent_toml("pump-7", model, ENDPOINTS, Sensors.HARDWARE)


@pytest.mark.parametrize("endpoint", ['a"b', "a\\b", "ü"])
def test_it_is_toml_whatever_it_is_told(endpoint):
    text = agent_toml("pump-7", shipped()["climate"], [endpoint], Sensors.HARDWARE)
    assert tomllib.loads(text)["endpoints"] == [endpoint]
