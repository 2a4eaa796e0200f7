"""Keys are where the configuration or systemd says, and nobody else may have them."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_agent import credentials as device_credentials
from device_agent import identity
from device_agent.credentials import check_private, private_key, resolve, verify
from device_agent.errors import ConfigError, CredentialError
from device_agent.transport.pkcs11 import Pkcs11Key

NOBODY = 65534


@dataclass(frozen=True)
class Config:
    ca: Path
    certificate: Path
    private_key: Path | Pkcs11Key


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "pump-7.key"
    path.write_text("key")
    path.chmod(0o600)
    return path


def test_a_path_is_relative_to_the_configuration():
    assert resolve("keys/a.key", Path("/etc/fieldline"), {}) == Path("/etc/fieldline/keys/a.key")
    assert resolve("/keys/a.key", Path("/etc/fieldline"), {}) == Path("/keys/a.key")


def test_a_credential_is_where_systemd_put_it():
    there = {"CREDENTIALS_DIRECTORY": "/run/credentials/fieldline-agent.service"}

    assert resolve("credential:key", Path("/etc"), there) == Path("/run/credentials/fieldline-agent.service/key")


@pytest.mark.parametrize("text", ["credential:", "credential:../key", "credential:a/b", "credential:.."])
def test_a_credential_s_name_leads_nowhere_else(text):
    with pytest.raises(CredentialError, match="credential:NAME"):
        resolve(text, Path("/etc"), {"CREDENTIALS_DIRECTORY": "/run/credentials"})


def test_without_credentials_from_systemd_it_says_what_the_service_lacks():
    with pytest.raises(CredentialError, match=r"LoadCredential=key:….*no \$CREDENTIALS_DIRECTORY"):
        resolve("credential:key", Path("/etc"), {})


def test_a_key_that_only_its_owner_may_use_is_fine(key):
    assert private_key(key.name, key.parent, {}) == key
    key.chmod(0o400)
    check_private(key, {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610])
def test_a_key_that_others_may_read_or_write_is_not(key, mode):
    key.chmod(mode)
    with pytest.raises(CredentialError, match=rf"mode 0600.*with mode {mode:04o}"):
        private_key(key.name, key.parent, {})


def test_a_key_of_another_user_is_not(key, monkeypatch):
    mine = os.stat_result([0o100600, 0, 0, 1, 4711, 0, 3, 0, 0, 0])
    monkeypatch.setattr(Path, "stat", lambda *_, **__: mine)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CredentialError, match=r"a file of user 1000 or root, got .* of user 4711"):
        check_private(key, {})

    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    check_private(key, {})


def test_what_systemd_guards_may_have_group_rights(key):
    key.chmod(0o440)
    check_private(key, {"CREDENTIALS_DIRECTORY": str(key.parent)})
    with pytest.raises(CredentialError):
        check_private(key, {"CREDENTIALS_DIRECTORY": str(key.parent.parent)})


def test_a_key_that_is_no_file_or_not_there_is_told(tmp_path):
    with pytest.raises(CredentialError, match=r"missing\.key: No such file"):
        private_key("missing.key", tmp_path, {})
    with pytest.raises(CredentialError, match=r"a file, got .*, which is none"):
        private_key(".", tmp_path, {})


def test_a_token_s_pin_is_guarded_as_a_key_is(key, tmp_path):
    (tmp_path / "module.so").touch()
    uri = "pkcs11:token=t?module-path=module.so&pin-source=credential:pin"
    guarded = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "pin").write_text("5678")

    made = private_key(uri, tmp_path, guarded)
    assert made == Pkcs11Key(tmp_path / "module.so", "t", pin_source=tmp_path / "credentials" / "pin")

    key.chmod(0o644)
    with pytest.raises(CredentialError, match="with mode 0644"):
        private_key(f"pkcs11:token=t?module-path=module.so&pin-source={key}", tmp_path, {})


def test_a_token_s_library_must_be_there(tmp_path):
    with pytest.raises(CredentialError, match="module-path that is the token's PKCS#11 library"):
        private_key("pkcs11:token=t?module-path=module.so", tmp_path, {})


def test_what_belongs_together_is_fine(credentials):
    verify(Path("agent.toml"), Config(credentials.ca, credentials.certificate, credentials.private_key))
    token = Pkcs11Key(Path("/m.so"), "t")
    verify(Path("agent.toml"), Config(credentials.ca, credentials.certificate, token))


def test_all_that_is_wrong_is_told_together(credentials, tmp_path):
    other = identity.create("pump-8", tmp_path).private_key
    config = Config(credentials.private_key, credentials.certificate, other)
    with pytest.raises(ConfigError) as raised:
        verify(Path("agent.toml"), config)
    assert [problem.key for problem in raised.value.problems] == ["ca", "private_key"]
    assert "the key of another" in raised.value.problems[1].got


def test_certificates_without_read_permission_are_told_as_such(credentials, unprivileged):
    config = Config(unprivileged / "ca.pem", unprivileged / "pump-7.pem", credentials.private_key)
    for path in (config.ca, config.certificate):
        path.touch(mode=0)
    with pytest.raises(ConfigError) as raised:
        verify(Path("agent.toml"), config)
    assert {problem.key: problem.got for problem in raised.value.problems} == {
        "ca": f"{config.ca}: Permission denied",
        "certificate": f"{config.certificate}: Permission denied",
    }


@pytest.fixture
def unprivileged():
    """A folder of a user to whom permissions matter; the test runs as that user, also where root started it."""
    with tempfile.TemporaryDirectory() as folder:
        if was_root := os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield Path(folder)
        if was_root:
            os.seteuid(0)


def test_with_a_token_the_certificate_is_looked_at_all_the_same(credentials):
    with pytest.raises(ConfigError) as raised:
        verify(Path("agent.toml"), Config(credentials.ca, credentials.private_key, Pkcs11Key(Path("/m.so"), "t")))
    assert [problem.key for problem in raised.value.problems] == ["certificate"]


def test_a_key_with_a_password_does_not_make_the_terminal_ask(credentials, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    locked = tmp_path / "locked.key"
    encryption = serialization.BestAvailableEncryption(b"secret")
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(encoding, form, encryption))
    with pytest.raises(ConfigError, match="the key without a password"):
        verify(Path("agent.toml"), Config(credentials.ca, credentials.certificate, locked))


def test_the_environment_is_that_of_the_process_unless_given(monkeypatch, tmp_path):
    monkeypatch.setenv(device_credentials.DIRECTORY, str(tmp_path))
    assert resolve("credential:key", Path("/etc")) == tmp_path / "key"
