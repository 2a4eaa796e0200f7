"""The REST API as the route catalogue has it, who may call it, and what API Gateway answers by itself."""

import json

import pytest

from functions.problem_types import GATEWAY_PROBLEMS, OTHER, PREFIX, PROBLEMS
from functions.routes import ROUTES
from infra.rest_api import SECURITY_POLICY

NO_SUCH_PATH = "There is no such path, or not with this method."
NO_CREDENTIAL = "Expected a valid access token or key as the bearer in Authorization."


def paths(deployment):
    """Each method's resource as a path, from the chain of its parents."""
    resources = {r.id: r.properties for r in deployment.all("AWS::ApiGateway::Resource")}

    def path(resource_id):
        if resource_id not in resources:
            return ""
        properties = resources[resource_id]
        parent = deployment.render(properties["ParentId"])
        return f"{path(parent)}/{properties['PathPart']}"

    return {
        (m.properties["HttpMethod"], path(deployment.render(m.properties["ResourceId"]))): m.properties
        for m in deployment.all("AWS::ApiGateway::Method")
    }


def stage_of(deployment):
    return deployment.one("AWS::ApiGateway::Stage").properties


def test_there_is_room_for_more_routes(any_deployment):
    """CloudFormation takes 500 resources a stack, API Gateway 300 paths an API: both are hard to go back from."""
    for name, template in any_deployment.templates.items():
        assert len(template["Resources"]) < 400, name
    assert len(any_deployment.all("AWS::ApiGateway::Resource")) < 200


def test_there_is_one_method_for_each_route_and_none_beside(deployment):
    assert paths(deployment).keys() == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_only_a_public_route_goes_without_the_authorizer(deployment, route):
    method = paths(deployment)[(route.method, route.path)]
    authorizer = deployment.one("AWS::ApiGateway::Authorizer")
    if route.public:
        assert method["AuthorizationType"] == "NONE"
        assert "AuthorizerId" not in method
    else:
        assert method["AuthorizationType"] == "CUSTOM"
        assert deployment.render(method["AuthorizerId"]) == authorizer.id


def test_the_authorizer_reads_the_authorization_header_and_is_cached_for_half_a_minute(deployment):
    authorizer = deployment.one("AWS::ApiGateway::Authorizer").properties
    assert authorizer["Type"] == "REQUEST"
    assert authorizer["IdentitySource"] == "method.request.header.Authorization"
    assert authorizer["AuthorizerResultTtlInSeconds"] == 30


def test_every_route_is_throttled_and_measured_by_itself(deployment):
    settings = {(s["HttpMethod"], s["ResourcePath"]): s for s in stage_of(deployment)["MethodSettings"]}
    for route in ROUTES:
        setting = settings[(route.method, "/" + route.path.replace("/", "~1"))]
        assert 0 < setting["ThrottlingRateLimit"] <= setting["ThrottlingBurstLimit"]
        assert setting["MetricsEnabled"] is True
        # Would log bodies and tokens.
        assert setting["DataTraceEnabled"] is False
        if route.public:
            assert setting["ThrottlingRateLimit"] <= 10
        elif route.share < 1:
            assert setting["ThrottlingRateLimit"] < settings[("*", "/*")]["ThrottlingRateLimit"]
    assert ("*", "/*") in settings


def test_the_stage_is_the_version(deployment):
    assert stage_of(deployment)["StageName"] == "v1"
    url = deployment.render(deployment.templates["Api"]["Outputs"]["ApiUrl"]["Value"])
    assert url.startswith("https://")
    assert url.endswith("/v1")


def test_access_logs_are_json_in_a_log_group_of_their_own(deployment):
    setting = stage_of(deployment)["AccessLogSetting"]
    assert {"requestId", "principal", "route", "status", "latencyMs"} <= json.loads(setting["Format"]).keys()
    group = deployment.render(setting["DestinationArn"]).rpartition(":")[2]
    assert group in {g.id for g in deployment.all("AWS::Logs::LogGroup", "Api")}


def test_execution_logs_exist_before_the_stage_so_that_they_are_not_kept_for_ever(deployment):
    (stage,) = deployment.all("AWS::ApiGateway::Stage")
    (group,) = (g for g in deployment.all("AWS::Logs::LogGroup") if g.id.startswith("RestExecutionLogs"))
    api = deployment.one("AWS::ApiGateway::RestApi").id
    assert deployment.render(group.properties["LogGroupName"]) == f"API-Gateway-Execution-Logs_{api}/v1"
    assert group.id in stage.body["DependsOn"]
    # The account's role for logs is made with the first API of the deployment, which this one waits for.
    account = deployment.one("AWS::ApiGateway::Account")
    (api_stack,) = (one for name, one in deployment.manifest["artifacts"].items() if name.endswith("-Api"))
    assert any(name.endswith(f"-{account.stack}") for name in api_stack["dependencies"])


def test_the_endpoint_is_regional_and_takes_tls_1_2_at_least(deployment):
    properties = deployment.one("AWS::ApiGateway::RestApi").properties
    assert properties["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert properties["SecurityPolicy"] == SECURITY_POLICY
    assert SECURITY_POLICY.startswith("SecurityPolicy_TLS13_1_2_")
    assert properties["EndpointAccessMode"] == "STRICT"


def test_what_api_gateway_answers_is_a_problem_document(deployment):
    statuses = set()
    for response in deployment.all("AWS::ApiGateway::GatewayResponse"):
        properties = response.properties
        headers = properties["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        (template,) = properties["ResponseTemplates"].values()
        problem = json.loads(
            template.replace("$context.error.messageString", '"why"').replace("$context.requestId", "id-1")
        )
        assert problem["type"].removeprefix(PREFIX) in {*PROBLEMS, *GATEWAY_PROBLEMS, OTHER}
        assert problem["detail"] == {404: NO_SUCH_PATH, 401: NO_CREDENTIAL}.get(problem.get("status"), "why")
        assert problem["request_id"] == "id-1"
        assert problem.get("status") == (int(properties["StatusCode"]) if "StatusCode" in properties else None)
        statuses.add(problem.get("status"))
    assert {401, 403, 404, 413, 429, 500, 504} <= statuses


def test_what_helps_to_ask_again_for_says_when(deployment):
    by_type = {r.properties["ResponseType"]: r.properties for r in deployment.all("AWS::ApiGateway::GatewayResponse")}
    for kind, status in (("THROTTLED", "429"), ("AUTHORIZER_FAILURE", "503")):
        assert by_type[kind]["StatusCode"] == status
        assert by_type[kind]["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"


def test_an_unknown_path_is_not_found_rather_than_a_missing_token(deployment):
    (response,) = (
        r
        for r in deployment.all("AWS::ApiGateway::GatewayResponse")
        if r.properties["ResponseType"] == "MISSING_AUTHENTICATION_TOKEN"
    )
    assert response.properties["StatusCode"] == "404"


def test_nobody_signs_up_alone_and_passwords_are_long(deployment):
    pool = deployment.one("AWS::Cognito::UserPool").properties
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert "AliasAttributes" not in pool
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))


def test_the_client_has_no_secret_and_its_access_tokens_are_short(deployment):
    client = deployment.one("AWS::Cognito::UserPoolClient").properties
    assert client["GenerateSecret"] is False
    assert client["AccessTokenValidity"] == 15
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    assert {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"} <= set(client["ExplicitAuthFlows"])
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_people_sign_in_by_e_mail_so_that_their_name_is_their_id(deployment):
    pool = deployment.one("AWS::Cognito::UserPool").properties
    assert pool["UsernameAttributes"] == ["email"]
    assert pool["UsernameConfiguration"]["CaseSensitive"] is False


def test_the_pool_knows_no_roles(deployment):
    assert deployment.all("AWS::Cognito::UserPoolGroup") == []


def test_signing_in_has_a_function_that_reaches_nothing_of_ours(deployment):
    function = deployment.function("auth")
    variables = deployment.render(function.properties["Environment"]["Variables"])
    assert variables["FIELDLINE_COOKIE_PATH"] == "/v1/auth"
    assert "FIELDLINE_INSECURE_COOKIES" not in variables
    assert not [name for name in variables if name.endswith(("_TABLE", "_QUEUE_URL", "_BUCKET"))]


def test_each_route_is_answered_by_its_function(deployment):
    functions = {name: deployment.function(name).id for name in ("api", "auth")}
    for route in ROUTES:
        integration = paths(deployment)[(route.method, route.path)]["Integration"]
        assert functions[route.function] in deployment.render(integration["Uri"])


def test_the_authorizer_trusts_this_pool_and_this_client_only(deployment):
    variables = deployment.render(deployment.function("authorizer").properties["Environment"]["Variables"])
    pool = deployment.one("AWS::Cognito::UserPool").id
    assert variables["FIELDLINE_ISSUER"].endswith(f"/{pool}")
    assert variables["FIELDLINE_JWKS_URL"] == f"{variables['FIELDLINE_ISSUER']}/.well-known/jwks.json"
    assert variables["FIELDLINE_CLIENT_IDS"] == deployment.one("AWS::Cognito::UserPoolClient").id


@pytest.mark.parametrize("name", ["api", "auth", "authorizer"])
def test_a_function_behind_the_api_may_be_invoked_by_it_only(deployment, name):
    function = deployment.function(name).id
    permissions = [
        one.properties
        for one in deployment.all("AWS::Lambda::Permission")
        if function in deployment.render(one.properties["FunctionName"])
    ]
    assert permissions
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert deployment.one("AWS::ApiGateway::RestApi").id in deployment.render(permission["SourceArn"])
