"""The topic rules are the contract's, and nothing that a rule cannot deliver is lost."""

from contract import topics

RULES = {
    topics.TELEMETRY_RULE_NAME: topics.TELEMETRY_RULE_SQL,
    topics.EVENT_RULE_NAME: topics.EVENT_RULE_SQL,
    topics.PRESENCE_RULE_NAME: topics.PRESENCE_RULE_SQL,
    topics.SHADOW_RULE_NAME: topics.SHADOW_RULE_SQL,
    topics.COMMAND_RESPONSE_RULE_NAME: topics.COMMAND_RESPONSE_RULE_SQL,
}


def payloads(deployment):
    rules = deployment.all("AWS::IoT::TopicRule")
    return {rule.properties["RuleName"]: rule.properties["TopicRulePayload"] for rule in rules}


def test_names_and_sql_are_the_contracts(deployment):
    assert {name: payload["Sql"] for name, payload in payloads(deployment).items()} == RULES
    assert {payload["AwsIotSqlVersion"] for payload in payloads(deployment).values()} == {topics.RULE_SQL_VERSION}


def test_each_rule_sends_to_a_queue_of_its_own_and_its_failures_to_another(deployment):
    queues, errors = [], []
    for payload in payloads(deployment).values():
        (action,) = payload["Actions"]
        # Raw JSON: the message itself is in base64 already.
        assert action["Sqs"]["UseBase64"] is False
        queues.append(deployment.render(action["Sqs"]["QueueUrl"]))
        errors.append(deployment.render(payload["ErrorAction"]["Sqs"]["QueueUrl"]))
    assert len(set(queues)) == len(queues)
    assert len(set(errors)) == len({rule.stack for rule in deployment.all("AWS::IoT::TopicRule")})
    assert not set(errors) & set(queues)


def test_a_rules_role_may_send_to_its_two_queues_only(deployment, statements_of, listed):
    for payload in payloads(deployment).values():
        role_id = deployment.render(payload["Actions"][0]["Sqs"]["RoleArn"]).removesuffix(".Arn")
        (role,) = (role for role in deployment.all("AWS::IAM::Role") if role.id == role_id)
        (statement,) = statements_of(deployment, role)
        assert listed(statement["Action"]) == ["sqs:SendMessage"]
        targets = [payload["Actions"][0], payload["ErrorAction"]]
        urls = {deployment.render(target["Sqs"]["QueueUrl"]) for target in targets}
        assert {arn.removesuffix(".Arn") for arn in statement["Resource"]} == urls
