"""Tokens and credentials in AWS Secrets Manager. Nothing of what they hold gets into an error or a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 - its name

from functions.adapters.aws import error_code, wrapped
from functions.domain.store_setup import Credentials
from functions.errors import StoreAdminError, StoreError, StoreUnreachableError
from functions.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

REREAD_MS = 60_000
"""How long a token that the store refused is not asked for again: it costs one request in this time, no more."""
RETRY_MS = 5_000
"""How long Secrets Manager is left alone when it did not answer."""
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})


class SecretToken:
    """The token of a telemetry store: read once in an execution environment, and again once the store refuses it."""

    def __init__(self, client: "SecretsManagerClient", secret: str, *, clock: Clock) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._lock = Lock()
        self._token: str | None = None
        self._asked_at: int | None = None
        self._problem = ""

    def __call__(self, refused: str | None = None) -> str:
        """The token, or another than the one `refused` if there is one by now; the same means: do not try again.

        Raises StoreError when there is none.
        """
        with self._lock:
            if (self._token is None or self._token == refused) and self._due():
                first = self._token is None
                self._asked_at = self._clock.now_ms()
                try:
                    self._token, self._problem = self._read(), ""
                    # A token refused soon after the first reading may be one that was replaced meanwhile.
                    self._asked_at = None if first else self._asked_at
                except StoreError as exc:
                    # What was read before may be right still: the store decides that.
                    self._problem = str(exc)
            if self._token is None:
                raise StoreError(self._problem)
            return self._token

    def _due(self) -> bool:
        if self._asked_at is None:
            return True
        return self._clock.now_ms() - self._asked_at >= (RETRY_MS if self._problem else REREAD_MS)

    def _read(self) -> str:
        with wrapped(StoreError, f"reading the token of the telemetry store in {self._secret}"):
            text = self._client.get_secret_value(SecretId=self._secret).get("SecretString", "").strip()
        # It becomes a header, and a secret that was never set holds what its template generated.
        if not text or not text.isascii() or not text.isprintable():
            raise StoreError(f"the secret {self._secret} holds no token")
        return text


class StoredToken:
    """A secret that the set-up of the store reads and writes."""

    def __init__(self, client: "SecretsManagerClient", secret: str) -> None:
        self._client = client
        self._secret = secret

    def read(self) -> str | None:
        """None where there is no value yet; raises StoreAdminError."""
        with _set_up(f"reading the secret {self._secret}"):
            try:
                return self._client.get_secret_value(SecretId=self._secret).get("SecretString", "").strip() or None
            except ClientError as exc:
                if error_code(exc) == "ResourceNotFoundException":
                    return None
                raise

    def write(self, token: str) -> None:
        with _set_up(f"writing the secret {self._secret}"):
            self._client.put_secret_value(SecretId=self._secret, SecretString=token)


class StoredCredentials:
    """What the service generated for the instance: JSON with a user name and a password."""

    def __init__(self, client: "SecretsManagerClient", secret: str) -> None:
        self._client = client
        self._secret = secret

    def __call__(self) -> Credentials:
        """Raises StoreAdminError."""
        with _set_up(f"reading the secret {self._secret}"):
            text = self._client.get_secret_value(SecretId=self._secret).get("SecretString", "")
        try:
            return msgspec.json.decode(text, type=Credentials)
        except msgspec.DecodeError:
            # The cause would show what the secret holds.
            raise StoreAdminError(
                f"the secret {self._secret}: expected JSON with username and password, got something else"
            ) from None


@contextmanager
def _set_up(doing: str) -> Iterator[None]:
    """Raises StoreUnreachableError where trying again may help, else StoreAdminError, for what botocore raises."""
    try:
        yield
    except (ConnectionError, HTTPClientError) as exc:
        raise StoreUnreachableError(f"{doing}: {exc}") from exc
    except ClientError as exc:
        raise (StoreUnreachableError if _passes(exc) else StoreAdminError)(f"{doing}: {exc}") from exc
    except BotoCoreError as exc:
        raise StoreAdminError(f"{doing}: {exc}") from exc


def _passes(exc: ClientError) -> bool:
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST)
    failed = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return failed or error_code(exc) in _THROTTLED
