import doctest
import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import topics
from contract.errors import IdentityError, TopicError
from contract.identity import COMMAND_ID_PATTERN, THING_PATTERN
from contract.topics import Topic, parse

things = st.from_regex(THING_PATTERN, fullmatch=True)
ids = st.from_regex(COMMAND_ID_PATTERN, fullmatch=True)
SHADOW = ["get", "get/accepted", "get/rejected", "update", "update/accepted", "update/rejected", "update/delta"]
SHADOW += ["update/documents", "delete", "delete/accepted", "delete/rejected"]
JOBS = ["notify", "notify-next", "get", "get/accepted", "get/rejected"]
JOBS += ["start-next", "start-next/accepted", "start-next/rejected"]
JOB = ["get", "get/accepted", "get/rejected", "update", "update/accepted", "update/rejected"]
ANSWERS = ["request", "accepted", "rejected"]


@st.composite
def pairs(draw):
    """A topic by its formatter, and what must be parsed from it."""
    thing, name = draw(things), draw(ids)
    operation = draw(st.sampled_from(SHADOW))
    jobs_operation, job_operation = draw(st.sampled_from(JOBS)), draw(st.sampled_from(JOB))
    shadow_name, answer = draw(st.sampled_from(topics.SHADOW_NAMES)), draw(st.sampled_from(ANSWERS))
    event, job = draw(st.sampled_from(["connected", "disconnected"])), draw(ids | st.just("$next"))
    return draw(
        st.sampled_from(
            [
                (topics.telemetry(thing), Topic("telemetry", thing)),
                (topics.telemetry_basic_ingest(thing), Topic("telemetry_basic_ingest", thing)),
                (topics.event(thing), Topic("event", thing)),
                (topics.command_request(thing, name), Topic("command_request", thing, id=name)),
                (topics.command_response(thing, name), Topic("command_response", thing, id=name)),
                (
                    topics.shadow(thing, shadow_name, operation),
                    Topic("shadow", thing, name=shadow_name, operation=operation),
                ),
                (topics.jobs(thing, jobs_operation), Topic("jobs", thing, operation=jobs_operation)),
                (topics.jobs(thing, job_operation, job), Topic("jobs", thing, id=job, operation=job_operation)),
                (topics.presence(thing, event), Topic("presence", thing, operation=event)),
                (topics.certificate(answer), Topic("certificate", operation=answer)),
                (topics.provisioning(name[:36], answer), Topic("provisioning", name=name[:36], operation=answer)),
            ]
        )
    )


@settings(deadline=None)
@given(pairs())
def test_parse_is_the_inverse_of_every_formatter(pair):
    topic, parsed = pair
    assert parse(topic) == parsed


@settings(deadline=None)
@given(pairs())
def test_no_topic_has_more_slashes_or_bytes_than_aws_allows(pair):
    assert pair[0].count("/") <= 7
    assert len(pair[0].encode()) <= 256


@settings(deadline=None)
@given(st.text() | pairs().map(lambda pair: pair[0] + "x") | pairs().map(lambda pair: "/" + pair[0]))
def test_other_text_is_a_topic_error(text):
    try:
        parsed = parse(text)
    except TopicError:
        return
    assert parsed.kind  # a longer name, such as a job's, may still make a topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "dt/pump-7/telemetry\n",
        "dt/Pump-7/telemetry",
        "dt/+/telemetry",
        "dt//telemetry",
        "dt/pump-7/telemetry/more",
        "$aws/rules/another_rule/dt/pump-7/telemetry",
        "cmd/pump-7//req",
        "$aws/things/pump-7/shadow/get",
        "$aws/things/pump-7/shadow/name/other/get",
        "$aws/things/pump-7/shadow/name/config/get/delta",
        "$aws/things/pump-7/jobs/a b/get",
        "$aws/things/pump-7/jobs/accepted",
        "$aws/events/presence/left/pump-7",
    ],
)
def test_a_topic_that_is_almost_ours_is_refused(topic):
    with pytest.raises(TopicError):
        parse(topic)


def test_a_job_may_be_called_like_an_operation():
    assert parse("$aws/things/pump-7/jobs/get/get") == Topic("jobs", "pump-7", id="get", operation="get")


def test_a_formatter_refuses_a_name_that_could_widen_a_topic():
    for make in (topics.telemetry, topics.event, topics.telemetry_basic_ingest, topics.filter_command_requests):
        with pytest.raises(IdentityError):
            make("+")
    with pytest.raises(IdentityError):
        topics.command_request("pump-7", "a/b")
    with pytest.raises(TopicError):
        topics.shadow("pump-7", "config", "#")
    with pytest.raises(TopicError):
        topics.jobs("pump-7", "get", "a/b")


def test_the_error_names_what_could_be_asked_instead():
    with pytest.raises(TopicError, match="`name` must be one of config, state, got 'status'"):
        topics.shadow("pump-7", "status", "get")


def matches(topic_filter, topic):
    """MQTT's matching, which is what a broker and a rule's FROM clause do."""
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]+").replace("/\\#", "(/.*)?")
    return re.fullmatch(pattern, topic) is not None


def test_a_rule_takes_what_devices_send_and_nothing_else():
    assert matches(topics.TELEMETRY_FROM, topics.telemetry("pump-7"))
    assert matches(topics.EVENT_FROM, topics.event("pump-7"))
    assert matches(topics.COMMAND_RESPONSE_FROM, topics.command_response("pump-7", "c1"))
    assert matches(topics.PRESENCE_FROM, topics.presence("pump-7", "connected"))
    assert matches(topics.PRESENCE_FROM, topics.presence("pump-7", "disconnected"))
    assert not matches(topics.TELEMETRY_FROM, topics.event("pump-7"))
    assert not matches(topics.COMMAND_RESPONSE_FROM, topics.command_request("pump-7", "c1"))


def test_the_rule_wraps_the_untouched_bytes_under_the_topics_thing():
    expected = "SELECT encode(*, 'base64') AS data, topic(2) AS thing, timestamp() AS received_at FROM 'dt/+/telemetry'"
    assert expected == topics.TELEMETRY_RULE_SQL
    assert expected.replace("telemetry", "event") == topics.EVENT_RULE_SQL
    assert topics.telemetry("pump-7").split("/")[2 - 1] == "pump-7"  # topic(2) counts from one


def test_the_rule_of_answers_takes_thing_and_command_from_the_topic():
    expected = (
        "SELECT encode(*, 'base64') AS data, topic(2) AS thing, topic(3) AS id, timestamp() AS received_at "
        "FROM 'cmd/+/+/res'"
    )
    assert expected == topics.COMMAND_RESPONSE_RULE_SQL
    parts = topics.command_response("pump-7", "c1").split("/")
    assert (parts[2 - 1], parts[3 - 1]) == ("pump-7", "c1")


def test_a_devices_filters_match_what_is_sent_to_it():
    assert matches(topics.filter_command_requests("pump-7"), topics.command_request("pump-7", "c1"))
    for operation in ("update/delta", "get/accepted", "update/rejected"):
        assert matches(topics.filter_shadow("pump-7", "config"), topics.shadow("pump-7", "config", operation))
    for topic in (
        topics.jobs("pump-7", "notify-next"),
        topics.jobs("pump-7", "start-next/accepted"),
        topics.jobs("pump-7", "update/accepted", "job-1"),
    ):
        assert any(matches(each, topic) for each in topics.filter_jobs("pump-7"))


def allowed(resources, topic, thing="pump-7"):
    """IAM's matching, where * is any text and nothing else is special."""
    return any(fnmatchcase(topic, resource.replace(topics.POLICY_THING, thing)) for resource in resources)


def test_the_policy_lets_a_device_send_what_is_its_own():
    for topic in (
        topics.telemetry("pump-7"),
        topics.telemetry_basic_ingest("pump-7"),
        topics.event("pump-7"),
        topics.command_response("pump-7", "c1"),
        topics.shadow("pump-7", "state", "update"),
        topics.jobs("pump-7", "update", "job-1"),
    ):
        assert allowed(topics.policy_publish(), topic)
        assert not allowed(topics.policy_publish(), topic.replace("pump-7", "pump-8"))


def test_the_policy_lets_a_device_listen_to_what_is_its_own():
    mine = [topics.filter_command_requests("pump-7"), *topics.filter_jobs("pump-7")]
    mine += [topics.filter_shadow("pump-7", name) for name in topics.SHADOW_NAMES]
    for topic_filter in mine:
        assert allowed(topics.policy_subscribe(), topic_filter)
        assert not allowed(topics.policy_subscribe(), topic_filter.replace("pump-7", "+"))
    assert allowed(topics.policy_receive(), topics.command_request("pump-7", "c1"))
    assert not allowed(topics.policy_receive(), topics.command_request("pump-8", "c1"))


def test_a_device_cannot_command_itself():
    assert not allowed(topics.policy_publish(), topics.command_request("pump-7", "c1"))


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(topics).failed == 0
