"""How webhooks are signed: https://www.standardwebhooks.com, symmetric signatures (v1).

A recipient's secret is derived from one secret of the deployment, so that none of them is kept anywhere: by the
recipient's id, when he was made (another one may have had the id before) and the generation of the secret.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from functions.domain.recipients import Recipient

PREFIX: Final = "whsec_"

_LABEL: Final = b"fieldline webhook v1"


def secret_of(master: bytes, recipient: Recipient, generation: int) -> bytes:
    """32 bytes that tell nothing of `master` or of any other secret."""
    parts = (_LABEL, recipient.id.encode(), str(recipient.created_at).encode(), str(generation).encode())
    return hmac.digest(master, b"\0".join(parts), "sha256")


def spelled(secret: bytes) -> str:
    """As whoever receives webhooks is given it."""
    return f"{PREFIX}{b64encode(secret).decode()}"


def headers(secrets: Iterable[bytes], message: str, at_s: int, body: bytes) -> dict[str, str]:
    """`message` is the same at each attempt, `at_s` the time of this one in seconds.

    A receiver that knows any one of the secrets finds a signature of it.
    """
    signed = f"{message}.{at_s}.".encode() + body
    signatures = [f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets]
    return {"webhook-id": message, "webhook-timestamp": str(at_s), "webhook-signature": " ".join(signatures)}
