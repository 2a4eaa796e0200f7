"""When a change has proved itself, when it is taken back, and what is left of it after a restart."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.settings.trial import (
    CHANCE_MS,
    MAX_STARTS,
    STANDING_MS,
    UNREACHABLE_MS,
    Proof,
    Refusal,
    SettingsState,
    Trial,
)

T0 = 1_000_000
OLD, NEW = {"interval_ms": 5000}, {"interval_ms": 9000}
ALONE = {"connected": False, "resting": False, "connected_at": None}
HELD = {"connected": True, "resting": False, "connected_at": T0 - 1}


def test_a_connection_made_after_the_change_proves_it():
    proof = Proof(T0, T0)

    assert proof.passed(T0 + 1, connected=True, resting=False, connected_at=T0) is None
    assert proof.passed(T0 + 2, connected=True, resting=False, connected_at=T0 + 2) is True


def test_such_a_connection_proves_it_even_if_it_has_ended_since():
    assert Proof(T0, T0).passed(T0 + 9000, connected=False, resting=False, connected_at=T0 + 100) is True


def test_the_connection_that_the_change_came_by_must_stand_longer_than_a_dead_one_goes_unnoticed():
    proof = Proof(T0, T0)

    assert STANDING_MS > 1.5 * 60_000
    assert proof.passed(T0 + STANDING_MS - 1, **HELD) is None
    assert proof.passed(T0 + STANDING_MS, **HELD) is True


def test_five_minutes_alone_disprove_it():
    proof = Proof(T0, T0)

    assert proof.passed(T0 + UNREACHABLE_MS - 1, **ALONE) is None
    assert proof.passed(T0 + UNREACHABLE_MS, **ALONE) is False


def test_the_five_minutes_count_from_where_the_connection_was_last_seen():
    proof = Proof(T0, T0)
    proof.passed(T0 + 100_000, **HELD)

    assert proof.passed(T0 + 100_000 + UNREACHABLE_MS - 1, **{**HELD, "connected": False}) is None
    assert proof.passed(T0 + 100_000 + UNREACHABLE_MS, **{**HELD, "connected": False}) is False


def test_a_connection_that_is_down_on_purpose_says_nothing():
    proof = Proof(T0, T0)

    assert proof.passed(T0 + 10 * UNREACHABLE_MS, connected=False, resting=True, connected_at=None) is None
    assert proof.passed(T0 + 11 * UNREACHABLE_MS - 1, **ALONE) is None
    assert proof.passed(T0 + 11 * UNREACHABLE_MS, **ALONE) is False


def test_an_agent_that_was_away_for_long_has_a_chance_to_connect():
    began = T0 + 2 * UNREACHABLE_MS
    proof = Proof(T0, began)

    assert proof.passed(began + CHANCE_MS - 1, **ALONE) is None
    assert proof.passed(began + CHANCE_MS, **ALONE) is False


def test_what_is_adopted_is_on_trial_and_what_was_confirmed_stays_known():
    state = SettingsState(OLD).adopt(NEW, T0, "boot")

    assert state == SettingsState(OLD, Trial(NEW, T0, "boot"))
    assert state.in_force == NEW
    assert state.confirm() == SettingsState(NEW)
    assert state.refuse("alone") == SettingsState(OLD, None, Refusal(NEW, "alone"))


def test_a_second_change_on_trial_would_go_back_to_what_was_confirmed():
    state = SettingsState(OLD).adopt(NEW, T0, "boot").adopt({"interval_ms": 7000}, T0, "boot")

    assert state.refuse("alone").in_force == OLD


def test_going_back_by_wish_needs_no_trial():
    assert SettingsState(OLD).adopt(NEW, T0, "boot").adopt(OLD, T0, "boot") == SettingsState(OLD)


def test_a_restart_keeps_the_trial_and_its_time():
    state = SettingsState(OLD).adopt(NEW, T0, "boot").restart(T0 + 1000, "boot")

    assert state.trial == Trial(NEW, T0, "boot", 1)


def test_in_another_boot_of_the_machine_time_is_counted_afresh():
    state = SettingsState(OLD).adopt(NEW, T0, "boot").restart(5000, "another")

    assert state.trial == Trial(NEW, 5000, "another", 1)


def test_settings_that_an_agent_dies_of_are_taken_back_after_some_starts():
    state = SettingsState(OLD).adopt(NEW, T0, "boot")
    for _ in range(MAX_STARTS):
        state = state.restart(T0, "boot")
        assert state.in_force == NEW

    assert state.restart(T0, "boot") == SettingsState(OLD, None, Refusal(NEW, "no connection in 3 starts of the agent"))


@pytest.mark.parametrize(
    "state", [SettingsState(), SettingsState(OLD).adopt(NEW, T0, "b"), SettingsState({}, None, Refusal(NEW, "x"))]
)
def test_a_state_survives_being_stored(state):
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(state))), SettingsState) == state


@given(
    st.lists(
        st.tuples(st.integers(0, 400_000), st.sampled_from(["alone", "resting", "connected", "reconnected"])),
        max_size=20,
    )
)
def test_a_trial_fails_only_after_five_minutes_in_a_row_without_a_connection(steps):
    proof, now, last_seen, connected_at = Proof(T0, T0), T0, T0, T0 - 1
    for step, state in steps:
        now += step
        if state == "reconnected" and now > T0:
            connected_at = now
        connected = state in ("connected", "reconnected")
        verdict = proof.passed(now, connected=connected, resting=state == "resting", connected_at=connected_at)
        if connected or state == "resting":
            last_seen = now
        if verdict is not None:
            alone = connected_at <= T0 and now - last_seen >= UNREACHABLE_MS
            assert verdict is not alone
            return
