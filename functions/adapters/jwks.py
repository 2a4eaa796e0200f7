"""The public keys that an issuer signs with, kept until an unknown one is asked for."""

from collections.abc import Callable
from typing import Any

from jwt import PyJWK, PyJWTError

from functions.errors import KeysError
from functions.ports.clock import Clock

REFETCH_MS = 30_000
"""Unknown key ids are anybody's to invent: they cause one request in this time, no more."""
RETRY_MS = 5_000
"""How long an issuer that did not answer is left alone: each attempt may take all of its timeout."""
MAX_AGE_MS = 6 * 3_600_000
"""A key that the issuer has withdrawn is forgotten by then."""
_TIMEOUT_S = 3
_MAX_BYTES = 100_000


class SigningKeys:
    def __init__(self, fetch: Callable[[], dict[str, Any]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._asked_at: int | None = None
        self._fetched_at: int | None = None

    def key(self, kid: str) -> PyJWK | None:
        """None for a key that the issuer does not have; raises KeysError when it cannot be asked."""
        now = self._clock.now_ms()
        if self._due(kid, now):
            self._asked_at = now
            try:
                self._keys = _keys(self._fetch())
                self._fetched_at = now
            except KeysError:
                # An issuer that is down for a moment does not make a known key wrong.
                if kid not in self._keys:
                    raise
        if kid not in self._keys and self._asked_at != self._fetched_at:
            raise KeysError(f"the signing keys could not be had {now - (self._asked_at or 0)} ms ago")
        return self._keys.get(kid)

    def _due(self, kid: str, now: int) -> bool:
        if self._asked_at is not None and self._asked_at != self._fetched_at:
            return now - self._asked_at >= RETRY_MS
        return self._fetched_at is None or now - self._fetched_at >= (MAX_AGE_MS if kid in self._keys else REFETCH_MS)


def fetched(url: str) -> dict[str, Any]:
    """The key set at `url`; raises KeysError."""
    from urllib.error import URLError
    from urllib.request import urlopen

    import msgspec

    try:
        with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - from the settings
            return msgspec.json.decode(answer.read(_MAX_BYTES), type=dict[str, Any])
    except (URLError, OSError, msgspec.DecodeError) as exc:
        raise KeysError(f"fetching the signing keys from {url}: {exc}") from exc


def _keys(document: dict[str, Any]) -> dict[str, PyJWK]:
    """RSA keys for signatures; others are not ours to use."""
    keys: dict[str, PyJWK] = {}
    for entry in document.get("keys", []):
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and isinstance(entry.get("kid"), str):
            try:
                keys[entry["kid"]] = PyJWK.from_dict(entry, algorithm="RS256")
            except PyJWTError as exc:
                raise KeysError(f"the signing key {entry['kid']!r}: {exc}") from exc
    return keys
