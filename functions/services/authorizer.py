"""Whether a bearer token proves who is calling: a Cognito access token of our issuer and client, by RS256 alone."""

from collections.abc import Mapping
from typing import Any, Protocol

import jwt
from jwt import PyJWK, PyJWTError

from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.errors import UnauthorizedError
from functions.ports import Clock

_ALGORITHM = "RS256"
_MAX_CHARS = 8192


class Keys(Protocol):
    def key(self, kid: str) -> PyJWK | None: ...


class Authorizer:
    def __init__(self, keys: Keys, *, issuer: str, client_ids: tuple[str, ...], clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_ids = client_ids
        self._clock = clock

    def admit(self, token: str) -> Principal:
        """Raises UnauthorizedError, which says why in words for the log, and KeysError when keys cannot be had."""
        claims = self._claims(token)
        if claims["iss"] != self._issuer:
            raise UnauthorizedError(f"expected the issuer {self._issuer!r}, got {claims['iss']!r}")
        if claims["token_use"] != "access":  # noqa: S105 - a kind of token, no token
            raise UnauthorizedError(f"expected an access token, got one for {claims['token_use']!r}")
        if claims["client_id"] not in self._client_ids:
            raise UnauthorizedError(f"expected one of our clients, got {claims['client_id']!r}")
        self._check_time(claims)
        groups = claims.get("cognito:groups", [])
        if not isinstance(groups, list):
            raise UnauthorizedError("expected groups as a list")
        return Principal(
            id=f"user:{_text(claims, 'sub')}",
            kind=Kind.USER,
            name=_text(claims, "username") if "username" in claims else _text(claims, "sub"),
            grants=tuple(Grant(role, EVERYTHING) for role in Role if role in groups and role != Role.DEVICE),
        )

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _MAX_CHARS:
            raise UnauthorizedError(f"expected a token of at most {_MAX_CHARS} characters, got {len(token)}")
        try:
            header = jwt.get_unverified_header(token)
            # The header only chooses the key; the algorithm is ours to say, or a public key could serve as a secret.
            if header.get("alg") != _ALGORITHM or not isinstance(header.get("kid"), str):
                raise UnauthorizedError(f"expected {_ALGORITHM} and a key id, got {header.get('alg')!r}")
            key = self._keys.key(header["kid"])
            if key is None:
                raise UnauthorizedError("expected a key of the issuer, got an unknown key id")
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                # Time and the claims that Cognito names its own way are checked by the caller.
                options={
                    "require": ["exp", "iss", "sub", "token_use", "client_id"],
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
