"""The WebSocket API, its functions and what they may do with connections."""

import json

import pytest

from infra.websocket_api import STAGE_NAME


def api_of(deployment):
    return deployment.one("AWS::ApiGatewayV2::Api")


def role_of(deployment, name):
    role = deployment.render(deployment.function(name).properties["Role"]).removesuffix(".Arn")
    (found,) = (one for one in deployment.all("AWS::IAM::Role") if one.id == role)
    return found


def test_every_message_goes_to_one_function_whose_answers_are_sent(deployment):
    routes = {r.properties["RouteKey"]: r.properties for r in deployment.all("AWS::ApiGatewayV2::Route")}
    assert routes.keys() == {"$connect", "$disconnect", "$default"}
    function = deployment.function("live").id
    for integration in deployment.all("AWS::ApiGatewayV2::Integration"):
        assert function in deployment.render(integration.properties["IntegrationUri"])
    assert routes["$default"]["RouteResponseSelectionExpression"] == "$default"
    assert deployment.one("AWS::ApiGatewayV2::RouteResponse").properties["RouteResponseKey"] == "$default"


def test_the_stage_is_throttled_and_logged_without_the_ticket(deployment):
    stage = deployment.one("AWS::ApiGatewayV2::Stage").properties
    assert stage["StageName"] == STAGE_NAME
    settings = stage["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0
    assert settings["DataTraceEnabled"] is False
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert "$context.connectionId" in logged.values()
    assert not [value for value in logged.values() if "query" in value.lower() or "path" in value.lower()]


def test_the_role_for_logs_is_there_before_any_stage(deployment):
    account = deployment.one("AWS::ApiGateway::Account")
    stage = deployment.one("AWS::ApiGatewayV2::Stage")
    assert account.stack == stage.stack == "Live"
    assert account.id in stage.body["DependsOn"]


@pytest.mark.parametrize("name", ["live", "push"])
def test_connections_are_managed_by_two_functions_and_of_this_stage_alone(deployment, statements_of, listed, name):
    managed = [
        resource
        for statement in statements_of(deployment, role_of(deployment, name))
        if "execute-api:ManageConnections" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    ours = f"AWS::AccountId:{api_of(deployment).id}/{STAGE_NAME}"
    ends = {resource.partition("AWS::Region:")[2] for resource in managed}
    assert ends == {f"{ours}/{method}/@connections/*" for method in ("POST", "DELETE")}


def test_nobody_else_manages_connections(deployment, statements_of, listed):
    for role in deployment.all("AWS::IAM::Role"):
        actions = {action for one in statements_of(deployment, role) for action in listed(one["Action"])}
        if "execute-api:ManageConnections" in actions:
            assert role.id in {role_of(deployment, "live").id, role_of(deployment, "push").id}


def test_live_events_do_not_wait_for_a_batch_to_fill(deployment):
    push = deployment.function("push").id
    (source,) = (
        s.properties
        for s in deployment.all("AWS::Lambda::EventSourceMapping")
        if deployment.render(s.properties["FunctionName"]) == push
    )
    assert source["BatchSize"] == 10  # more than that, Lambda gathers for a second at least
    assert "MaximumBatchingWindowInSeconds" not in source
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_live_table_can_be_rebuilt_and_forgets_by_itself(deployment):
    (table,) = deployment.all("AWS::DynamoDB::GlobalTable", "Live")
    (replica,) = table.properties["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table.id == "LiveTable7FA49CDD"


def test_no_page_may_connect_unless_its_origin_is_named(deployment, synthesized, tmp_path):
    assert "FIELDLINE_LIVE_ORIGINS" not in deployment.function("live").properties["Environment"]["Variables"]


def test_a_named_origin_is_passed_on(synthesized, tmp_path):
    made = synthesized(tmp_path, stage="dev", live_origins="https://app.example.com, https://b.example.com:8443")
    variables = made.function("live").properties["Environment"]["Variables"]
    assert variables["FIELDLINE_LIVE_ORIGINS"] == "https://app.example.com,https://b.example.com:8443"
