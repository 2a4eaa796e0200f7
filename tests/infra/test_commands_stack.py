"""The queue of commands, its beat, and what its function may publish."""

import json

from functions.domain.command_work import Tick, decode
from infra.stacks.commands import TICK


def queue_of(deployment):
    (found,) = (one for one in deployment.all("AWS::SQS::Queue") if one.id.startswith("CommandsFeedQueue"))
    return found


def beat_of(deployment):
    (found,) = deployment.all("AWS::Events::Rule", "Commands")
    return found


def test_the_beat_is_what_the_function_takes_for_one():
    assert decode(json.dumps(TICK)) == Tick()


def test_each_minute_the_queue_gets_a_tick(deployment):
    rule = beat_of(deployment).properties
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == TICK
    assert deployment.render(target["Arn"]) == f"{queue_of(deployment).id}.Arn"


def test_only_this_rule_s_events_are_let_into_the_queue(deployment):
    policies = [
        statement
        for policy in deployment.all("AWS::SQS::QueuePolicy", "Commands")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    (statement,) = policies
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    rule = beat_of(deployment).id
    assert deployment.render(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == f"{rule}.Arn"


def test_whoever_waits_for_a_command_does_not_wait_for_a_batch(deployment):
    (source,) = (
        one
        for one in deployment.all("AWS::Lambda::EventSourceMapping")
        if deployment.render(one.properties["EventSourceArn"]) == f"{queue_of(deployment).id}.Arn"
    )
    assert (source.properties["BatchSize"], source.properties.get("MaximumBatchingWindowInSeconds", 0)) == (10, 0)
    assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_function_publishes_requests_and_nothing_else(deployment, statements_of, listed):
    role = deployment.render(deployment.function("commands").properties["Role"]).removesuffix(".Arn")
    (found,) = (one for one in deployment.all("AWS::IAM::Role") if one.id == role)
    publishes = [
        resource
        for statement in statements_of(deployment, found)
        if "iot:Publish" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert [resource.rpartition(":")[2] for resource in publishes] == ["topic/cmd/*/req"]
