"""`sensor list` and `sensor read`, with an agent and without."""

import pytest

BROKEN = """
[[sensor]]
name = "probe"
kind = "ds18b20"
device = "28-000000000000"
metrics = { temperature = "probe" }
"""


def test_without_an_agent_a_sensor_is_made_and_read(run):
    answer = run("sensor", "read", "--json")

    assert answer.code == 0
    assert answer.json["motor"]["values"] == {"temperature": 85.0}
    assert (answer.json["motor"]["q"], answer.json["motor"]["error"]) == ("good", None)
    assert run("sensor", "read", "motor").out == "motor temperature 85\n"


def test_reading_takes_nothing_away_from_the_agent(run):
    assert run("sensor", "read").out == run("sensor", "read").out == "motor temperature 85\n"


def test_a_sensor_that_is_not_configured_is_wrong_usage(run):
    answer = run("sensor", "read", "engine")

    assert (answer.code, answer.err) == (2, "no sensor 'engine': expected one of motor\n")


def test_a_sensor_that_fails_is_told_beside_those_that_do_not(run, toml):
    toml.write_text(toml.read_text() + BROKEN)

    answer = run("sensor", "read")
    assert answer.code == 6
    first, second = answer.out.splitlines()
    assert first == "motor temperature 85"
    assert second.startswith("probe: ")
    assert run("sensor", "read", "--json").json["probe"]["error"]


def test_the_list_names_the_metrics(run):
    assert run("sensor", "list").out == "motor: temperature\n"
    assert run("sensor", "list", "--json").json == {"motor": ["temperature"]}


@pytest.mark.usefixtures("agent")
def test_with_an_agent_its_last_reading_is_told(run, agent):
    answer = run("sensor", "read", "--json", config=agent)

    assert answer.code == 0
    assert answer.json["motor"]["values"]["temperature"] in (85, 86, 92, 79)
    assert answer.json["motor"]["at"] > 1_700_000_000_000
