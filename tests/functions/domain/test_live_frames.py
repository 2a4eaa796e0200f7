import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain import live_frames as frames
from functions.errors import RequestError


def said(**document):
    return frames.read(json.dumps(document))


def test_a_subscription_names_topics_each_once_and_gives_its_id_back():
    asked = said(
        type="subscribe",
        id="s1",
        devices=["pump-1", "pump-1"],
        groups=["plant-1/line-2"],
        commands=[{"device": "pump-1", "id": "01H"}],
    )
    assert asked == frames.Subscribe(("device:pump-1", "group:plant-1/line-2", "command:pump-1/01H"), "s1")


def test_all_is_one_topic():
    assert said(type="subscribe", all=True) == frames.Subscribe(("*",))


def test_the_alarms_of_all_devices_are_one_topic_beside_others():
    assert said(type="subscribe", alarms=True) == frames.Subscribe(("alarms",))
    assert said(type="subscribe", alarms=True, devices=["pump-1"]) == frames.Subscribe(("alarms", "device:pump-1"))
    assert said(type="subscribe", alarms=False, all=True) == frames.Subscribe(("*",))
    assert said(type="unsubscribe", alarms=True) == frames.Unsubscribe(("alarms",))


def test_the_other_words():
    assert said(type="hello") == said(type="hello", v=1) == frames.Hello()
    assert said(type="ping", id="p") == frames.Ping("p")
    assert said(type="unsubscribe", devices=["pump-1"]) == frames.Unsubscribe(("device:pump-1",))


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("", "message", "a JSON object"),
        ("nonsense", "message", "a JSON object"),
        ("[1]", "message", "a JSON object"),
        ("[" * 10_000, "message", "a JSON object"),
        ("{}", "type", "one of hello"),
        ('{"type":7}', "type", "one of hello"),
        ('{"type":["hello"]}', "type", "one of hello"),
        ('{"type":"hello","v":2}', "v", "1"),
        ('{"type":"hello","v":true}', "v", "1"),
        ('{"type":"hello","x":1}', "x", "left out"),
        ('{"type":"ping","id":5}', "id", "1 to 64 of"),
        ('{"type":"ping","id":""}', "id", "1 to 64 of"),
        (json.dumps({"type": "ping", "id": "x" * 65}), "id", "1 to 64 of"),
        ('{"type":"subscribe"}', "devices", "some of devices"),
        ('{"type":"subscribe","all":false}', "devices", "some of devices"),
        ('{"type":"subscribe","all":1}', "all", "true or false"),
        ('{"type":"subscribe","alarms":"pump-1"}', "alarms", "true or false"),
        ('{"type":"subscribe","alarms":false}', "devices", "or alarms"),
        ('{"type":"subscribe","devices":"pump-1"}', "devices", "a list"),
        ('{"type":"subscribe","devices":["Pump 1"]}', "devices[0]", "1 to 63"),
        ('{"type":"subscribe","devices":["pump-1",5]}', "devices[1]", "a string"),
        ('{"type":"subscribe","groups":["a//b"]}', "groups[0]", "1 to 6 segments"),
        ('{"type":"subscribe","commands":["c"]}', "commands[0]", "an object"),
        ('{"type":"subscribe","commands":[{"device":"a"}]}', "commands[0].id", "a string"),
        ('{"type":"subscribe","commands":[{"device":"a","id":"#"}]}', "commands[0].id", "1 to 64"),
        ('{"type":"subscribe","commands":[{"device":"a","id":"b","x":1}]}', "commands[0].x", "left out"),
        ('{"type":"subscribe","devices":["a"],"connection":"other"}', "connection", "left out"),
        (json.dumps({"type": "subscribe", "devices": ["a"] * 101}), "devices", "at most 100"),
        (
            json.dumps(
                {"type": "subscribe", "devices": [f"a{n}" for n in range(60)], "groups": [f"a{n}" for n in range(60)]}
            ),
            "devices",
            "at most 100",
        ),
        (json.dumps({"type": "ping", "id": "x" * 20_000}), "message", "at most 16384 bytes"),
    ],
)
def test_what_is_malformed_is_refused_with_field_expected_and_got(text, field, expected):
    with pytest.raises(RequestError) as caught:
        frames.read(text)
    assert caught.value.field == field
    assert expected in caught.value.expected
    told = json.loads(frames.encode(frames.malformed(caught.value)))
    assert (told["type"], told["slug"], told["field"]) == ("error", "malformed", field)
    assert told["got"]


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "devices", "groups", "commands", "alarms", "all", "v", "device"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
)


@given(
    st.dictionaries(st.sampled_from(["id", "devices", "groups", "commands", "alarms", "all", "v"]), jsons),
    st.sampled_from(["hello", "subscribe", "unsubscribe", "ping", "x"]),
)
def test_whatever_a_client_says_is_understood_or_refused(document, word):
    try:
        frames.read(json.dumps({**document, "type": word}))
    except RequestError as exc:
        frames.encode(frames.malformed(exc))  # and can be told so


@pytest.mark.parametrize(
    "text", ['{"type":"ping","id":"\\ud800"}', '{"type":"ping","\\ud800":1}', '{"type":"\\ud800"}']
)
def test_half_a_surrogate_pair_is_refused_and_can_be_told(text):
    with pytest.raises(RequestError) as caught:
        frames.read(text)
    assert frames.encode(frames.malformed(caught.value))


def test_frames_of_the_server_name_their_type_and_leave_out_what_is_not_there():
    assert json.loads(frames.encode(frames.Pong(5))) == {"type": "pong", "at": 5}
    welcome = json.loads(frames.encode(frames.Welcome(240, 1, 2)))
    assert (welcome["type"], welcome["v"], welcome["limits"]["frame_bytes"]) == ("welcome", 1, 32_768)
