"""The custom resource from CloudFormation's event to its answer: two functions, secrets and an instance in between."""

import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from types import SimpleNamespace

import boto3
import pytest

from functions import bootstrap
from functions.adapters.backoff import Backoff
from functions.domain.store_setup import Access
from functions.errors import CloudFormationError
from functions.handlers import store_admin, store_setup
from tests.functions.adapters.influx_admin_server import PASSWORD, USER

PROPERTIES = {
    "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:store-setup",
    "Database": "telemetry",
    "Organization": "fieldline",
    "Bucket": "telemetry",
    "RetentionDays": "97",
    "Version": "1",
    "Instance": "i-1",
}
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/fieldline-prod-store/0f0e"
ID = store_setup.PHYSICAL_ID


def context(remaining_s=200.0):
    return SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="arn",
        aws_request_id="r",
        log_group_name="g",
        get_remaining_time_in_millis=lambda: remaining_s * 1000,
    )


class CloudFormation(HTTPServer):
    """Keeps what custom resources answer."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                self.server.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = []
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def cloudformation():
    server = CloudFormation()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def secrets(aws):
    client = boto3.client("secretsmanager")
    document = {"username": USER, "password": PASSWORD, "organization": "fieldline", "bucket": "telemetry"}
    client.create_secret(Name="admin", SecretString=json.dumps(document))
    client.create_secret(Name="write")
    client.create_secret(Name="read")
    return client


@pytest.fixture
def deploy(cloudformation, secrets, influx_admin_server, lambda_endpoint, monkeypatch):
    """Has CloudFormation ask for something and gives its answer."""
    env = {
        "AWS_ENDPOINT_URL_LAMBDA": lambda_endpoint.url,
        "FIELDLINE_STORE_ADMIN_FUNCTION": "store-admin",
        "FIELDLINE_INFLUX_URL": influx_admin_server.url,
        "FIELDLINE_INFLUX_ADMIN_SECRET": "admin",
        "FIELDLINE_INFLUX_WRITE_SECRET": "write",
        "FIELDLINE_INFLUX_READ_SECRET": "read",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bootstrap.stores, "Backoff", lambda **more: Backoff(**{**more, "sleep": lambda _: None}))
    store_admin._admin.cache_clear()
    lambda_endpoint.functions["store-admin"] = lambda event: store_admin.handler(event, context())

    def ask(request, remaining_s=200.0, **more):
        event = {
            "RequestType": request,
            "ResponseURL": f"http://127.0.0.1:{cloudformation.server_port}/",
            "StackId": STACK,
            "RequestId": "r-1",
            "LogicalResourceId": "Setup",
            "ResourceType": "Custom::FieldlineInfluxSetup",
            "ResourceProperties": PROPERTIES,
            **({} if request == "Create" else {"PhysicalResourceId": ID}),
            **more,
        }
        store_setup.handler({name: value for name, value in event.items() if value is not None}, context(remaining_s))
        return cloudformation.answers[-1]

    yield ask
    store_admin._admin.cache_clear()


def token(secrets, name):
    return secrets.get_secret_value(SecretId=name)["SecretString"]


def succeeded(answer):
    return (answer["Status"], answer["Reason"], answer["PhysicalResourceId"]) == ("SUCCESS", "", ID)


def test_a_deployment_gets_tokens_keeps_them_and_gives_them_back(deploy, secrets, influx_admin_server):
    world = influx_admin_server.world
    assert succeeded(deploy("Create"))
    tokens = token(secrets, "write"), token(secrets, "read")
    assert [world.works(text, access, "telemetry") for text, access in zip(tokens, Access, strict=True)] == [True, True]
    assert {one.authorization.description for one in world.tokens.values()} == {
        "fieldline fieldline-prod-store: write, version 1",
        "fieldline fieldline-prod-store: read, version 1",
    }
    assert succeeded(deploy("Update", ResourceProperties={**PROPERTIES, "RetentionDays": "9"}))
    assert (token(secrets, "write"), token(secrets, "read")) == tokens
    assert world.buckets["telemetry"].retention_s == 9 * 86_400
    assert succeeded(deploy("Delete"))
    assert world.tokens == {}
    assert set(world.buckets) == {"telemetry"}


def test_what_cloudformation_names_no_longer_is_removed(deploy, influx_admin_server):
    deploy("Create")
    answer = deploy("Update", ResourceProperties={**PROPERTIES, "Database": "points"}, OldResourceProperties=PROPERTIES)
    assert succeeded(answer)
    assert [name for name, found in influx_admin_server.world.databases.items() if found] == ["points"]


def test_no_log_shows_a_token_or_a_password(deploy, secrets, influx_admin_server, caplog):
    with caplog.at_level(logging.INFO):
        deploy("Create")
        deploy("Update")
        influx_admin_server.answers["GET /api/v2/orgs"] = [(403, {"message": "no"})]
        deploy("Update")
        deploy("Delete")
    logs = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "made a token to write" in logs
    for secret in (PASSWORD, token(secrets, "write"), token(secrets, "read")):
        assert secret not in logs


def failed(answer):
    return answer["Status"] == "FAILED" and answer["PhysicalResourceId"] == ID


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({**PROPERTIES, "RetentionDays": "many"}, "RetentionDays: expected a whole number from 1 to 36500, got 'many'"),
        ({**PROPERTIES, "Organization": "other"}, "the instance has no organization 'other'"),
        ({}, "Database: expected 1 to 64 characters that do not begin with _, got nothing"),
        (None, "Database: expected 1 to 64 characters that do not begin with _, got nothing"),
    ],
)
def test_what_cannot_be_made_fails_with_a_reason_in_words_and_is_rolled_back(deploy, properties, reason):
    answer = deploy("Create", ResourceProperties=properties)
    assert failed(answer)
    assert reason in answer["Reason"]
    assert succeeded(deploy("Delete", ResourceProperties=properties))


def test_an_instance_that_does_not_answer_fails_the_creation_and_not_the_removal(deploy, influx_admin_server):
    influx_admin_server.close()
    answer = deploy("Create")
    assert failed(answer)
    assert f"signing in as {USER}: {influx_admin_server.url} does not answer" in answer["Reason"]
    assert succeeded(deploy("Delete"))


def test_what_is_left_behind_is_in_the_log(deploy, influx_admin_server, caplog):
    influx_admin_server.close()
    deploy("Delete")
    (warning,) = (record for record in caplog.records if record.getMessage() == "left behind")
    assert warning.levelname == "WARNING"
    assert "tokens and database: signing in as admin" in warning.what


def test_an_administrator_s_secret_that_is_gone_does_not_hold_up_the_removal(deploy, secrets):
    secrets.delete_secret(SecretId="admin", ForceDeleteWithoutRecovery=True)
    assert "reading the secret admin" in deploy("Create")["Reason"]
    assert succeeded(deploy("Delete"))


def crash(_):
    raise ZeroDivisionError("a bug")


FAILING = [
    (crash, "the function store-admin failed: ZeroDivisionError: a bug"),
    (lambda _: b"<html>", "the function store-admin gave no outcome"),
    (lambda _: None, "the function store-admin gave no outcome"),
    (lambda _: {"v": 2}, "the function store-admin answers in version 2, expected 1"),
    (lambda _: {"v": 1, "problem": "in words"}, "in words"),
]


@pytest.mark.parametrize(("function", "reason"), FAILING, ids=range(len(FAILING)))
def test_a_function_that_fails_inside_the_network_is_told(deploy, lambda_endpoint, function, reason):
    lambda_endpoint.functions["store-admin"] = function
    answer = deploy("Create")
    assert failed(answer)
    assert reason in answer["Reason"]
    assert succeeded(deploy("Delete"))


def test_a_function_that_hangs_inside_the_network_is_not_waited_for_beyond_the_time_to_answer(deploy, lambda_endpoint):
    over = Event()
    lambda_endpoint.functions["store-admin"] = lambda _: over.wait(60)
    answer = deploy("Create", remaining_s=store_setup.ANSWER_S + bootstrap.ORDERED_WITHIN_S)
    over.set()
    assert failed(answer)
    assert "the function store-admin did not answer: Read timeout" in answer["Reason"]
    assert len(lambda_endpoint.calls) == 1


@pytest.mark.parametrize(
    "refusal", [(429, "TooManyRequestsException"), (403, "AccessDeniedException"), (409, "ResourceConflictException")]
)
def test_what_a_new_deployment_is_refused_at_first_is_tried_again(deploy, lambda_endpoint, refusal):
    lambda_endpoint.refusals = [refusal] * 3
    assert succeeded(deploy("Create"))
    assert len(lambda_endpoint.calls) == 4


def test_a_function_that_cannot_be_called_is_told(deploy, lambda_endpoint):
    lambda_endpoint.refusals = [(404, "ResourceNotFoundException")]
    assert "the function store-admin could not be called: " in deploy("Create")["Reason"]
    lambda_endpoint.close()
    assert "the function store-admin did not answer" in deploy("Create")["Reason"]
    assert succeeded(deploy("Delete"))


@pytest.mark.parametrize("field", ["RequestType", "ResourceProperties"])
def test_an_event_that_lacks_something_is_answered(deploy, field):
    answer = deploy("Create", **{field: None})
    assert failed(answer)


def test_a_request_that_nobody_knows_is_refused(deploy):
    assert "RequestType: expected Create, Update or Delete, got 'Rename'" in deploy("Rename")["Reason"]


def test_a_resource_of_another_identifier_keeps_it(deploy):
    assert (
        deploy("Delete", PhysicalResourceId="made-by-cloudformation")["PhysicalResourceId"] == "made-by-cloudformation"
    )


def test_settings_that_are_missing_are_told(deploy, monkeypatch):
    monkeypatch.delenv("FIELDLINE_STORE_ADMIN_FUNCTION")
    assert "FIELDLINE_STORE_ADMIN_FUNCTION: expected a value, got nothing" in deploy("Create")["Reason"]


@pytest.mark.parametrize("field", ["ResponseURL", "RequestId", "LogicalResourceId"])
def test_whoever_cannot_be_answered_is_an_error(deploy, cloudformation, field):
    with pytest.raises(CloudFormationError, match=f"got no {field}"):
        deploy("Create", **{field: None})
    assert cloudformation.answers == []


@pytest.mark.parametrize("order", [{}, {"v": 2, "request": "Create", "deployment": "d", "properties": {}}, []])
def test_an_order_that_is_none_is_refused_in_words(deploy, order):
    assert "order: expected" in store_admin.handler(order, context())["problem"]
