import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import shown
from device_agent.clock import ManualClock
from device_agent.diag import diagnose


def unpacked(file):
    with tarfile.open(file) as tar:
        return {entry.name.split("/")[1]: tar.extractfile(entry).read().decode() for entry in tar}


@pytest.fixture
def device(tmp_path, credentials):
    """A configuration with real credentials, whose endpoint nobody listens at."""
    for key in ("ca", "certificate", "private_key"):
        shutil.copy(getattr(credentials, key), tmp_path / key)
    (tmp_path / "agent.toml").write_text(
        'thing = "pump-7"\nmodel = "machine"\nendpoints = ["127.0.0.1:1"]\nca = "ca"\ncertificate = "certificate"\n'
        'private_key = "private_key"\nqueue = "queue"\nstate = "state"\n[[sensor]]\nkind = "simulated"\n'
    )
    return tmp_path


def test_a_bundle_tells_of_everything_and_is_named_after_the_thing(device, clock):
    found = diagnose(
        device / "agent.toml",
        device,
        clock=clock,
        log=lambda: "12:00 started",
        state=lambda: {"clock": {"floor": 1}},
        more={"queue": lambda: {"messages": 3}},
    )
    assert found.file == device / "fieldline-diag-pump-7-20251124T160000Z.tar.gz"
    assert found.failed == {}
    parts = unpacked(found.file)
    assert set(found.parts) == set(parts)
    assert json.loads(parts["config.json"])["thing"] == "pump-7"
    assert json.loads(parts["queue.json"]) == {"messages": 3}
    assert json.loads(parts["state.json"]) == {"clock": {"floor": 1}}
    assert parts["log.txt"] == "12:00 started"
    assert json.loads(parts["endpoint-0.json"])["tcp"] == "failed: Connection refused"
    identity = json.loads(parts["identity.json"])
    assert identity["certificate"]["subject"] == "CN=pump-7"
    assert identity["key"]["mode"] == "0600"
    assert {"check.json", "versions.json", "system.json", "disk.json", "clocks.json", "service.json"} <= set(parts)


@pytest.mark.parametrize("content", [None, "thing = ", "thing = 7\nendpoints = 3\nca = 1\nprivate_key = [1]\n"])
def test_a_configuration_that_is_broken_or_not_there_is_one_finding_among_others(tmp_path, clock, content):
    if content is not None:
        (tmp_path / "agent.toml").write_text(content)
    found = diagnose(tmp_path / "agent.toml", tmp_path, clock=clock, log=lambda: "")
    assert "diag-device-" in found.file.name
    parts = unpacked(found.file)
    assert json.loads(parts["check.json"])["problems"]
    assert json.loads(parts["system.json"])["machine"]


def test_the_private_key_is_not_in_it_even_where_the_log_has_a_part_of_it(device, clock):
    lines = (device / "private_key").read_text().splitlines()
    found = diagnose(
        device / "agent.toml", device, clock=clock, log=lambda: f"oops: {lines[1]}\n{lines[2][:20]}\n{lines[3]}"
    )
    text = "".join(unpacked(found.file).values())
    assert lines[1] not in text
    assert lines[3] not in text


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=12, max_size=100).filter(
    lambda text: text.strip() == text and len(set(text)) > 5
)
WORDS = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789!?$%", min_size=12, max_size=39)
SECRET_KEYS = st.sampled_from(
    ["password", "wifi_psk", "api_key", "client_secret", "token", "user_pin", "anything", "account", "note", "x"]
)
SHOW = st.sampled_from([str, repr, json.dumps, shown])


def toml(value):
    # JSON's escapes are TOML's, but for surrogate pairs.
    return json.dumps(value, ensure_ascii=False)


@given(SECRETS, SECRET_KEYS, SHOW, WORDS, WORDS, WORDS, SECRETS)
@settings(max_examples=60)
def test_no_planted_secret_is_in_the_bundle(in_config, key, show, pin, in_log, in_url, in_state):
    with tempfile.TemporaryDirectory() as folder:
        device = Path(folder)
        (device / "agent.toml").write_text(
            f'thing = "pump-7"\nmodel = "machine"\n{key} = {toml(in_config)}\n'
            f"private_key = {toml(f'pkcs11:object=key?pin-value={pin}')}\n"
            f'[[sensor]]\nkind = "acme"\n{key} = {toml(in_config)}\nurl = {toml(f"https://u:{in_url}@host/")}\n'
            f"[sensor.deeper]\n{key} = [{toml(in_config)}]\n",
            encoding="utf-8",
        )
        (device / "key.pem").write_text("")
        log = "\n".join(
            (
                f"agent.toml: {key}: expected a number, got {show(in_config)}",
                f"login failed, password={in_log}",
                f'{{"token": {json.dumps(in_log)}}}',
                f"GET https://v:{in_url}@elsewhere/ with pin {pin}",
            )
        )
        state = {"settings": {"values": {"network": in_state}}, "commands": [in_state]}

        def broken():
            raise OSError(f"cannot open {show(in_config)} with {pin}")

        found = diagnose(
            device / "agent.toml",
            device,
            clock=ManualClock(),
            log=lambda: log,
            state=lambda: state,
            more={"status": lambda: {"last_error": show(in_config), key: in_config}, "broken": broken},
        )
        parts = unpacked(found.file)
    for name, text in parts.items():
        for secret in (in_config, pin, in_log, in_url, in_state):
            for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
                windows = {form[at : at + 12] for at in range(len(form) - 11)}
                assert not any(window in text for window in windows), (name, form)
