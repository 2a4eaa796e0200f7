import dataclasses

import pytest

from functions.catalogue import FUNCTIONS
from functions.errors import SettingsError
from functions.settings import AuthorizerSettings, IngestSettings, PresenceSettings

CLASSES = [spec.settings for spec in FUNCTIONS]
FULL = {
    "FIELDLINE_CORE_TABLE": "core",
    "FIELDLINE_STATE_TABLE": "state",
    "FIELDLINE_EVENTS_TABLE": "events",
    "FIELDLINE_TELEMETRY_STORE": "dynamodb",
    "FIELDLINE_TELEMETRY_TABLE": "telemetry",
    "FIELDLINE_LAKE_STREAM": "lake",
    "FIELDLINE_RETENTION_DAYS": "7",
    "FIELDLINE_QUARANTINE_DAYS": "8",
    "FIELDLINE_EVENT_DAYS": "9",
    "FIELDLINE_PRESENCE_QUEUE_URL": "https://queue",
    "FIELDLINE_DEBOUNCE_S": "0",
    "FIELDLINE_REGION": "eu-west-1",
    "FIELDLINE_ISSUER": "https://issuer",
    "FIELDLINE_CLIENT_ID": "client",
    "FIELDLINE_CLIENT_IDS": "one,two",
    "FIELDLINE_JWKS_URL": "https://issuer/keys",
    "FIELDLINE_SIGN_IN_ENDPOINT": "https://cognito",
}


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_survive_their_environment(cls):
    settings = cls.from_env(FULL)
    env = settings.to_env()
    assert cls.from_env(env) == settings
    assert env.items() <= FULL.items()
    assert all(name.startswith("FIELDLINE_") for name in env)


@pytest.mark.parametrize("cls", CLASSES)
def test_no_two_settings_share_a_variable(cls):
    assert len(cls.from_env(FULL).to_env()) == len(dataclasses.fields(cls))


def test_several_values_are_separated_by_commas():
    env = {**FULL, "FIELDLINE_CLIENT_IDS": " one , ,two "}
    assert AuthorizerSettings.from_env(env).client_ids == ("one", "two")


def test_everything_that_is_wrong_is_reported_together():
    env = {
        "FIELDLINE_CORE_TABLE": " ",
        "FIELDLINE_TELEMETRY_STORE": "paper",
        "FIELDLINE_TELEMETRY_TABLE": "t",
        "FIELDLINE_STATE_TABLE": "s",
        "FIELDLINE_LAKE_STREAM": "l",
        "FIELDLINE_RETENTION_DAYS": "0",
        "FIELDLINE_QUARANTINE_DAYS": "many",
    }
    with pytest.raises(SettingsError) as caught:
        IngestSettings.from_env(env)
    assert caught.value.problems == (
        "FIELDLINE_CORE_TABLE: expected a value, got nothing",
        "FIELDLINE_EVENTS_TABLE: expected a value, got nothing",
        "FIELDLINE_TELEMETRY_STORE: expected one of dynamodb, got 'paper'",
        "FIELDLINE_RETENTION_DAYS: expected a whole number from 1 to 3650, got '0'",
        "FIELDLINE_QUARANTINE_DAYS: expected a whole number from 1 to 3650, got 'many'",
    )


@pytest.mark.parametrize("text", ["901", "-1", "1.5", "٣", "1e2"])
def test_a_debounce_beyond_what_sqs_delays_is_refused(text):
    with pytest.raises(SettingsError, match="FIELDLINE_DEBOUNCE_S"):
        PresenceSettings.from_env({**FULL, "FIELDLINE_DEBOUNCE_S": text})


def test_numbers_have_defaults():
    settings = PresenceSettings.from_env({"FIELDLINE_STATE_TABLE": "s", "FIELDLINE_PRESENCE_QUEUE_URL": "q"})
    assert settings.debounce_s == 30
