import pytest

from infra.config import DEFAULT_FLEET, DeployConfig
from infra.errors import ConfigError


def config(**context):
    return DeployConfig.from_context(context.get)


def test_without_context_it_is_dev_on_dynamodb_with_the_repositorys_fleet():
    assert config() == DeployConfig(stage="dev", telemetry_store="dynamodb", fleet=(DEFAULT_FLEET,), target="lambda")


def test_several_fleet_files_are_separated_by_commas(tmp_path):
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.write_text("")
    assert config(fleet=f"{files[0]}, {files[1]}").fleet == tuple(files)


@pytest.mark.parametrize("store", ["timestream-influxdb", "timestream-liveanalytics"])
def test_a_store_of_a_later_version_is_refused_with_those_that_work(store):
    with pytest.raises(
        ConfigError, match=f"{store} is designed but not available in this version; available: dynamodb"
    ):
        config(telemetry_store=store)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as error:
        config(stage="test", telemetry_store="sqlite", target="moon", fleet="/nowhere/fleet.toml")
    assert str(error.value).splitlines() == [
        "the deployment's context is not usable:",
        "  - stage: expected one of dev, prod, got 'test'",
        "  - target: expected one of lambda, host, got 'moon'",
        "  - telemetry_store: expected one of dynamodb, got 'sqlite'",
        "  - fleet: expected a fleet file, got /nowhere/fleet.toml, which does not exist",
    ]


def test_a_fleet_that_is_no_path_is_refused():
    with pytest.raises(ConfigError, match="fleet: expected one or more paths separated by commas, got 3"):
        config(fleet=3)
