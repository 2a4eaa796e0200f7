"""Changing stores: what is deployed beside what, and that no deployment of a change has to fail."""

import pytest

from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS
from infra.check import Deployed

# Their stack is updated before the stacks that stop using them.
SHARED = {
    DYNAMODB: "TelemetryTableB87F4322",
    LIVEANALYTICS: "LiveAnalyticsTable9EC1FB82",
}


def imports(value):
    """Every name that is imported as an export."""
    match value:
        case {"Fn::ImportValue": str(name)}:
            yield name
        case dict():
            for item in value.values():
                yield from imports(item)
        case list():
            for item in value:
                yield from imports(item)


def resources_of(deployment, stack):
    return {(stack, id_, body["Type"]) for id_, body in deployment.templates[stack]["Resources"].items()}


@pytest.mark.parametrize(("old", "new"), [(DYNAMODB, INFLUXDB), (INFLUXDB, DYNAMODB), (DYNAMODB, LIVEANALYTICS)])
def test_a_store_that_is_moved_from_stays_whole(deployments, old, new):
    before, during = deployments(Deployed("dev", old)), deployments(Deployed("dev", new, old))
    for stack in {"Data", "Store"} & before.templates.keys():
        assert resources_of(before, stack) <= resources_of(during, stack)


@pytest.mark.parametrize(("old", "new"), [(DYNAMODB, INFLUXDB), (INFLUXDB, DYNAMODB), (DYNAMODB, LIVEANALYTICS)])
def test_what_keeps_the_data_of_a_move_has_the_same_properties_before_and_during_it(deployments, old, new):
    before, during = deployments(Deployed("dev", old)), deployments(Deployed("dev", new, old))
    kinds = ("AWS::DynamoDB::GlobalTable", "AWS::Timestream::InfluxDBInstance", "AWS::EC2::Subnet", "AWS::EC2::VPC")
    kept = {r.id: r.properties for kind in kinds for r in before.all(kind)}
    assert kept
    found = {r.id: r.properties for kind in kinds for r in during.all(kind)}
    assert {id_: found[id_] for id_ in kept} == kept


@pytest.mark.parametrize("store", [DYNAMODB, LIVEANALYTICS])
def test_no_export_keeps_a_store_in_the_data_stack_from_being_dropped(deployments, store):
    deployment = deployments(Deployed("dev", store))
    exported = [output["Value"] for output in deployment.templates["Data"]["Outputs"].values() if "Export" in output]
    assert not [value for value in exported if SHARED[store] in str(deployment.render(value))]
    used = deployment.render(deployment.function("ingest").properties["Environment"]["Variables"])
    assert {SHARED[store], "telemetry"} & {*used.values()}


def test_exports_that_a_left_behind_store_stack_imports_stay(deployments):
    """Its stack leaves the app, not the account, and goes on importing."""
    imported = {*imports(deployments(Deployed("prod", INFLUXDB)).templates["Store"])}
    assert imported
    for store in (DYNAMODB, LIVEANALYTICS):
        templates = deployments(Deployed("prod", store)).templates
        outputs = [output for stack in ("Data", "Live", "Alarms") for output in templates[stack]["Outputs"].values()]
        assert imported <= {output["Export"]["Name"] for output in outputs if "Export" in output}


def test_only_the_backfill_reads_the_previous_store(deployments):
    deployment = deployments(Deployed("prod", INFLUXDB, DYNAMODB))
    readers = {
        spec.name
        for spec in deployment.specs
        if "FIELDLINE_TELEMETRY_TABLE" in deployment.function(spec.name).properties["Environment"]["Variables"]
    }
    assert readers == {"backfill"}


def test_the_api_asks_influxdb_through_the_function_beside_it(deployments):
    """In one stack, so that a change of store replaces both in one step."""
    deployment = deployments(Deployed("prod", INFLUXDB))
    series, api = deployment.function("series"), deployment.function("api")
    assert series.stack == api.stack
    variables = deployment.render(api.properties["Environment"]["Variables"])
    assert variables["FIELDLINE_SERIES_FUNCTION"] == series.id
