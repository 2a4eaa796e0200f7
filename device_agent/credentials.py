"""Whether CA, certificate and key are usable and belong together: better known at the start than at each connection."""

import ssl
from pathlib import Path

from device_agent.config import AgentConfig
from device_agent.errors import ConfigError, Problem


def verify(file: Path, config: AgentConfig) -> None:
    """Raises ConfigError, against the configuration `file`, for what is no PEM of its kind, and for a wrong key."""
    problems = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=config.ca)
    except (ssl.SSLError, OSError):
        problems.append(Problem(file, "ca", "a PEM file with a CA's certificate", str(config.ca)))
    try:
        # Without a password function OpenSSL would ask for one on the terminal.
        context.load_cert_chain(config.certificate, config.private_key, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            expected, got = f"the key of {config.certificate}", f"{config.private_key}, the key of another"
            problems.append(Problem(file, "private_key", expected, got))
        else:
            expected = "a certificate and its private key in PEM, the key without a password"
            problems.append(Problem(file, "certificate, private_key", expected, f"{config.certificate}: {error}"))
    if problems:
        raise ConfigError(tuple(problems))
