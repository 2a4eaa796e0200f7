import pytest

from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS
from infra.config import (
    DEFAULT_FLEET,
    DEFAULT_STORES,
    INFLUX_INSTANCES,
    STAGES,
    STORES,
    DashboardOptions,
    DeployConfig,
    InfluxOptions,
)
from infra.errors import ConfigError


def config(**context):
    return DeployConfig.from_context(context.get)


def refused(**context):
    with pytest.raises(ConfigError) as error:
        config(**context)
    return error.value.problems


def test_without_context_it_is_dev_on_dynamodb_with_the_repositorys_fleet():
    assert config() == DeployConfig(
        stage="dev",
        telemetry_store="dynamodb",
        previous_store=None,
        retention_days=90,
        influx=InfluxOptions(instance="db.influx.medium", storage_gib=20, multi_az=False),
        fleet=(DEFAULT_FLEET,),
        target="lambda",
    )


def test_the_store_depends_on_the_stage_unless_it_is_given():
    assert config(stage="prod").telemetry_store == INFLUXDB
    assert config(stage="prod", telemetry_store=DYNAMODB).telemetry_store == DYNAMODB
    assert config(stage="dev", telemetry_store=INFLUXDB).telemetry_store == INFLUXDB
    assert DEFAULT_STORES.keys() == {*STAGES}
    assert {*DEFAULT_STORES.values()} <= {*STORES}


def test_several_fleet_files_are_separated_by_commas(tmp_path):
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.write_text("")
    assert config(fleet=f"{files[0]}, {files[1]}").fleet == tuple(files)


@pytest.mark.parametrize("value", ["400", 400])
def test_numbers_come_as_text_or_as_json(value):
    assert config(retention_days=value).retention_days == 400
    assert config(influx_storage_gib=value).influx.storage_gib == 400


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False), (True, True), (False, False)])
def test_a_standby_is_asked_for_by_text_or_by_json(value, expected):
    assert config(influx_multi_az=value).influx.multi_az is expected


@pytest.mark.parametrize("value", ["0", "3651", "-1", "1.5", "", "many", True, [90], "٩"])
def test_a_retention_is_a_number_of_days_in_ten_years(value):
    assert refused(retention_days=value) == (f"retention_days: expected a whole number from 1 to 3650, got {value!r}",)


@pytest.mark.parametrize("value", ["yes", "True", 1, 0, "", [], {}])
def test_a_standby_is_a_yes_or_a_no(value):
    assert refused(influx_multi_az=value) == (f"influx_multi_az: expected true or false, got {value!r}",)


def test_an_instance_of_influxdb_is_one_that_cloudformation_knows():
    assert config(influx_instance="db.influx.2xlarge").influx.instance == "db.influx.2xlarge"
    assert refused(influx_instance="db.t4g.micro") == (
        f"influx_instance: expected one of {', '.join(INFLUX_INSTANCES)}, got 'db.t4g.micro'",
    )


def test_influxdb_takes_no_less_storage_than_20_gib():
    assert refused(influx_storage_gib="19") == (
        "influx_storage_gib: expected a whole number from 20 to 15360, got '19'",
    )


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_previous_store_there_is_one_store(nothing):
    assert config(previous_store=nothing).previous_store is None
    assert config(previous_store=nothing).stores == (DYNAMODB,)


def test_a_previous_store_is_deployed_beside_the_store():
    assert config(telemetry_store=INFLUXDB, previous_store=DYNAMODB).stores == (INFLUXDB, DYNAMODB)
    assert config(stage="prod", previous_store=DYNAMODB).stores == (INFLUXDB, DYNAMODB)


def test_a_previous_store_is_another_one_than_the_store():
    assert refused(previous_store=DYNAMODB) == (
        "previous_store: expected another store than telemetry_store, got 'dynamodb' for both",
    )


@pytest.mark.parametrize(("store", "previous"), [(INFLUXDB, LIVEANALYTICS), (LIVEANALYTICS, INFLUXDB)])
def test_no_function_reaches_influxdb_and_liveanalytics_at_once(store, previous):
    (problem,) = refused(telemetry_store=store, previous_store=previous)
    assert problem.startswith(f"previous_store: expected dynamodb or nothing beside {store}, got {previous!r}")
    assert "backfill --from lake" in problem


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as error:
        config(
            stage="test",
            telemetry_store="sqlite",
            previous_store="csv",
            retention_days="long",
            influx_instance="big",
            influx_storage_gib=5,
            influx_multi_az="maybe",
            target="moon",
            fleet="/nowhere/fleet.toml",
        )
    assert str(error.value).splitlines() == [
        "the deployment's context is not usable:",
        "  - stage: expected one of dev, prod, got 'test'",
        "  - target: expected one of lambda, host, got 'moon'",
        f"  - telemetry_store: expected one of {', '.join(STORES)}, got 'sqlite'",
        f"  - previous_store: expected one of {', '.join(STORES)}, got 'csv'",
        "  - retention_days: expected a whole number from 1 to 3650, got 'long'",
        f"  - influx_instance: expected one of {', '.join(INFLUX_INSTANCES)}, got 'big'",
        "  - influx_storage_gib: expected a whole number from 20 to 15360, got 5",
        "  - influx_multi_az: expected true or false, got 'maybe'",
        "  - fleet: expected a fleet file, got /nowhere/fleet.toml, which does not exist",
    ]


def test_a_fleet_that_is_no_path_is_refused():
    with pytest.raises(ConfigError, match="fleet: expected one or more paths separated by commas, got 3"):
        config(fleet=3)


@pytest.mark.parametrize("value", ["https://a.example.com", "https://a.example.com:8443, http://localhost:3000"])
def test_origins_of_pages_are_given_as_browsers_send_them(value):
    assert config(live_origins=value).live_origins == tuple(part.strip() for part in value.split(","))
    assert config(live_origins="").live_origins == ()


@pytest.mark.parametrize("value", ["*", "https://*.example.com", "http://a.example.com", "https://a.example.com/", "a"])
def test_what_is_no_origin_is_refused(value):
    assert refused(live_origins=value)[0].startswith("live_origins: expected origins")


def test_alarms_are_mailed_from_nowhere_unless_an_address_is_given():
    assert config().mail_from is None
    assert config(mail_from="").mail_from is None
    assert config(mail_from="alarms+dev@mail.example.com").mail_from == "alarms+dev@mail.example.com"


@pytest.mark.parametrize(
    "value", ["alarms", "a@b", "Alarms <alarms@example.com>", "a@example.com\nb", "*@example.com", 7]
)
def test_a_sender_is_one_plain_address(value):
    assert refused(mail_from=value) == (
        f"mail_from: expected an e-mail address such as alarms@example.com, got {value!r}",
    )


CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


def test_the_dashboard_may_have_a_domain_and_tiles():
    assert config().dashboard == DashboardOptions(domain=None, certificate=None, map_tiles=None)
    assert config(dashboard_domain="", dashboard_certificate="", map_tiles="").dashboard == DashboardOptions()
    tiles = "https://tiles.example.com:8443/{z}/{x}/{y}.png?key=a"
    chosen = config(dashboard_domain="iot.example.com", dashboard_certificate=CERTIFICATE, map_tiles=tiles).dashboard
    assert chosen == DashboardOptions("iot.example.com", CERTIFICATE, tiles)


@pytest.mark.parametrize(
    "tiles",
    [
        "http://tiles.example.com/{z}/{x}/{y}.png",
        "https://tiles.example.com/{z}/{x}.png",
        "https://tiles.example.com/{z}/{x}/{y}/{y}.png",
        "https://tiles.example.com/{z}/{x}/{y}.png; script-src *",
        "https://*/{z}/{x}/{y}.png",
        "https://a.example.com https://b.example.com/{z}/{x}/{y}",
        "https://user@tiles.example.com/{z}/{x}/{y}.png",
        ["https://tiles.example.com/{z}/{x}/{y}.png"],
    ],
)
def test_an_address_of_tiles_is_one_server_over_https(tiles):
    wanted = "an address such as https://tiles.example.com/{z}/{x}/{y}.png"
    assert refused(map_tiles=tiles) == (f"map_tiles: expected {wanted}, got {tiles!r}",)


@pytest.mark.parametrize(
    "domain", ["https://iot.example.com", "iot.example.com/", "localhost", "*.example.com", "-a.b.com"]
)
def test_a_domain_is_a_name_and_no_address(domain):
    (problem,) = refused(dashboard_domain=domain, dashboard_certificate=CERTIFICATE)
    assert problem == f"dashboard_domain: expected a name such as fieldline.example.com, got {domain!r}"


def test_a_certificate_is_where_cloudfront_looks_for_it():
    (problem,) = refused(
        dashboard_domain="a.example.com", dashboard_certificate=CERTIFICATE.replace("us-east-1", "eu-west-1")
    )
    assert problem.startswith("dashboard_certificate: expected the ARN of a certificate of ACM in us-east-1, got ")


@pytest.mark.parametrize("one", [{"dashboard_domain": "a.example.com"}, {"dashboard_certificate": CERTIFICATE}])
def test_a_domain_comes_with_its_certificate(one):
    assert refused(**one) == ("dashboard_domain, dashboard_certificate: expected both or neither, got one",)
