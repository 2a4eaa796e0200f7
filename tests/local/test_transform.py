import copy

import pytest

from local.errors import TransformError
from local.transform import Place, transform

PLACE = Place(
    "http://127.0.0.1:8421",
    "123456789012",
    "eu-west-1",
    "http://127.0.0.1:8423",
    "password",
    ("http://127.0.0.1:8420", "http://localhost:8420"),
    "localhost:8422",
    "/instance/ca.pem",
)
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Runtime": "python3.13",
        "Handler": "functions.handlers.api.handler",
        "Architectures": ["arm64"],
        "Code": {"S3Bucket": "b", "S3Key": "k.zip"},
        "Environment": {"Variables": {"FIELDLINE_CORE_TABLE": {"Ref": "Core"}}},
    },
}
RULE = {
    "Type": "AWS::IoT::TopicRule",
    "Properties": {
        "TopicRulePayload": {
            "Sql": "SELECT encode(*, 'base64') AS data, topic(2) AS thing, timestamp() AS at FROM 'dt/+/telemetry'",
            "Actions": [{"Sqs": {"QueueUrl": "q", "RoleArn": "r"}}],
            "ErrorAction": {"Sqs": {"QueueUrl": "e", "RoleArn": "r"}},
        }
    },
}


def adapt(resources, **sections):
    return transform("Stack", {"Resources": resources, **sections}, PLACE)


def adapted(resource):
    return adapt({"It": resource})["Resources"]["It"]["Properties"]


def with_properties(resource, **properties):
    changed = copy.deepcopy(resource)
    changed["Properties"] |= properties
    return changed


def with_variable(name, value):
    return with_properties(FUNCTION, Environment={"Variables": {name: value}})


def rule(**payload):
    changed = copy.deepcopy(RULE)
    changed["Properties"]["TopicRulePayload"] |= payload
    return changed


def test_the_template_that_is_given_stays_as_it_is():
    template = {"Resources": {"It": copy.deepcopy(FUNCTION)}}
    transform("Stack", template, PLACE)
    assert template == {"Resources": {"It": FUNCTION}}


def test_a_native_resource_passes_unchanged():
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}
    assert adapt({"Q": queue})["Resources"] == {"Q": queue}


def test_webhooks_may_go_to_this_machine_for_those_functions_that_know_them_only():
    for name, loopback in (("actions", "true"), ("api", "true"), ("ingest", None)):
        variables = adapted(with_variable("POWERTOOLS_SERVICE_NAME", name))["Environment"]["Variables"]
        assert variables.get("FIELDLINE_LOOPBACK_WEBHOOKS") == loopback


def test_a_role_is_kept_but_for_the_sender_of_e_mail():
    def role(*statements):
        document = {"Statement": list(statements)}
        return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": document}]}}

    other = {"Effect": "Allow", "Action": "sns:Publish", "NotResource": "arn:aws:sns:*:*:*"}
    mail = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": ["a"], "Condition": {"StringEquals": {"b": "c"}}}
    document = adapted(role(other, mail))["Policies"][0]["PolicyDocument"]
    assert document["Statement"] == [other, {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}]


def test_what_enrols_devices_may_do_so_with_any_certificate_for_which_ministack_does_not_ask():
    enrols = {"Effect": "Allow", "Action": ["iot:AttachPolicy", "iot:UpdateCertificate"], "Resource": "arn:…:cert/*"}
    things = {"Effect": "Allow", "Action": ["iot:CreateThing", "iot:ListThingPrincipals"], "Resource": "arn:…:thing/*"}
    document = {"Statement": [enrols, things]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": document}]}}
    statements = adapted(role)["Policies"][0]["PolicyDocument"]["Statement"]
    assert statements == [{**enrols, "Resource": "*"}, things]


def test_devices_that_are_enrolled_are_sent_to_this_instance():
    function = copy.deepcopy(FUNCTION)
    function["Properties"]["Environment"]["Variables"]["FIELDLINE_DEVICE_POLICIES"] = {"Ref": "Policies"}
    variables = adapted(function)["Environment"]["Variables"]
    assert variables["FIELDLINE_DEVICE_ENDPOINT"] == "localhost:8422"
    assert variables["FIELDLINE_DEVICE_CA_FILE"] == "/instance/ca.pem"
    assert "FIELDLINE_DEVICE_ENDPOINT" not in adapted(FUNCTION)["Environment"]["Variables"]


def test_an_unlisted_resource_type_is_refused_by_stack_name_and_type():
    with pytest.raises(
        TransformError, match=r"Stack, Db \(AWS::Timestream::InfluxDBCluster\).*AWS::Timestream::InfluxDBCluster"
    ):
        adapt({"Db": {"Type": "AWS::Timestream::InfluxDBCluster"}})


def test_an_unlisted_custom_resource_is_refused():
    with pytest.raises(TransformError, match="Custom::Surprise"):
        adapt({"It": {"Type": "Custom::Surprise", "Properties": {}}})


def test_an_ignored_resource_and_what_waits_for_it_are_cut():
    resources = {
        "Logging": {"Type": "AWS::IoT::Logging", "Properties": {}},
        "One": {"Type": "AWS::SQS::Queue", "DependsOn": "Logging"},
        "Two": {"Type": "AWS::SQS::Queue", "DependsOn": ["Logging", "One"]},
    }
    kept = adapt(resources)["Resources"]
    assert kept == {"One": {"Type": "AWS::SQS::Queue"}, "Two": {"Type": "AWS::SQS::Queue", "DependsOn": ["One"]}}


@pytest.mark.parametrize(
    "reference", [{"Ref": "Logging"}, {"Fn::GetAtt": ["Logging", "Arn"]}, {"Fn::Sub": "x-${Logging.Arn}-y"}]
)
def test_a_reference_to_an_ignored_resource_is_refused(reference):
    resources = {
        "Logging": {"Type": "AWS::IoT::Logging", "Properties": {}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": reference}},
    }
    with pytest.raises(TransformError, match="Queue refers to Logging"):
        adapt(resources)


def test_an_output_of_an_ignored_resource_is_refused():
    with pytest.raises(TransformError, match="output Out refers to Logging"):
        adapt({"Logging": {"Type": "AWS::IoT::Logging"}}, Outputs={"Out": {"Value": {"Ref": "Logging"}}})


def test_the_check_of_the_cdk_bootstrap_is_cut():
    template = adapt({}, Rules={"CheckBootstrapVersion": {}}, Parameters={"BootstrapVersion": {}, "Other": {}})
    assert template == {"Resources": {}, "Parameters": {"Other": {}}}


def test_a_function_runs_for_this_machine_and_keeps_its_handler():
    properties = adapted(FUNCTION)
    assert properties["Runtime"] == "provided.al2023"
    assert properties["Handler"] == "functions.handlers.api.handler"
    assert "Architectures" not in properties


def test_a_function_reaches_the_websocket_of_this_instance_and_admits_its_pages():
    function = copy.deepcopy(FUNCTION)
    host = [{"Ref": "Api"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/ws"]
    function["Properties"]["Environment"]["Variables"] |= {
        "FIELDLINE_LIVE_URL": {"Fn::Join": ["", ["wss://", *host]]},
        "FIELDLINE_LIVE_ENDPOINT": {"Fn::Join": ["", ["https://", *host]]},
    }
    variables = adapted(function)["Environment"]["Variables"]
    assert variables["FIELDLINE_LIVE_URL"] == "ws://127.0.0.1:8420/ws"
    assert variables["FIELDLINE_LIVE_ENDPOINT"] == {
        "Fn::Join": ["", ["http://127.0.0.1:8421/_aws/execute-api/", {"Ref": "Api"}, "/ws"]]
    }
    assert variables["FIELDLINE_LIVE_ORIGINS"] == "http://127.0.0.1:8420,http://localhost:8420"


def test_an_address_that_is_not_api_gateway_s_is_refused():
    function = copy.deepcopy(FUNCTION)
    function["Properties"]["Environment"]["Variables"]["FIELDLINE_LIVE_ENDPOINT"] = "ftp://elsewhere"
    with pytest.raises(TransformError, match="FIELDLINE_LIVE_ENDPOINT"):
        adapted(function)


def test_a_function_calls_this_instance_and_keeps_its_own_variables():
    variables = adapted(FUNCTION)["Environment"]["Variables"]
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8421"
    assert variables["FIELDLINE_CORE_TABLE"] == {"Ref": "Core"}


@pytest.mark.parametrize("runtime", ["nodejs22.x", "java21", None])
def test_a_function_that_is_not_python_is_refused(runtime):
    with pytest.raises(TransformError, match="Runtime: expected a python runtime"):
        adapted(with_properties(FUNCTION, Runtime=runtime))


def test_a_function_with_layers_is_refused():
    with pytest.raises(TransformError, match="Layers"):
        adapted(with_properties(FUNCTION, Layers=["arn"]))


def test_a_function_with_inline_code_is_refused():
    with pytest.raises(TransformError, match="Code: expected an asset"):
        adapted(with_properties(FUNCTION, Code={"ZipFile": "x"}))


def test_the_key_set_of_cognito_is_fetched_from_this_instance():
    remote = {"Fn::Join": ["", ["https://cognito-idp.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/",
                                {"Ref": "Pool"}, "/.well-known/jwks.json"]]}  # fmt: skip
    variables = adapted(with_variable("FIELDLINE_JWKS_URL", remote))["Environment"]["Variables"]
    local = {"Fn::Join": ["", ["http://127.0.0.1:8421/", {"Ref": "Pool"}, "/.well-known/jwks.json"]]}
    assert variables["FIELDLINE_JWKS_URL"] == local


def test_the_sign_in_address_is_this_instance():
    remote = {"Fn::Join": ["", ["https://cognito-idp.", {"Ref": "AWS::Region"}, ".amazonaws.com/"]]}
    variables = adapted(with_variable("FIELDLINE_SIGN_IN_ENDPOINT", remote))["Environment"]["Variables"]
    assert variables["FIELDLINE_SIGN_IN_ENDPOINT"] == "http://127.0.0.1:8421/"


def test_the_issuer_is_a_name_and_stays():
    remote = {"Fn::Join": ["", ["https://cognito-idp.", {"Ref": "AWS::Region"}, ".amazonaws.com/", {"Ref": "Pool"}]]}
    assert adapted(with_variable("FIELDLINE_ISSUER", remote))["Environment"]["Variables"]["FIELDLINE_ISSUER"] == remote


def test_a_cognito_address_of_another_shape_is_refused():
    with pytest.raises(TransformError, match=r"FIELDLINE_JWKS_URL: expected an address under https://cognito-idp\."):
        adapted(with_variable("FIELDLINE_JWKS_URL", "https://example.com/keys"))


@pytest.mark.parametrize("kind", ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"])
def test_denials_of_plain_http_are_taken_out_and_nothing_else_is(kind):
    tls = {"Effect": "Deny", "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    version = {"Effect": "Deny", "Action": "*", "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}
    account = {"Effect": "Deny", "Action": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "1"}}}
    both = {
        "Effect": "Deny",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:PrincipalAccount": "1"}},
    }
    allow = {"Effect": "Allow", "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    policy = {
        "Type": kind,
        "Properties": {"PolicyDocument": {"Statement": [tls, version, account, both, allow]}},
    }
    assert adapted(policy)["PolicyDocument"]["Statement"] == [account, both, allow]


def test_a_policy_that_only_denied_plain_http_is_cut_as_a_whole():
    tls = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policy = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": {"Statement": [tls]}}}
    assert adapt({"P": policy})["Resources"] == {}


def test_a_rule_with_listed_actions_and_functions_passes_unchanged():
    assert adapted(RULE) == RULE["Properties"]


@pytest.mark.parametrize("action", ["Kinesis", "Lambda", "Http", "S3"])
def test_an_unlisted_rule_action_is_refused(action):
    with pytest.raises(TransformError, match="rule action " + action[0].lower() + action[1:]):
        adapted(rule(Actions=[{action: {}}]))


def test_an_unlisted_error_action_is_refused():
    with pytest.raises(TransformError, match="rule action s3"):
        adapted(rule(ErrorAction={"S3": {}}))


def test_an_unlisted_sql_function_is_refused():
    with pytest.raises(TransformError, match="SQL function aws_lambda"):
        adapted(rule(Sql="SELECT aws_lambda('x', *) FROM 'a'"))


def test_text_and_keywords_in_sql_are_no_functions():
    sql = "SELECT topic(2) AS t FROM 'a/b' WHERE (n = 'abs(1)') AND s IN ('x')"
    assert adapted(rule(Sql=sql))["TopicRulePayload"]["Sql"] == sql


def test_what_refers_to_a_secret_gets_its_arn():
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {}}
    outputs = {"Arn": {"Value": {"Ref": "Token"}}}
    assert adapt({"Token": secret}, Outputs=outputs)["Outputs"]["Arn"]["Value"] == {"Fn::GetAtt": ["Token", "Id"]}
