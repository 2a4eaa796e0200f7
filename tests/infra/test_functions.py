"""Every function of the catalogue, as the template has it."""

import pytest

from functions.catalogue import FUNCTIONS

CLOUD = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_its_own_settings_read_its_environment(deployment, spec):
    variables = deployment.function(spec.name).properties["Environment"]["Variables"]
    environment = {name: deployment.render(value) for name, value in variables.items()}
    settings = spec.settings.from_env(environment)
    assert settings.to_env() == {name: value for name, value in environment.items() if name not in CLOUD}


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_it_runs_as_its_entry_says(deployment, spec):
    properties = deployment.function(spec.name).properties
    assert properties["Handler"] == spec.handler
    assert properties["MemorySize"] == spec.memory_mb
    assert properties["Timeout"] == spec.timeout_s
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]


def test_functions_of_one_dependency_group_share_a_bundle(deployment):
    keys = {}
    for spec in FUNCTIONS:
        key = deployment.function(spec.name).properties["Code"]["S3Key"]
        assert keys.setdefault(spec.dependency_group, key) == key
    assert len(set(keys.values())) == len(keys)


def test_every_function_writes_a_log_group_of_its_own(deployment):
    groups = [
        deployment.render(function.properties["LoggingConfig"]["LogGroup"])
        for function in deployment.all("AWS::Lambda::Function")
    ]
    assert len(set(groups)) == len(FUNCTIONS)
    assert set(groups) <= {group.id for group in deployment.all("AWS::Logs::LogGroup")}


@pytest.mark.parametrize(("stage", "days"), [("dev", 14), ("prod", 365)])
def test_every_log_group_forgets(request, stage, days):
    deployment = request.getfixturevalue(stage)
    groups = deployment.all("AWS::Logs::LogGroup")
    assert {group.properties["RetentionInDays"] for group in groups} == {days}


def test_the_api_answers_before_api_gateway_gives_up(deployment):
    assert deployment.function("api").properties["Timeout"] < 29
