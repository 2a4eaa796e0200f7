"""The queues of alarms and actions, their beat, and how far the function that tells people reaches."""

import json

import pytest

from functions.bootstrap.actions import WEBHOOK_S
from functions.domain import alarm_work
from functions.domain.alarm_work import Tick
from functions.domain.deliveries import LEASE_MS
from infra.function import SPECS
from infra.stacks.alarms import ACTIONS_BATCH, TICK


def queue_of(deployment, name):
    (found,) = (one for one in deployment.all("AWS::SQS::Queue", "Alarms") if one.id.startswith(f"{name}Queue"))
    return found


def source_of(deployment, name):
    (found,) = (
        one.properties
        for one in deployment.all("AWS::Lambda::EventSourceMapping")
        if deployment.render(one.properties["EventSourceArn"]) == f"{queue_of(deployment, name).id}.Arn"
    )
    return found


def sends(deployment, statements_of, service):
    """The statements of the function `actions` for a service."""
    role = deployment.render(deployment.function("actions").properties["Role"]).removesuffix(".Arn")
    (found,) = (one for one in deployment.all("AWS::IAM::Role") if one.id == role)
    return [one for one in statements_of(deployment, found) if str(one["Action"]).startswith(f"{service}:")]


def test_the_beat_is_what_both_functions_take_for_one():
    body = json.dumps(TICK)
    assert alarm_work.decode_alarms(body) == alarm_work.decode_actions(body) == Tick()


def test_each_minute_both_queues_get_a_tick_and_nobody_else_may_send_one(deployment):
    rule = deployment.one("AWS::Events::Rule", "Alarms")
    assert (rule.properties["ScheduleExpression"], rule.properties["State"]) == ("rate(1 minute)", "ENABLED")
    queues = {f"{queue_of(deployment, name).id}.Arn" for name in ("Alarms", "Actions")}
    assert {deployment.render(target["Arn"]) for target in rule.properties["Targets"]} == queues
    assert [json.loads(target["Input"]) for target in rule.properties["Targets"]] == [TICK, TICK]
    allowed = [
        statement
        for policy in deployment.all("AWS::SQS::QueuePolicy", "Alarms")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert {deployment.render(statement["Resource"]) for statement in allowed} == queues
    for statement in allowed:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert deployment.render(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == f"{rule.id}.Arn"


@pytest.mark.parametrize(("name", "size"), [("Alarms", 10), ("Actions", 1)])
def test_whoever_waits_to_be_told_does_not_wait_for_a_batch(deployment, name, size):
    source = source_of(deployment, name)
    assert (source["BatchSize"], source.get("MaximumBatchingWindowInSeconds", 0)) == (size, 0)


def test_that_a_device_has_gone_outlives_an_outage_of_the_tables(deployment):
    queue = queue_of(deployment, "Alarms").properties
    patience = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert 4 * 86400 < patience < queue["MessageRetentionPeriod"] < 14 * 86400


def test_a_long_backtest_holds_up_no_sweep(deployment):
    (backtests,) = (one for one in deployment.all("AWS::SQS::Queue", "Api") if one.id.startswith("BacktestsQueue"))
    assert backtests.properties["VisibilityTimeout"] >= 6 * deployment.function("backtests").properties["Timeout"]


def test_it_sends_sms_and_publishes_to_no_topic(deployment, statements_of):
    (statement,) = sends(deployment, statements_of, "sns")
    assert (statement["Action"], statement["NotResource"]) == ("sns:Publish", "arn:AWS::Partition:sns:*:*:*")
    assert "Resource" not in statement


def test_without_a_sender_it_sends_no_e_mail(deployment, statements_of):
    assert sends(deployment, statements_of, "ses") == []
    assert "FIELDLINE_MAIL_FROM" not in deployment.function("actions").properties["Environment"]["Variables"]


def test_with_a_sender_it_sends_e_mail_from_there_only(synthesized, tmp_path, statements_of):
    mailing = synthesized(tmp_path, stage="dev", fleet="", mail_from="alarms@example.com")
    (statement,) = sends(mailing, statements_of, "ses")
    assert statement["Action"] == "ses:SendEmail"
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "alarms@example.com"}}
    variables = mailing.function("actions").properties["Environment"]["Variables"]
    assert variables["FIELDLINE_MAIL_FROM"] == "alarms@example.com"


def test_only_a_laptop_has_webhooks_to_the_machine_itself(deployment):
    assert "FIELDLINE_LOOPBACK_WEBHOOKS" not in deployment.function("actions").properties["Environment"]["Variables"]


@pytest.mark.parametrize(("stage", "policy"), [("dev", "Delete"), ("prod", "RetainExceptOnCreate")])
def test_what_receivers_of_webhooks_trust_outlives_the_stack_in_prod(request, stage, policy):
    deployment = request.getfixturevalue(stage)
    (key,) = deployment.all("AWS::SecretsManager::Secret", "Alarms")
    assert key.body["DeletionPolicy"] == policy
    named = {
        spec.name
        for spec in deployment.specs
        if "FIELDLINE_WEBHOOK_SECRET" in deployment.function(spec.name).properties["Environment"]["Variables"]
    }
    assert named == {"actions", "api"}


def test_a_batch_of_slow_receivers_is_over_within_the_function_s_time(deployment):
    spec = SPECS["actions"]
    slowest = WEBHOOK_S + 2  # with what is read and written around it
    assert ACTIONS_BATCH * slowest < spec.timeout_s
    assert spec.timeout_s * 1000 < LEASE_MS
