"""What the command knows of the templates, compared with them: it is also installed where they are not."""

import json

from cli.preflight import costs, deployment
from functions.settings import TELEMETRY_STORES
from infra.config import APART, DEFAULT_STORES, STAGES, InfluxOptions
from infra.node import use_packaged_node

use_packaged_node()

# Only now: these import CDK, which starts Node.
import aws_cdk as cdk  # noqa: E402

from infra.stage import stage_policy  # noqa: E402
from infra.telemetry_store import endpoints, liveanalytics, network, retention  # noqa: E402


def test_the_stores_are_those_of_the_functions():
    assert deployment.STORES == TELEMETRY_STORES
    assert deployment.APART == APART
    assert liveanalytics.DATABASE == deployment.TIMESTREAM_DATABASE


def test_stages_and_their_stores_are_those_that_can_be_deployed():
    assert deployment.STAGES == STAGES
    assert deployment.DEFAULT_STORES == DEFAULT_STORES


def test_ingest_takes_as_many_functions_as_the_stage_gives_it():
    assert {stage: stage_policy(stage).ingest_concurrency for stage in STAGES} == deployment.INGEST_CONCURRENCY


def test_the_instance_that_nobody_chose_is_the_same():
    assert vars(deployment.Influx()) == vars(InfluxOptions())


def test_the_network_of_the_store_has_as_many_endpoints_in_as_many_zones():
    assert set(deployment.INTERFACE_ENDPOINTS) == set(endpoints.INTERFACES)
    assert set(deployment.GATEWAY_ENDPOINTS) == set(endpoints.GATEWAYS)
    assert network.ZONES == deployment.STORE_ZONES


def test_what_is_paid_for_is_kept_as_long():
    assert liveanalytics.MEMORY_HOURS == costs.MEMORY_HOURS
    assert retention.GRACE_DAYS == costs.GRACE_DAYS


def test_the_bootstrap_stack_must_be_as_new_as_the_assembly_says(tmp_path):
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    cdk.Stack(app, "Any")
    app.synth()
    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"].values()
    needed = [one.get("properties", {}).get("requiresBootstrapStackVersion", 0) for one in artifacts]
    assert max(needed) == deployment.BOOTSTRAP_VERSION
