import json

import pytest

from contract.errors import shown
from device_agent.diag.redaction import REDACTED, Redactor, outline

PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nshort==\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("login with password=hunter2, then", f"login with password={REDACTED}, then"),
        ('{"wifi_psk": "two words", "n": 1}', f'{{"wifi_psk": {REDACTED}, "n": 1}}'),
        (r'token: "a\"b" end', f"token: {REDACTED} end"),
        ("Authorization: Bearer abc.def", f"Authorization: {REDACTED}"),
        ("mqtt://device:pass@broker.example/x", f"mqtt://{REDACTED}@broker.example/x"),
        ("pkcs11:token=t;object=o?pin-value=1234", f"pkcs11:token={REDACTED};object=o?pin-value={REDACTED}"),
        ("pkcs11:object=o?pin-source=/etc/fieldline/pin", f"pkcs11:object=o?pin-source={REDACTED}"),
        ("key id AKIAABCDEFGHIJKLMNOP used", f"key id {REDACTED} used"),
        (f"found {PEM} there", f"found {REDACTED} there"),
        (f"cut {PEM[:40]}", f"cut {REDACTED}"),
        (f"a line of it\n{'Ab1+' * 16}\n", f"a line of it\n{REDACTED}\n"),
    ],
)
def test_what_has_the_form_of_a_secret_is_taken_out(said, left):
    assert Redactor().text(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "File /usr/lib/fieldline-agent/packages/device_agent/supervision/supervisor.py, line 41, in supervise",
        "connected to a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com:8883",
        "sensor low-pass-0: 21.4, boot 7f3a0c55e1b2d394, 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "low_pass: expected a number, got 'x'",
    ],
)
def test_what_helps_stays(said):
    assert Redactor().text(said) == said


@pytest.mark.parametrize("secret", ['it\'s "quoted" \\ é', "x" * 30 + "é\n" * 40, "plain-one"])
@pytest.mark.parametrize("say", [str, repr, json.dumps, shown])
def test_a_known_secret_is_found_however_a_message_shows_it(secret, say):
    redactor = Redactor([secret])
    left = redactor.text(f"got {say(secret)} instead")
    assert secret[:9] not in left
    assert REDACTED in left


def test_a_configuration_keeps_what_is_known_to_be_harmless_and_the_numbers():
    values = {
        "thing": "pump-7",
        "endpoints": ["broker.example:8883"],
        "private_key": "pkcs11:token=hsm;object=key?pin-value=98765",
        "flush_interval_s": 5.0,
        "sensor": [
            {"kind": "bme280", "bus": 1, "address": "0x76", "columns": {"value": "temperature"}, "every": "90 s"},
            {"kind": "acme", "account": "installer@example.com", "api_token": 1234567, "calibrated": True},
        ],
    }
    redactor = Redactor()
    left = redactor.configuration(values)
    assert left["thing"] == "pump-7"
    assert left["endpoints"] == ["broker.example:8883"]
    assert left["private_key"].startswith("pkcs11:")
    assert "98765" not in str(left)
    assert left["sensor"][0] == values["sensor"][0]
    assert left["sensor"][1] == {
        "kind": "acme",
        "account": "[text of 21 characters]",
        "api_token": REDACTED,
        "calibrated": True,
    }
    assert (
        redactor.text("account installer@example.com, 1234567, 98765") == f"account {REDACTED}, {REDACTED}, {REDACTED}"
    )


def test_the_name_of_a_credential_and_of_a_key_file_stay():
    for name in ("credential:device.key", "/etc/fieldline/pump-7.key"):
        assert Redactor().configuration({"private_key": name}) == {"private_key": name}


def test_an_outline_has_numbers_and_lengths():
    state = {
        "clock": {"floor": 17, "synced": True, "by": "ntp"},
        "commands": [{"id": "abc", "pin_value": 1}],
        "x": None,
    }
    assert outline(state) == {
        "clock": {"floor": 17, "synced": True, "by": "[text of 3 characters]"},
        "commands": [{"id": "[text of 3 characters]", "pin_value": REDACTED}],
        "x": None,
    }
