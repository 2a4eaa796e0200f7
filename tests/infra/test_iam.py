"""What each role may do: exactly its catalogue entry, and never a wildcard."""

import pytest

from functions.catalogue import FUNCTIONS

CONSUMERS = {"ingest", "events", "presence"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}


def arns(deployment):
    def table(name):
        (found,) = (t for t in deployment.all("AWS::DynamoDB::GlobalTable") if t.id.startswith(name))
        return f"{found.id}.Arn"

    core = table("CoreTable")
    (presence_queue,) = (q for q in deployment.all("AWS::SQS::Queue") if q.id.startswith("PresenceFeedQueue"))
    return {
        "core": core,
        "core/listing": f"{core}/index/listing",
        "core/by_model": f"{core}/index/by_model",
        "state": table("StateTable"),
        "events": table("EventsTable"),
        "telemetry": table("TelemetryTable"),
        "lake": f"{deployment.one('AWS::KinesisFirehose::DeliveryStream').id}.Arn",
        "presence-queue": f"{presence_queue.id}.Arn",
    }


def role_of(deployment, function):
    name = deployment.render(function.properties["Role"]).removesuffix(".Arn")
    (role,) = (role for role in deployment.all("AWS::IAM::Role", function.stack) if role.id == name)
    return role


def granted(deployment, statements_of, listed, role):
    """(action, resource) pairs, with each function's own log group left out."""
    pairs = set()
    for statement in statements_of(deployment, role):
        assert statement["Effect"] == "Allow"
        pairs |= {
            (action, resource) for action in listed(statement["Action"]) for resource in listed(statement["Resource"])
        }
    return pairs


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_a_function_may_do_what_its_entry_grants_and_nothing_else(deployment, statements_of, listed, spec):
    function = deployment.function(spec.name)
    role = role_of(deployment, function)
    by_name = arns(deployment)
    expected = {(action, by_name[grant.resource]) for grant in spec.grants for action in grant.actions}
    log_group = deployment.render(function.properties["LoggingConfig"]["LogGroup"]) + ".Arn"
    expected |= {("logs:CreateLogStream", log_group), ("logs:PutLogEvents", log_group)}
    if spec.name in CONSUMERS:
        (queue,) = (
            q for q in deployment.all("AWS::SQS::Queue") if q.id.startswith(f"{spec.name.capitalize()}FeedQueue")
        )
        expected |= {(action, f"{queue.id}.Arn") for action in CONSUME}
    if dead_letters := function.properties.get("DeadLetterConfig"):
        expected.add(("sqs:SendMessage", deployment.render(dead_letters["TargetArn"])))

    assert granted(deployment, statements_of, listed, role) == expected
    assert "ManagedPolicyArns" not in role.properties


def test_no_two_functions_share_a_role(deployment):
    roles = [deployment.render(f.properties["Role"]) for f in deployment.all("AWS::Lambda::Function")]
    assert len(roles) == len(FUNCTIONS) == len(set(roles))


def test_no_role_holds_a_wildcard_action_or_resource(deployment, statements_of, listed):
    checked = 0
    for role in deployment.all("AWS::IAM::Role"):
        for statement in statements_of(deployment, role):
            checked += 1
            assert not [action for action in listed(statement["Action"]) if "*" in action], (role.id, statement)
            wide = [r for r in listed(statement["Resource"]) if "*" in r]
            # Firehose names its objects by time; the prefix is as narrow as it can be.
            assert all(r.endswith((".Arn/raw/*", ".Arn/errors/*")) for r in wide), (role.id, wide)
    assert checked > len(FUNCTIONS)


def test_only_api_gateway_uses_a_managed_policy(deployment):
    managed = [role for role in deployment.all("AWS::IAM::Role") if "ManagedPolicyArns" in role.properties]
    (role,) = managed
    assert role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "apigateway.amazonaws.com"
    }


def test_iot_assumes_a_role_only_for_this_account_and_a_rule_only_for_itself(deployment):
    rules = {rule.properties["RuleName"] for rule in deployment.all("AWS::IoT::TopicRule")}
    pinned = set()
    for role in deployment.all("AWS::IAM::Role"):
        (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if trust["Principal"] != {"Service": "iot.amazonaws.com"}:
            continue
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        if source := trust["Condition"].get("ArnEquals"):
            pinned.add(deployment.render(source["aws:SourceArn"]).rpartition("/")[2])
    assert pinned == rules
