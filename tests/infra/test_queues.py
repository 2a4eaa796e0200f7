"""No message without a place to go: dead letters, visibility, TLS and encryption of every queue."""

from functions.catalogue import FUNCTIONS

TIMEOUTS = {spec.name.capitalize(): spec.timeout_s for spec in FUNCTIONS}


def dead_letter_targets(deployment):
    targets = {
        deployment.render(queue.properties["RedrivePolicy"]["deadLetterTargetArn"])
        for queue in deployment.all("AWS::SQS::Queue")
        if "RedrivePolicy" in queue.properties
    }
    targets |= {
        deployment.render(function.properties["DeadLetterConfig"]["TargetArn"])
        for function in deployment.all("AWS::Lambda::Function")
        if "DeadLetterConfig" in function.properties
    }
    return {target.removesuffix(".Arn") for target in targets}


def error_queues(deployment):
    actions = [rule.properties["TopicRulePayload"]["ErrorAction"] for rule in deployment.all("AWS::IoT::TopicRule")]
    return {deployment.render(action["Sqs"]["QueueUrl"]) for action in actions}


def test_every_queue_has_a_dead_letter_queue_or_is_one(deployment):
    ends = dead_letter_targets(deployment) | error_queues(deployment)
    for queue in deployment.all("AWS::SQS::Queue"):
        assert ("RedrivePolicy" in queue.properties) != (queue.id in ends), queue.id


def test_dead_letters_stay_longer_than_any_source_keeps_a_message(deployment):
    ends = dead_letter_targets(deployment) | error_queues(deployment)
    kept = {queue.id: queue.properties["MessageRetentionPeriod"] for queue in deployment.all("AWS::SQS::Queue")}
    assert {kept[id_] for id_ in ends} == {14 * 86400}
    assert {seconds for id_, seconds in kept.items() if id_ not in ends} == {4 * 86400}


def test_every_queue_is_encrypted_and_refuses_plain_http(deployment):
    guarded = set()
    for policy in deployment.all("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                guarded |= {queue["Ref"] for queue in policy.properties["Queues"]}
    queues = deployment.all("AWS::SQS::Queue")
    assert guarded == {queue.id for queue in queues}
    assert all(queue.properties["SqsManagedSseEnabled"] is True for queue in queues)


def test_a_message_stays_hidden_for_six_runs_and_a_window(deployment):
    windows = {
        deployment.render(source.properties["EventSourceArn"]).removesuffix(".Arn"): source.properties[
            "MaximumBatchingWindowInSeconds"
        ]
        for source in deployment.all("AWS::Lambda::EventSourceMapping")
    }
    for id_, window in windows.items():
        (queue,) = (q for q in deployment.all("AWS::SQS::Queue") if q.id == id_)
        assert queue.properties["VisibilityTimeout"] >= 6 * TIMEOUTS[id_.partition("Feed")[0]] + window
    assert len(windows) == 3


def test_event_sources_report_single_failures_and_are_bounded(deployment):
    for source in deployment.all("AWS::Lambda::EventSourceMapping"):
        assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert source.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert source.properties["BatchSize"] > 10


def test_a_function_that_is_invoked_asynchronously_has_dead_letters(deployment):
    """CloudFormation invokes the registrar asynchronously; all others are polled for or called by API Gateway."""
    tokens = {
        deployment.render(resource["Properties"]["ServiceToken"]).removesuffix(".Arn")
        for template in deployment.templates.values()
        for resource in template["Resources"].values()
        if "ServiceToken" in resource.get("Properties", {})
    }
    with_dead_letters = {
        function.id for function in deployment.all("AWS::Lambda::Function") if "DeadLetterConfig" in function.properties
    }
    assert tokens == with_dead_letters == {deployment.function("registrar").id}
