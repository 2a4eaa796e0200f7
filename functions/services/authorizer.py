"""Whether a bearer token proves who is calling: an access token of our issuer and client, by RS256 alone, or a key.

What the bearer may do is read from the store each time; API Gateway keeps the answer for half a minute.
"""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, Protocol

import jwt
from jwt import PyJWK, PyJWTError

from functions.domain.access import Kind, Principal
from functions.domain.keys import day_of, looks_like_one, read
from functions.errors import UnauthorizedError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder
from functions.ports.people import Keys
from functions.services.whois import WhoIs

_ALGORITHM = "RS256"
_MAX_CHARS = 8192
SCOPE = "aws.cognito.signin.user.admin"
"""What Cognito gives whoever signs in himself; tokens that an app got in somebody's name for less have others."""
_NO_DIGEST = "0" * 64


class SigningKeys(Protocol):
    def key(self, kid: str) -> PyJWK | None: ...


class Authorizer:
    def __init__(
        self,
        signing_keys: SigningKeys,
        whois: WhoIs,
        keys: Keys,
        devices: DeviceFinder,
        *,
        issuer: str,
        client_ids: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._signing_keys = signing_keys
        self._whois = whois
        self._keys = keys
        self._devices = devices
        self._issuer = issuer
        self._client_ids = client_ids
        self._clock = clock

    def admit(self, token: str) -> Principal:
        """Raises UnauthorizedError, which says why in words for the log.

        KeysError and PrincipalsError say that nothing is known of the token now.
        """
        if len(token) > _MAX_CHARS:
            raise UnauthorizedError(f"expected a token of at most {_MAX_CHARS} characters, got {len(token)}")
        return self._by_key(token) if looks_like_one(token) else self._by_token(token)

    def _by_key(self, token: str) -> Principal:
        shown = read(token)
        if shown is None:
            raise UnauthorizedError("expected a key as it was shown, got another text that begins like one")
        key = self._keys.find(shown.id)
        # A key that does not exist is compared too, so that the time tells nothing.
        right = compare_digest(key.digest if key else _NO_DIGEST, shown.digest)
        if key is None or not right or key.kind is not shown.kind:
            raise UnauthorizedError(f"expected a key of this deployment, got another under the id {shown.id}")
        now = self._clock.now_ms()
        principal = self._whois.key(key, now).principal
        if key.kind is Kind.DEVICE:
            device = self._devices.find([key.thing]).get(key.thing)
            if device is None or device.decommissioned:
                raise UnauthorizedError(f"the device {key.thing} is not in service")
        if key.used_day != day_of(now):
            self._keys.used(key.id, day_of(now))
        return principal

    def _by_token(self, token: str) -> Principal:
        claims = self._claims(token)
        if claims["iss"] != self._issuer:
            raise UnauthorizedError(f"expected the issuer {self._issuer!r}, got {claims['iss']!r}")
        if claims["token_use"] != "access":  # noqa: S105 - a kind of token, no token
            raise UnauthorizedError(f"expected an access token, got one for {claims['token_use']!r}")
        if claims["client_id"] not in self._client_ids:
            raise UnauthorizedError(f"expected one of our clients, got {claims['client_id']!r}")
        self._check_time(claims)
        scopes = _text(claims, "scope").split()
        if SCOPE not in scopes:
            raise UnauthorizedError(f"expected the scope {SCOPE!r}, got {scopes!r}")
        sub = _text(claims, "sub")
        return self._whois.user(sub, _text(claims, "username") if "username" in claims else sub).principal

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            # The header only chooses the key; the algorithm is ours to say, or a public key could serve as a secret.
            if header.get("alg") != _ALGORITHM or not isinstance(header.get("kid"), str):
                raise UnauthorizedError(f"expected {_ALGORITHM} and a key id, got {header.get('alg')!r}")
            key = self._signing_keys.key(header["kid"])
            if key is None:
                raise UnauthorizedError("expected a key of the issuer, got an unknown key id")
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                # Time and the claims that Cognito names its own way are checked by the caller.
                options={
                    "require": ["exp", "iss", "sub", "token_use", "client_id", "scope"],
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except PyJWTError as exc:
            raise UnauthorizedError(f"expected a signed token: {exc}") from exc

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now_ms() / 1000
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if type(expires) is not int or now >= expires:
            raise UnauthorizedError(f"expected a token that has not expired, got exp {expires!r}")
        if type(begins) is not int or now < begins:
            raise UnauthorizedError(f"expected a token that is valid already, got nbf {begins!r}")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not value:
        raise UnauthorizedError(f"expected text as {name}")
    return value
