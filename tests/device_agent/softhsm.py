"""A PKCS#11 token for tests: Debian's SoftHSM with one EC key in it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests import debian
from tests.device_agent.pki import Authority

PIN = "5678"


@dataclass(frozen=True)
class Token:
    """The library, the token's and the key's labels, and the certificate of the key."""

    module: Path
    label: str
    key_label: str
    certificate: Path
    configuration: Path
    """What the environment variable SOFTHSM2_CONF must name."""


def make_token(directory: Path, authority: Authority, thing: str) -> Token:
    directory.mkdir()
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    key = ec.generate_private_key(ec.SECP256R1())
    key_file = authority.write_key(f"{thing}-for-token.key", key)
    token = Token(
        module=debian.tool("libsofthsm2.so"),
        label="field token",
        key_label=f"{thing} key",
        certificate=authority.certificate(thing, key, file=f"{thing}-in-token.pem"),
        configuration=configuration,
    )
    login = ("--module", str(token.module), "--pin", PIN)
    _softhsm(token, "--init-token", "--free", "--label", token.label, "--so-pin", "1234", *login)
    _softhsm(token, "--import", str(key_file), "--token", token.label, "--label", token.key_label, "--id", "01", *login)
    key_file.unlink()  # from now on it is in the token alone
    return token


def _softhsm(token: Token, *arguments: str) -> None:
    done = subprocess.run(
        [debian.tool("softhsm2-util"), *arguments],
        env={"SOFTHSM2_CONF": str(token.configuration)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
