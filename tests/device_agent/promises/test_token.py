"""The whole agent with a key that never leaves its token."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.device_agent.promises.device import numbers
from tests.device_agent.softhsm import PIN, make_token


@pytest.fixture
def token(tmp_path, credentials):
    return make_token(tmp_path / "hsm", credentials.authority, "pump-7")


async def test_a_device_whose_key_is_in_a_token_is_checked_and_connects(
    device, token, credentials, mosquitto, app, at_last, tmp_path
):
    (tmp_path / "pin").write_text(PIN)
    (tmp_path / "pin").chmod(0o600)
    key = (
        f"pkcs11:token={quote(token.label)};object={quote(token.key_label)};type=private"
        f"?module-path={token.module}&pin-source=pin"
    )
    device.write(mosquitto.endpoint, credentials=replace(credentials, certificate=token.certificate, private_key=key))
    environment = {"SOFTHSM2_CONF": str(token.configuration)}
    assert device.run("check", environment=environment)["thing"] == "pump-7"

    device.start(environment=environment.items())
    await at_last(lambda: len(numbers(app.received)) > 20)
    device.stop()
    assert numbers(app.received) == list(range(len(numbers(app.received))))
