"""A telemetry store that is another one than what is deployed: nobody loses its history without having said so."""

import pytest

DYNAMODB, INFLUX, LIVE = "dynamodb", "timestream-influxdb", "timestream-liveanalytics"


@pytest.fixture
def deployed(cloud):
    """Says what a stage's stacks hold."""

    def stand(stage, **outputs):
        cloud.stacks[f"Fieldline-{stage}-Data"] = "UPDATE_COMPLETE"
        cloud.outputs[f"Fieldline-{stage}-Data"] = {"CoreTableName": "core", **outputs}

    return stand


def test_a_first_deployment_changes_no_store(preflight):
    said = preflight("--stage", "prod")["of"]["store change"]
    assert (said["status"], said["figures"]) == ("ok", {"chosen": INFLUX})


@pytest.mark.parametrize(("stage", "store"), [("prod", INFLUX), ("dev", DYNAMODB), ("prod", LIVE)])
def test_a_store_that_stays_is_fine(preflight, deployed, stage, store):
    deployed(stage, TelemetryStore=store)
    said = preflight("--stage", stage, "--store", store)["of"]["store change"]
    assert said["status"] == "ok"
    assert said["figures"] == {"deployed": store, "chosen": store}


@pytest.mark.parametrize(("stage", "fate"), [("prod", "stay behind, unread"), ("dev", "deleted with its data")])
def test_a_store_that_changes_is_told_with_both_ways_out(preflight, deployed, stage, fate):
    deployed(stage, TelemetryStore=DYNAMODB, TelemetryTableName="telemetry")
    document = preflight("--stage", stage, "--store", INFLUX, fails=1)
    assert [one["name"] for one in document["findings"] if one["status"] == "failed"] == ["store change"]
    said = document["of"]["store change"]
    assert f"would change from {DYNAMODB} to {INFLUX}: charts would begin anew" in said["says"]
    assert fate in said["says"]
    assert f"make deploy STAGE={stage} STORE={DYNAMODB}." in said["todo"]
    assert f"make deploy STAGE={stage} STORE={INFLUX} CONTEXT=previous_store={DYNAMODB}." in said["todo"]


def test_a_stage_whose_own_store_is_another_than_the_deployed_one_is_told(preflight, deployed):
    deployed("prod", TelemetryStore=DYNAMODB, TelemetryTableName="telemetry")
    assert preflight("--stage", "prod", fails=1)["of"]["store change"]["status"] == "failed"


def test_a_stack_from_before_stores_could_be_chosen_has_a_table(preflight, deployed):
    deployed("prod", TelemetryTableName="telemetry")
    assert preflight("--stage", "prod", fails=1)["of"]["store change"]["figures"]["deployed"] == DYNAMODB
    assert preflight("--stage", "prod", "--store", DYNAMODB)["of"]["store change"]["status"] == "ok"


def test_a_stack_that_holds_no_store_has_none_to_lose(preflight, deployed):
    deployed("prod")
    assert preflight("--stage", "prod")["of"]["store change"]["figures"] == {"chosen": INFLUX}


def test_with_the_deployed_store_beside_it_the_change_is_a_move(preflight, deployed):
    deployed("prod", TelemetryStore=DYNAMODB)
    document = preflight("--stage", "prod", "--previous-store", DYNAMODB)
    assert document["previous_store"] == DYNAMODB
    assert document["of"]["store change"]["status"] == "ok"
    assert "stays beside it" in document["of"]["store change"]["says"]


def test_at_the_end_of_a_move_the_previous_store_may_go(preflight, deployed):
    deployed("prod", TelemetryStore=INFLUX, TelemetryTableName="telemetry")
    assert preflight("--stage", "prod")["of"]["store change"]["status"] == "ok"


def test_another_store_beside_it_keeps_nothing_of_the_deployed_one(preflight, deployed):
    deployed("prod", TelemetryStore=LIVE)
    assert preflight("--stage", "prod", "--previous-store", DYNAMODB, fails=1)["of"]["store change"]["todo"]


def test_stores_that_cannot_stand_together_are_moved_by_the_lake(preflight, deployed):
    deployed("prod", TelemetryStore=INFLUX)
    todo = preflight("--stage", "prod", "--store", LIVE, fails=1)["of"]["store change"]["todo"]
    assert f"make deploy STAGE=prod STORE={LIVE} DROP={INFLUX}." in todo
    assert "from the lake" in todo
    assert "previous_store" not in todo


def test_an_instance_that_is_left_behind_is_still_paid_for(preflight, deployed):
    deployed("dev", TelemetryStore=INFLUX)
    says = preflight(fails=1)["of"]["store change"]["says"]
    assert "the stack Fieldline-dev-Store would go on running, paid for and unread" in says


def test_a_store_that_is_given_up_by_its_name_is_a_warning(preflight, deployed):
    deployed("prod", TelemetryStore=INFLUX)
    said = preflight("--stage", "prod", "--store", LIVE, "--drop-store", INFLUX)["of"]["store change"]
    assert said["status"] == "warning"
    assert preflight("--stage", "prod", "--store", LIVE, "--drop-store", DYNAMODB, fails=1)


def test_whoever_moves_from_an_instance_pays_for_it_meanwhile(preflight):
    alone = preflight("--store", DYNAMODB)["of"]["idle cost"]
    both = preflight("--store", DYNAMODB, "--previous-store", INFLUX)["of"]["idle cost"]
    assert both["figures"]["usd_a_month"] - alone["figures"]["usd_a_month"] > 100
    assert f"with {DYNAMODB} and {INFLUX} costs" in both["says"]


def test_a_store_to_move_from_is_asked_for_as_well(preflight, cloud):
    cloud.closed = True
    document = preflight("--store", DYNAMODB, "--previous-store", LIVE, fails=1)
    assert document["of"][LIVE]["status"] == "failed"
    assert "network" in preflight("--store", DYNAMODB, "--previous-store", INFLUX)["of"]


def test_a_database_that_no_stack_of_ours_has_would_fail_the_deployment(preflight, cloud):
    cloud.databases = {"fieldline"}
    said = preflight("--store", LIVE, fails=1)["of"][LIVE]
    assert "'fieldline' stands in eu-west-1 and is none of our stacks'" in said["says"]
    assert "delete-database --database-name fieldline" in said["todo"]
    assert preflight("--store", DYNAMODB)["of"][LIVE]["status"] == "ok"


def test_the_database_of_our_own_stack_and_other_peoples_are_not_in_the_way(preflight, deployed, cloud):
    cloud.databases = {"theirs"}
    assert preflight("--store", LIVE)["of"][LIVE]["status"] == "ok"
    cloud.databases = {"fieldline"}
    deployed("dev", TelemetryStore=LIVE, TimestreamDatabaseName="fieldline")
    assert preflight("--store", LIVE)["of"][LIVE]["status"] == "ok"


def test_coming_back_to_a_database_that_was_retained_is_told(preflight, deployed, cloud):
    cloud.databases = {"fieldline"}
    deployed("prod", TelemetryStore=DYNAMODB)
    document = preflight("--stage", "prod", "--store", LIVE, "--previous-store", DYNAMODB, fails=1)
    assert document["of"][LIVE]["status"] == "failed"


def test_a_stack_that_failed_half_way_is_to_be_deleted_before_its_database(preflight, cloud):
    cloud.databases = {"fieldline"}
    cloud.stacks = {"Fieldline-dev-Data": "ROLLBACK_FAILED"}
    document = preflight("--store", LIVE, fails=1)
    assert [one["name"] for one in document["findings"] if one["status"] == "failed"] == ["earlier deployment"]


def test_without_the_permission_to_ask_for_the_database_nothing_is_concluded(preflight, cloud):
    cloud.deny("timestream:DescribeDatabase")
    said = preflight("--store", LIVE)["of"][LIVE]
    assert (said["status"], said["figures"]) == ("unknown", {"permission": "timestream:DescribeDatabase"})
