import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions import bootstrap
from functions.catalogue import FUNCTIONS, STORE_GRANTS, StoreAccess
from functions.handlers import store_setup
from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS, TELEMETRY_STORES

ROOT = Path(__file__).parents[2]
SPECS = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)


@SPECS
def test_an_entry_names_a_handler_and_what_wires_it(spec):
    module, _, name = spec.handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    assert callable(getattr(bootstrap, spec.name))


def test_every_handler_has_an_entry():
    modules = {path.stem for path in (ROOT / "functions" / "handlers").glob("*.py")} - {"__init__", "records"}
    assert modules == {spec.name for spec in FUNCTIONS}


@SPECS
def test_a_handler_is_short(spec):
    module = importlib.import_module(spec.handler.rpartition(".")[0])
    assert len(inspect.getsource(module).splitlines()) <= 50


SERVICES = {
    "core": {"dynamodb"},
    "state": {"dynamodb"},
    "events": {"dynamodb"},
    "telemetry": {"dynamodb"},
    "lake": {"firehose"},
    "lake-bucket": {"s3"},
    "presence-queue": {"sqs"},
    "commands-queue": {"sqs"},
    "alarms-queue": {"sqs"},
    "actions-queue": {"sqs"},
    "backtests-queue": {"sqs"},
    "webhook-key": {"secretsmanager"},
    "mail": {"ses"},
    "sms": {"sns"},
    "command-requests": {"iot"},
    "live": {"dynamodb"},
    "user-pool": {"cognito-idp"},
    "shadows": {"iot"},
    "live-connections": {"execute-api"},
    "ingest-queue": {"sqs"},
    "dead-letters": {"sqs"},
    "dead-letters-places": {"ssm"},
    "device-things": {"iot"},
    "device-certificates": {"iot"},
    "device-requests": {"iot"},
    "live-queue": {"sqs"},
    "influx-admin": {"secretsmanager"},
    "influx-write-token": {"secretsmanager"},
    "influx-read-token": {"secretsmanager"},
    "cursor-key": {"secretsmanager"},
    "audit-bucket": {"s3"},
    "dashboard-archive": {"s3"},
    "dashboard-bucket": {"s3"},
    "series-function": {"lambda"},
    "store-admin-function": {"lambda"},
    "timestream": {"timestream"},
    "timestream-endpoints": {"timestream"},
}
STORES = pytest.mark.parametrize("store", TELEMETRY_STORES)


def deployed(store):
    return [spec for spec in FUNCTIONS if store in spec.stores]


@STORES
@SPECS
def test_a_grant_names_an_action_of_its_resource_s_service(spec, store):
    for grant in spec.grants_with(store, previous=DYNAMODB):
        assert grant.actions
        for action in grant.actions:
            service, _, name = action.partition(":")
            assert service in SERVICES[grant.resource.partition("/")[0]]
            assert re.fullmatch(r"[A-Z][A-Za-z]+", name)


def test_only_influxdb_has_functions_of_its_own():
    names = {store: {spec.name for spec in deployed(store)} for store in TELEMETRY_STORES}
    assert names[DYNAMODB] == names[LIVEANALYTICS]
    assert names[INFLUXDB] - names[DYNAMODB] == {"series", "store_setup", "store_admin"}


@STORES
def test_a_function_that_uses_the_store_may_do_so_and_no_other_may(store):
    stores_own = {grant.resource for grants in STORE_GRANTS.values() for some in grants.values() for grant in some} - {
        "core",
        "state",
        "events",
        "lake",
        "lake-bucket",
    }
    for spec in deployed(store):
        granted = {grant.resource for grant in spec.grants_with(store)} & stores_own
        assert bool(granted) == (spec.store_access is not None), spec.name


@STORES
def test_nobody_may_do_more_with_the_store_than_it_does(store):
    by_name = {
        # What is watched, and rules, are asked of tables of their own.
        spec.name: {
            action for one in spec.grants_with(store) if one.resource not in {"live", "core"} for action in one.actions
        }
        for spec in FUNCTIONS
    }
    assert not by_name["ingest"] & {"dynamodb:Query", "dynamodb:Scan", "timestream:Select"}
    assert not by_name["api"] & {"dynamodb:BatchWriteItem", "timestream:WriteRecords"}
    tokens = {
        spec.name: {grant.resource for grant in spec.grants_with(INFLUXDB) if grant.resource.startswith("influx-")}
        for spec in deployed(INFLUXDB)
    }
    assert tokens["ingest"] == {"influx-write-token", "influx-read-token"}
    assert tokens["series"] == {"influx-read-token"}
    assert tokens["api"] == tokens["store_setup"] == set()


def test_no_grant_deletes_points():
    actions = {
        action for grants in STORE_GRANTS.values() for some in grants.values() for one in some for action in one.actions
    }
    assert not [action for action in actions if "Delete" in action or "Update" in action]


@STORES
@pytest.mark.parametrize("previous", TELEMETRY_STORES)
def test_only_the_function_that_moves_history_reaches_the_previous_store(store, previous):
    for spec in deployed(store):
        more = set(spec.grants_with(store, previous)) - set(spec.grants_with(store))
        if spec.name == "backfill":
            assert set(STORE_GRANTS[previous][StoreAccess.MOVE]) <= set(spec.grants_with(store, previous))
        else:
            assert more == set()


@pytest.mark.parametrize(
    ("store", "previous", "inside"),
    [
        (DYNAMODB, None, set()),
        (LIVEANALYTICS, None, set()),
        (INFLUXDB, None, {"ingest", "series", "backfill", "store_admin"}),
        (INFLUXDB, DYNAMODB, {"ingest", "series", "backfill", "store_admin"}),
        (DYNAMODB, INFLUXDB, {"backfill"}),
    ],
)
def test_only_what_reaches_an_influxdb_instance_runs_in_its_network(store, previous, inside):
    assert {spec.name for spec in deployed(store) if spec.runs_in_store_network(store, previous)} == inside


def test_what_answers_cloudformation_or_people_is_outside_the_network():
    for name in ("store_setup", "api", "authorizer", "registrar", "presence", "events"):
        (spec,) = (spec for spec in FUNCTIONS if spec.name == name)
        assert not spec.runs_in_store_network(INFLUXDB, INFLUXDB)


def test_nobody_waits_for_a_function_longer_than_it_waits_itself():
    timeouts = {spec.name: spec.timeout_s for spec in FUNCTIONS}
    assert bootstrap.STORE_BUDGET_S[StoreAccess.READ] < timeouts["series"] < bootstrap.SERIES_WAIT_S < timeouts["api"]

    def longest(access):
        return bootstrap.STORE_BUDGET_S[access] + bootstrap.TIMESTREAM_CALL_S[access] + bootstrap.CONNECT_S

    assert bootstrap.INGEST_WITHIN_S + longest(StoreAccess.WRITE) < timeouts["ingest"] - 10
    assert longest(StoreAccess.ASK) < timeouts["api"] - 2
    assert longest(StoreAccess.MOVE) < timeouts["backfill"] / 4
    assert timeouts["store_admin"] - 30 > bootstrap.SET_UP_WITHIN_S > bootstrap.TAKE_BACK_WITHIN_S
    assert timeouts["store_admin"] + bootstrap.ORDERED_WITHIN_S + store_setup.ANSWER_S < timeouts["store_setup"]


@pytest.mark.parametrize(
    ("spec", "heavy"),
    [
        (spec, {"pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler"} | ({"jwt"} if hot else set()))
        for spec in FUNCTIONS
        for hot in [spec.dependency_group == "fn-hot"]
        if spec.dependency_group != "fn-api"
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_cold_start_loads_nothing_heavy_and_reads_no_environment(spec, heavy):
    module = spec.handler.rpartition(".")[0]
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert module in loaded
    assert heavy.isdisjoint(loaded)


def test_the_registrar_ends_before_cloudformation_stops_waiting_for_it():
    (registrar,) = (spec for spec in FUNCTIONS if spec.name == "registrar")
    assert registrar.timeout_s <= 100
