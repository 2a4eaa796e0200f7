"""`actuator list`, `set` and `safe`, with an agent and without."""

import pytest

from device_agent.cli import actuator
from device_agent.errors import ControlError


def test_the_running_agent_moves_it(run, agent):
    answer = run("actuator", "set", "relay", "on=true", "--json", config=agent)
    assert (answer.code, answer.json["truth"]) == (0, {"on": True})
    assert run("actuator", "list", "--json", config=agent).json["truth"] == {"relay": {"on": True}}

    assert run("actuator", "safe", config=agent).out == "safe: relay\n"
    assert run("actuator", "list", "--json", config=agent).json["truth"] == {"relay": {"on": False}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pump", "on=true"], "no actuator 'pump' here; there are relay"),
        (["relay", "on=7"], "on: expected of type boolean, got 7"),
        (["relay", "off=true"], "on: expected present, got nothing"),
    ],
)
def test_what_the_agent_rejects_is_exit_code_7_with_its_reason(run, agent, arguments, said):
    answer = run("actuator", "set", *arguments, config=agent)

    assert answer.code == 7
    assert f"REJECTED: {said}" in answer.err


def test_with_an_agent_nothing_is_held_beside_it(run, agent):
    answer = run("actuator", "set", "relay", "on=true", "--hold", "1", config=agent)

    assert answer.code == 2
    assert "here one runs" in answer.err


@pytest.mark.parametrize("parameter", ["on", "=true", ""])
def test_a_parameter_is_key_and_value(run, parameter):
    assert run("actuator", "set", "relay", parameter).code == 2


@pytest.mark.parametrize("parameters", [["on=true", "on=false"], ["on\udcff=true"], ["on=" + "[" * 100_000]])
def test_parameters_that_say_no_one_thing_are_wrong_usage(run, parameters):
    assert run("actuator", "set", "relay", *parameters).code == 2


def test_a_name_that_is_no_text_is_wrong_usage(run):
    assert run("actuator", "set", "relay\udcff", "on=true").code == 2


def test_without_an_agent_it_is_not_moved_unless_for_a_time(run):
    answer = run("actuator", "set", "relay", "on=true")

    assert answer.code == 8
    assert "--hold S" in answer.err
    assert run("actuator", "list").code == 8


def test_held_it_moves_and_is_made_safe_again(run, toml, monkeypatch):
    from device_agent.actuators.controller import Actuators

    seen = []
    make_safe = Actuators.make_safe

    def watched(self, source):
        seen.append(self.report())
        make_safe(self, source)
        seen.append(self.report())

    monkeypatch.setattr(Actuators, "make_safe", watched)
    answer = run("actuator", "set", "relay", "on=true", "--hold", "1", "--json")

    assert (answer.code, answer.json["truth"]) == (0, {"on": True})
    assert seen == [{"relay": {"on": True}}, {"relay": {"on": False}}]


def test_held_it_keeps_to_its_limits(run, toml):
    toml.write_text(toml.read_text() + "only_while = { temperature = { max = 90 } }\n")

    answer = run("actuator", "set", "relay", "on=true", "--hold", "1")
    assert answer.code == 7
    assert "REJECTED" in answer.err


def test_without_an_agent_everything_is_made_safe_at_the_pins(run):
    assert run("actuator", "safe", "--json").json == {"safe": ["relay"]}


def test_an_agent_that_hangs_does_not_keep_it_from_being_safe(run, monkeypatch):
    def hang(*_, **__):
        raise ControlError("no answer within 65 s", "timeout")

    monkeypatch.setattr(actuator, "ask", hang)
    assert run("actuator", "safe").out == "safe: relay\n"


def test_what_cannot_be_made_safe_is_exit_code_7(run, monkeypatch):
    from device_agent.actuators import making

    monkeypatch.setattr(making, "make_all_safe", lambda settings, pins: {"relay": "the pin is taken"})

    answer = run("actuator", "safe")
    assert (answer.code, answer.err) == (7, "relay is not safe: the pin is taken\n")
