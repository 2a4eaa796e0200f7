"""A key in a token: named by an URI, used for the handshake, never read."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import ConnectError, CredentialError
from device_agent.transport.making import make_transport, unusable
from device_agent.transport.pkcs11 import Pkcs11Key, parse, read_pin
from tests.device_agent.softhsm import PIN, make_token

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def test_an_uri_names_module_token_key_and_pin():
    key = parse(
        f"pkcs11:token=field%20token;object=pump-7;slot-id=3;type=private?module-path={MODULE}&pin-source=/etc/pin"
    )

    assert key == Pkcs11Key(Path(MODULE), "field token", "pump-7", 3, Path("/etc/pin"))


@pytest.mark.parametrize("source", ["/etc/pin", "file:/etc/pin", "file:///etc/pin"])
def test_the_pin_s_file_is_a_path_or_an_uri(source):
    assert parse(f"pkcs11:token=t?module-path={MODULE}&pin-source={source}").pin_source == Path("/etc/pin")


@pytest.mark.parametrize(
    ("uri", "got"),
    [
        (f"pkcs11:token=t;serial=4?module-path={MODULE}", "'serial'"),
        (f"pkcs11:token=t?module-path={MODULE}&pin-valeu=5678", "'pin-valeu'"),
        ("pkcs11:token=t", "none"),
        (f"pkcs11:?module-path={MODULE}", "none of them"),
        (f"pkcs11:token=t?module-path={MODULE}&pin-value=5678&pin-source=/etc/pin", "both"),
        (f"pkcs11:token=t;type=cert?module-path={MODULE}", "type=cert"),
        (f"pkcs11:token=t;slot-id=first?module-path={MODULE}", "'first'"),
        (f"pkcs11:token=t;token=u?module-path={MODULE}", "several"),
        (f"pkcs11:token=?module-path={MODULE}", "none"),
        (f"pkcs11:token=t?module-path={MODULE}&pin-source=|cat%20/etc/pin", "a command"),
    ],
)
def test_what_cannot_be_used_says_what_was_expected(uri, got):
    with pytest.raises(CredentialError, match="pkcs11:token=") as raised:
        parse(uri)
    assert raised.value.got == got
    assert "5678" not in str(raised.value)


_TEXT = st.text(min_size=1, max_size=20)


@given(_TEXT, _TEXT, st.integers(0, 2**31), _TEXT)
def test_what_an_uri_says_in_percent_encoding_is_what_is_understood(token, label, slot, pin):
    uri = (
        f"pkcs11:token={quote(token, safe='')};object={quote(label, safe='')};slot-id={slot}"
        f"?module-path=/m.so&pin-value={quote(pin, safe='')}"
    )
    assert parse(uri) == Pkcs11Key(Path("/m.so"), token, label, slot, pin_value=pin)


@given(st.text(max_size=60))
def test_any_other_text_is_an_error_that_says_so(text):
    try:
        parse("pkcs11:" + text)
    except CredentialError as error:
        assert error.expected.startswith("pkcs11:")  # noqa: PT017


def test_the_pin_is_not_shown():
    key = parse(f"pkcs11:token=t?module-path={MODULE}&pin-value=5678")

    assert "5678" not in f"{key} {key!r}"
    assert str(key) == "pkcs11:token=t"


@pytest.mark.parametrize("content", ["5678", "5678\n", "5678\nwhat follows is no PIN"])
def test_the_pin_is_the_first_line_of_its_file(tmp_path, content):
    (tmp_path / "pin").write_text(content)

    assert read_pin(Pkcs11Key(Path(MODULE), "t", pin_source=tmp_path / "pin")) == "5678"


def test_without_a_pin_the_token_asks_for_it_by_itself():
    assert read_pin(Pkcs11Key(Path(MODULE), "t")) is None


@pytest.fixture(scope="module")
def token(tmp_path_factory, credentials):
    with pytest.MonkeyPatch.context() as patch:
        made = make_token(tmp_path_factory.mktemp("softhsm") / "hsm", credentials.authority, "pump-9")
        # The library is initialised once for the process, by the first connection that needs it.
        patch.setenv("SOFTHSM2_CONF", str(made.configuration))
        yield made


@pytest.fixture
def token_options(token, options, tmp_path):
    (tmp_path / "pin").write_text(PIN)
    uri = (
        f"pkcs11:token={quote(token.label)};object={quote(token.key_label)};type=private"
        f"?module-path={token.module}&pin-source={tmp_path / 'pin'}"
    )
    return replace(options, client_id="pump-9", certificate=token.certificate, private_key=parse(uri))


async def test_a_key_in_a_token_opens_the_connection(tls_broker, token_options):
    made = make_transport("crt", token_options)
    async with tls_broker() as broker:
        for n in range(3):
            await made.connect(broker.endpoint)
            await made.publish("dt/pump-9/telemetry", b"%d" % n)
            await made.disconnect()

        assert [message.payload for message in broker.received] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": "no such key"},
        {"token": "no such token"},
        {"pin_source": None, "pin_value": "0000"},
        {"pin_source": Path("/nonexistent/pin")},
        {"module": Path("/nonexistent/module.so")},
    ],
)
async def test_a_token_that_does_not_give_the_key_is_a_connect_error(tls_broker, token_options, wrong):
    key = replace(token_options.private_key, **wrong)
    async with tls_broker() as broker:
        with pytest.raises(ConnectError, match="cannot start the client") as raised:
            await make_transport("crt", replace(token_options, private_key=key)).connect(broker.endpoint)
        assert "0000" not in str(raised.value)
        assert broker.connects == []


def test_paho_cannot_use_a_token(token_options):
    with pytest.raises(ValueError, match="expected the path of a key file for paho, got pkcs11:token=field token"):
        make_transport("paho", token_options)
    [(key, expected, _)] = unusable("paho", token_options.private_key)
    assert key == "private_key"
    assert "only transport 'crt' can use a token" in expected
    assert list(unusable("crt", token_options.private_key)) == []
