"""What the device is set to is judged whole, kept durably, and never leaves it without a configuration."""

import logging

import pytest

from device_agent.config.agent import ConfigFiles
from device_agent.errors import SettingsError
from device_agent.settings.settings import SECTION, Settings
from device_agent.settings.trial import MAX_STARTS
from device_agent.storage import Storage
from tests.device_agent.settings.settings_device import TOML, Store, write_files


@pytest.fixture
def toml(tmp_path):
    return write_files(tmp_path)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def start(toml, store, clock, log):
    async def start_():
        settings = Settings(ConfigFiles(toml), store, clock=clock, log=log)
        await settings.start()
        return settings

    return start_


def interval_s(settings):
    return settings.config.sensors[0].interval_s


async def test_without_anything_stored_the_models_defaults_are_in_force(start, store):
    settings = await start()

    assert settings.values == {"interval_ms": 5000, "stop_on_overheat": True}
    assert interval_s(settings) == 5.0
    assert store.state_writes == 0


async def test_what_is_adopted_follows_into_the_configuration_and_survives_a_restart(start):
    settings = await start()
    config = await settings.adopt({"interval_ms": 9000})

    assert config is settings.config
    assert (interval_s(settings), config.sensors[0].seed) == (9.0, 51_000)
    again = await start()
    assert again.config.sensors == config.sensors
    assert again.values == {"interval_ms": 9000, "stop_on_overheat": True}


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({"interval_ms": 10}, {"interval_ms": "expected at least 1000, got 10"}),
        (
            {"interval_ms": "fast", "stop_on_overheat": 1, "colour": "red"},
            {
                "interval_ms": "expected of type integer, got 'fast'",
                "stop_on_overheat": "expected of type boolean, got 1",
                "colour": "expected one of interval_ms, stop_on_overheat, got 'colour'",
            },
        ),
        ({"interval_ms": {"a": [1]}}, {"interval_ms": "expected of type integer, got an object with 1 key"}),
        ({"interval_ms": float("nan")}, {"interval_ms": "expected of type integer, got nan"}),
        ({"x" * 9000: 1}, {"*": "expected at most 8192 bytes of JSON, got 9007"}),
    ],
)
async def test_what_the_model_does_not_allow_is_rejected_with_the_reason_for_each_key(start, values, reasons):
    settings = await start()
    before = settings.config

    with pytest.raises(SettingsError) as raised:
        await settings.adopt(values)
    assert raised.value.reasons == reasons
    assert settings.config is before


async def test_what_the_configuration_cannot_use_is_rejected_under_the_key_that_it_follows(start, toml):
    settings = await start()

    with pytest.raises(SettingsError) as raised:
        await settings.adopt({"interval_ms": 60_001})
    assert raised.value.reasons == {
        "interval_ms": f"{toml}: sensor[0].seed: expected an integer from 0 to {2**53}, got -1"
    }
    assert settings.state.trial is None


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_what_cannot_be_stored_is_rejected_and_not_found_at_the_next_start(start, store, fails):
    settings = await start()
    store.fails = fails

    with pytest.raises(SettingsError, match="cannot be stored"):
        await settings.adopt({"interval_ms": 9000})
    assert interval_s(settings) == 5.0
    store.fails = None
    await settings.retry()
    assert interval_s(await start()) == 5.0


async def test_what_was_reverted_is_what_was_before_and_stays_so(start):
    settings = await start()
    await settings.adopt({"interval_ms": 7000})
    assert await settings.confirm()
    await settings.adopt({"interval_ms": 9000})

    await settings.revert("alone")

    assert interval_s(settings) == 7.0
    again = await start()
    assert interval_s(again) == 7.0
    assert again.state.refused.values == {"interval_ms": 9000}


async def test_a_reversion_that_cannot_be_stored_holds_now_and_is_stored_later(start, store):
    settings = await start()
    await settings.adopt({"interval_ms": 9000})
    store.fails = "before"
    await settings.revert("alone")
    assert interval_s(settings) == 5.0

    store.fails = None
    await settings.retry()
    assert interval_s(await start()) == 5.0


async def test_what_cannot_be_stored_as_confirmed_stays_on_trial(start, store):
    settings = await start()
    await settings.adopt({"interval_ms": 9000})
    store.fails = "before"

    assert not await settings.confirm()
    assert settings.state.trial is not None
    store.fails = None
    assert await settings.confirm()
    assert (await start()).state.trial is None


async def test_files_that_change_while_the_agent_runs_count_at_the_next_start(start, toml):
    settings = await start()
    toml.write_text(TOML.replace("pump-7", "pump-8") + "nonsense = 1")

    config = await settings.adopt({"interval_ms": 9000})
    assert config.thing == "pump-7"


async def test_a_trial_that_no_longer_fits_the_files_is_taken_back_with_the_reason(start, toml):
    settings = await start()
    await settings.adopt({"interval_ms": 9000})
    toml.write_text(TOML.replace("60000", "6000"))

    again = await start()
    assert again.values["interval_ms"] == 5000
    assert "sensor[0].seed" in again.state.refused.reason


async def test_confirmed_settings_that_no_longer_fit_give_way_to_the_defaults(start, toml, caplog):
    settings = await start()
    await settings.adopt({"interval_ms": 9000})
    await settings.confirm()
    toml.write_text(TOML.replace("60000", "6000"))

    with caplog.at_level(logging.ERROR):
        again = await start()
    assert again.values["interval_ms"] == 5000
    assert "cannot be used any more" in caplog.text
    assert again.state.refused.values == {"interval_ms": 9000}


async def test_a_trial_over_confirmed_settings_that_no_longer_fit_goes_on_and_falls_back_to_the_defaults(start, toml):
    settings = await start()
    await settings.adopt({"interval_ms": 9000})
    await settings.confirm()
    await settings.adopt({"interval_ms": 1000})
    toml.write_text(TOML.replace("60000", "6000"))

    again = await start()
    assert again.values["interval_ms"] == 1000
    await again.revert("alone")
    assert again.values["interval_ms"] == 5000


async def test_after_some_starts_without_a_connection_a_trial_is_over(start):
    await (await start()).adopt({"interval_ms": 9000})
    for _ in range(MAX_STARTS):
        assert interval_s(await start()) == 9.0

    assert interval_s(await start()) == 5.0


@pytest.mark.parametrize(
    "stored", [7, [], {"confirmed": 3}, {"trial": {"values": {}}}, {"confirmed": {"interval_ms": "x"}}]
)
async def test_whatever_is_stored_the_agent_starts(start, store, stored):
    await store.write_state(SECTION, stored)

    assert interval_s(await start()) == 5.0


async def test_a_trial_outlives_a_restart_on_a_real_disk(toml, tmp_path, clock, log):
    async def with_storage(act):
        storage = Storage(tmp_path / "queue", tmp_path / "state", max_bytes=2**20, clock=clock, log=log)
        await storage.open()
        try:
            settings = Settings(ConfigFiles(toml), storage, clock=clock, log=log)
            await settings.start()
            await act(settings)
            return settings
        finally:
            await storage.close()

    async def nothing(_):
        pass

    await with_storage(lambda settings: settings.adopt({"interval_ms": 9000}))
    again = await with_storage(nothing)
    assert (interval_s(again), again.state.trial.starts) == (9.0, 1)
    await with_storage(lambda settings: settings.confirm())
    assert (await with_storage(nothing)).state.confirmed == {"interval_ms": 9000}
