"""How a request is signed in: a user of InfluxDB 1.x, or a token of 2.x."""

from dataclasses import dataclass, field
from typing import Protocol

import urllib3


class Token(Protocol):
    """The token of an InfluxDB 2.x."""

    def __call__(self, refused: str | None = None) -> str:
        """The token, or another than the one `refused` if there is one by now. Raises StoreError."""
        ...


@dataclass(frozen=True)
class BasicAuth:
    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        return urllib3.util.make_headers(basic_auth=f"{self.user}:{self.password}")["authorization"]

    def other_header(self, refused: str) -> str:
        return refused


@dataclass(frozen=True)
class TokenAuth:
    token: Token

    def header(self) -> str:
        return f"Token {self.token()}"

    def other_header(self, refused: str) -> str:
        """Another header than the one refused, if there is one by now; raises StoreError, as `header` does."""
        return f"Token {self.token(refused=refused.removeprefix('Token '))}"


Authorization = BasicAuth | TokenAuth
