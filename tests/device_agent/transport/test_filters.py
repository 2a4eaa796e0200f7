"""Topic filters mean what MQTT 5.0 section 4.7 says; the pairs marked so are its own examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.transport.filters import matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "wanted"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),  # 4.7.1.2
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),  # 4.7.1.2
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),  # 4.7.1.2
        ("sport/tennis/player1/#", "sport/tennis/player10", False),
        ("sport/#", "sport", True),  # 4.7.1.2
        ("#", "anything/at/all", True),
        ("sport/tennis/+", "sport/tennis/player1", True),  # 4.7.1.3
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),  # 4.7.1.3
        ("sport/+", "sport", False),  # 4.7.1.3
        ("sport/+", "sport/", True),  # 4.7.1.3
        ("+/+", "/finance", True),  # 4.7.1.3
        ("/+", "/finance", True),  # 4.7.1.3
        ("+", "/finance", False),  # 4.7.1.3
        ("#", "$SYS/broker", False),  # 4.7.2
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),  # 4.7.2
        ("$SYS/#", "$SYS/monitor/Clients", True),  # 4.7.2
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),  # 4.7.2
        ("cmd/pump-7/+/req", "cmd/pump-7/4f/req", True),
        ("cmd/pump-7/+/req", "cmd/pump-7/4f/res", False),
        ("cmd/pump-7/+/req", "cmd/pump-70/4f/req", False),
    ],
)
def test_what_the_standard_says(topic_filter, topic, wanted):
    assert matches(topic_filter, topic) is wanted


_LEVELS = st.lists(st.text(alphabet="ab$ ", max_size=2), min_size=1, max_size=4)


@given(_LEVELS)
def test_a_filter_without_wildcards_asks_for_its_topic_alone(levels):
    topic = "/".join(levels)
    assert matches(topic, topic)
    assert not matches(topic, topic + "/")
    assert not matches(topic, topic + "x")


@given(_LEVELS, st.data())
def test_a_level_may_be_asked_for_by_a_plus_and_the_rest_by_a_hash(levels, data):
    topic = "x/" + "/".join(levels)
    at = data.draw(st.integers(0, len(levels) - 1))
    assert matches("/".join(["x", *levels[:at], "+", *levels[at + 1 :]]), topic)
    assert matches("/".join(["x", *levels[:at], "#"]), topic)
