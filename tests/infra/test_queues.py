"""No message without a place to go: dead letters, visibility, TLS and encryption of every queue."""

from cli.preflight import costs
from cli.preflight.deployment import INGEST_CONCURRENCY, OTHER_CONSUMERS
from functions.catalogue import FUNCTIONS
from functions.settings import INFLUXDB

TIMEOUTS = {spec.name.capitalize(): spec.timeout_s for spec in FUNCTIONS}


def queue_of(deployment, feed):
    (queue,) = (q for q in deployment.all("AWS::SQS::Queue") if q.id.startswith(f"{feed}FeedQueue"))
    return queue.properties


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


def test_every_queue_has_a_dead_letter_queue_or_is_one(any_deployment):
    ends = dead_letter_targets(any_deployment) | error_queues(any_deployment)
    for queue in any_deployment.all("AWS::SQS::Queue"):
        assert ("RedrivePolicy" in queue.properties) != (queue.id in ends), queue.id


def test_dead_letters_stay_longer_than_any_source_keeps_a_message(any_deployment):
    ends = dead_letter_targets(any_deployment) | error_queues(any_deployment)
    kept = {queue.id: queue.properties["MessageRetentionPeriod"] for queue in any_deployment.all("AWS::SQS::Queue")}
    assert {kept[id_] for id_ in ends} == {14 * 86400}
    assert max(seconds for id_, seconds in kept.items() if id_ not in ends) < 14 * 86400


def test_an_outage_of_four_days_sends_no_telemetry_to_the_dead_letters(any_deployment):
    queue = queue_of(any_deployment, "Ingest")
    # A message that failed comes back when it is visible again, so this is the least that all its receives take.
    patience = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert patience > 4 * 86400


def test_an_outage_shorter_than_the_retention_sends_no_telemetry_to_the_dead_letters(any_deployment):
    queue = queue_of(any_deployment, "Ingest")
    patience = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    # Some hours more, since nothing may expire in the queue, where nobody sees it.
    assert queue["MessageRetentionPeriod"] - patience == 16 * 3600


def test_what_no_store_can_hold_up_is_tried_five_times(deployment):
    for name in ("Events", "Presence"):
        queue = queue_of(deployment, name)
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        assert queue["MessageRetentionPeriod"] == 4 * 86400


def test_every_queue_is_encrypted_and_refuses_plain_http(any_deployment):
    guarded = set()
    for policy in any_deployment.all("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                guarded |= {queue["Ref"] for queue in policy.properties["Queues"]}
    queues = any_deployment.all("AWS::SQS::Queue")
    assert guarded == {queue.id for queue in queues}
    assert all(queue.properties["SqsManagedSseEnabled"] is True for queue in queues)


def consumer_of(queue):
    """`IngestFeedQueue…` is emptied by `Ingest`."""
    return queue.partition("Feed")[0].partition("Queue")[0]


def test_a_message_stays_hidden_for_six_runs_and_a_window(any_deployment):
    windows = {
        any_deployment.render(source.properties["EventSourceArn"]).removesuffix(".Arn"): source.properties.get(
            "MaximumBatchingWindowInSeconds", 0
        )
        for source in any_deployment.all("AWS::Lambda::EventSourceMapping")
    }
    for id_, window in windows.items():
        (queue,) = (q for q in any_deployment.all("AWS::SQS::Queue") if q.id == id_)
        assert queue.properties["VisibilityTimeout"] >= 6 * TIMEOUTS[consumer_of(id_)] + window
    assert {consumer_of(id_) for id_ in windows} >= {"Ingest", "Events", "Presence", "Push"}


def test_event_sources_report_single_failures_and_are_bounded(deployment):
    for source in deployment.all("AWS::Lambda::EventSourceMapping"):
        assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert source.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
        # Without a window, Lambda takes ten at most.
        waits = source.properties.get("MaximumBatchingWindowInSeconds", 0) > 0
        assert source.properties["BatchSize"] > 10 or not waits


def test_what_somebody_watches_for_does_not_wait_in_its_queue(any_deployment):
    windows = {
        consumer_of(any_deployment.render(source.properties["EventSourceArn"])): source.properties.get(
            "MaximumBatchingWindowInSeconds", 0
        )
        for source in any_deployment.all("AWS::Lambda::EventSourceMapping")
    }
    for name in ("Actions", "Alarms", "Commands", "Push", "Shadows"):
        assert windows[name] == 0, name
    assert windows["Ingest"] > 0


def test_what_people_are_told_of_queues_before_a_deployment_is_what_it_has(deployment):
    """Lambda asks each for work, whether there is any or not, and each may take so many functions at once."""
    sources = deployment.all("AWS::Lambda::EventSourceMapping")
    assert len(sources) == costs.QUEUES
    at_once = sum(source.properties["ScalingConfig"]["MaximumConcurrency"] for source in sources)
    assert at_once - INGEST_CONCURRENCY[deployment.stage] == OTHER_CONSUMERS


def test_a_function_that_is_invoked_asynchronously_has_dead_letters(any_deployment):
    """CloudFormation and schedules do; all others are polled for, or somebody waits for them."""
    deployment = any_deployment
    tokens = {
        deployment.render(resource["Properties"]["ServiceToken"]).removesuffix(".Arn")
        for template in deployment.templates.values()
        for resource in template["Resources"].values()
        if "ServiceToken" in resource.get("Properties", {})
    }
    with_dead_letters = {
        function.id for function in deployment.all("AWS::Lambda::Function") if "DeadLetterConfig" in function.properties
    }
    asynchronous = {"registrar", "dashboard_files"} | ({"store_setup"} if INFLUXDB in deployment.stores else set())
    answering = {deployment.function(name).id for name in asynchronous}
    scheduled = {deployment.function("audit_export").id}
    assert tokens == answering
    assert with_dead_letters == answering | scheduled
