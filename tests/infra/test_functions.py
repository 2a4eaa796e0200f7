"""Every function of the catalogue, as the template has it."""

import pytest

from functions.catalogue import StoreAccess
from functions.settings import DYNAMODB, INFLUXDB, STORE_SETTINGS, SeriesFunctionSettings
from infra.check import Deployed

CLOUD = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}


def store_settings(deployment, spec):
    """What a function reads besides its own settings, by how it uses which store."""
    store, previous = deployment.store_of(spec)
    if spec.store_access in {None, StoreAccess.ADMIN}:
        return []
    if spec.store_access is StoreAccess.ASK and store == INFLUXDB:
        return [SeriesFunctionSettings]
    moved = [STORE_SETTINGS[previous]] if previous and spec.store_access is StoreAccess.MOVE else []
    return [STORE_SETTINGS[store], *moved]


def test_the_functions_are_those_of_the_catalogue_for_these_stores(any_deployment):
    found = [
        f.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for f in any_deployment.all("AWS::Lambda::Function")
    ]
    assert sorted(found) == sorted(spec.name for spec in any_deployment.specs)


def test_only_influxdb_brings_functions_of_its_own(deployments):
    def names(*deployed):
        return {spec.name for spec in deployments(Deployed(*deployed)).specs}

    assert names("prod", INFLUXDB) - names("prod", DYNAMODB) == {"series", "store_setup", "store_admin"}
    assert names("prod", DYNAMODB, INFLUXDB) - names("prod", DYNAMODB) == {"store_setup", "store_admin"}


def test_their_own_settings_and_the_stores_read_their_environment(any_deployment):
    for spec in any_deployment.specs:
        variables = any_deployment.function(spec.name).properties["Environment"]["Variables"]
        environment = {name: any_deployment.render(value) for name, value in variables.items()}
        read = [kind.from_env(environment) for kind in (spec.settings, *store_settings(any_deployment, spec))]
        known = {name: value for settings in read for name, value in settings.to_env().items()}
        assert known == {name: value for name, value in environment.items() if name not in CLOUD}, spec.name


def test_everybody_agrees_on_store_and_retention(synthesized, tmp_path):
    deployment = synthesized(tmp_path, stage="dev", telemetry_store=INFLUXDB, retention_days="30", fleet="")
    for name in ("ingest", "api", "series", "backfill"):
        variables = deployment.function(name).properties["Environment"]["Variables"]
        assert variables["FIELDLINE_TELEMETRY_STORE"] == INFLUXDB
        assert variables["FIELDLINE_RETENTION_DAYS"] == "30"
    assert deployment.one("Custom::FieldlineInfluxSetup").properties["RetentionDays"] == 37


def test_only_a_move_names_the_previous_store(any_deployment):
    variables = any_deployment.function("backfill").properties["Environment"]["Variables"]
    assert variables.get("FIELDLINE_PREVIOUS_STORE") == any_deployment.previous
    for spec in any_deployment.specs:
        others = any_deployment.function(spec.name).properties["Environment"]["Variables"]
        assert spec.name == "backfill" or "FIELDLINE_PREVIOUS_STORE" not in others


@pytest.mark.parametrize("secret", ["write-token", "read-token", "admin"])
def test_a_secret_is_named_to_those_that_may_read_it_and_to_nobody_else(influx, secret):
    variable = "FIELDLINE_INFLUX_" + secret.replace("-token", "").upper() + "_SECRET"
    named, granted = set(), set()
    for spec in influx.specs:
        if variable in influx.function(spec.name).properties["Environment"]["Variables"]:
            named.add(spec.name)
        if f"influx-{secret}" in {grant.resource for grant in spec.grants_with(*influx.store_of(spec))}:
            granted.add(spec.name)
    assert named == granted
    assert "store_admin" in named
    assert "api" not in named


def test_they_run_as_their_entries_say(any_deployment):
    for spec in any_deployment.specs:
        properties = any_deployment.function(spec.name).properties
        assert properties["Handler"] == spec.handler
        assert properties["MemorySize"] == spec.memory_mb
        assert properties["Timeout"] == spec.timeout_s
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]


def test_functions_of_one_dependency_group_share_a_bundle(deployment):
    keys = {}
    for spec in deployment.specs:
        key = deployment.function(spec.name).properties["Code"]["S3Key"]
        assert keys.setdefault(spec.dependency_group, key) == key
    assert len(set(keys.values())) == len(keys)


def test_every_function_writes_a_log_group_of_its_own(deployment):
    groups = [
        deployment.render(function.properties["LoggingConfig"]["LogGroup"])
        for function in deployment.all("AWS::Lambda::Function")
    ]
    assert len(set(groups)) == len(deployment.specs)
    assert set(groups) <= {group.id for group in deployment.all("AWS::Logs::LogGroup")}


@pytest.mark.parametrize(("stage", "days"), [("dev", 14), ("prod", 365)])
def test_every_log_group_forgets(request, stage, days):
    deployment = request.getfixturevalue(stage)
    groups = deployment.all("AWS::Logs::LogGroup")
    assert {group.properties["RetentionInDays"] for group in groups} == {days}


def test_the_api_answers_before_api_gateway_gives_up(deployment):
    assert deployment.function("api").properties["Timeout"] < 29
