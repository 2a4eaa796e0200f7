"""The users' directory: a Cognito user pool in which a person's user name is his `sub`, and who signs in by e-mail."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.domain.cursors import seal, unseal
from functions.domain.people import PeoplePage, Person, UserStatus
from functions.errors import ConflictError, CursorError, NotFoundError, PrincipalsError, RateLimitError, RequestError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

MAX_PAGE: Final = 60
"""What Cognito gives at once."""
RETRY_AFTER_S: Final = 2
_BUSY = frozenset({"TooManyRequestsException", "LimitExceededException"})
_TAKEN = frozenset({"UsernameExistsException", "AliasExistsException"})
_NOT_NOW = frozenset({"NotAuthorizedException", "UnsupportedUserStateException", "InvalidParameterException"})
_STATUSES = {
    "CONFIRMED": UserStatus.ACTIVE,
    "EXTERNAL_PROVIDER": UserStatus.ACTIVE,
    "FORCE_CHANGE_PASSWORD": UserStatus.INVITED,
    "RESET_REQUIRED": UserStatus.RESET,
}


class CognitoDirectory:
    def __init__(self, client: "CognitoIdentityProviderClient", pool: str) -> None:
        self._client = client
        self._pool = pool

    def invite(self, email: str) -> Person:
        def taken() -> Exception:
            return ConflictError(f"somebody is known as {email} already: what he may do is set by his grants")

        known = {**dict.fromkeys(_TAKEN, taken), "InvalidParameterException": _invalid_email}
        with _translated("inviting a user", known):
            answer = self._client.admin_create_user(
                UserPoolId=self._pool,
                Username=email,
                UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
                DesiredDeliveryMediums=["EMAIL"],
            )
        return _person(dict(answer["User"]))

    def invite_again(self, email: str) -> None:
        with _translated("inviting a user again", dict.fromkeys(_NOT_NOW, _not_invited)):
            self._client.admin_create_user(
                UserPoolId=self._pool, Username=email, MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"]
            )

    def find(self, sub: str) -> Person | None:
        try:
            with _translated("reading a user"):
                answer: Any = self._client.admin_get_user(UserPoolId=self._pool, Username=sub)
        except NotFoundError:
            return None
        person = _person({**answer, "Attributes": answer["UserAttributes"]}, factors=answer.get("UserMFASettingList"))
        # Cognito takes an e-mail address for a name, too; here a person has one name.
        return person if person.id == sub else None

    def page(self, beginning: str, limit: int, cursor: str | None) -> PeoplePage:
        question = ("people", beginning)
        request: dict[str, Any] = {"UserPoolId": self._pool, "Limit": min(limit, MAX_PAGE)}
        if beginning:
            # Quoted for certain: parse_email_beginning lets no quote or backslash through.
            request["Filter"] = f'email ^= "{beginning}"'
        if cursor is not None:
            (token,) = unseal(cursor, question, (str,))
            request["PaginationToken"] = str(token)
        stale: Errors = {"InvalidParameterException": lambda: CursorError(cursor or "")} if cursor else {}
        with _translated("listing users", stale):
            answer = self._client.list_users(**request)
        more = answer.get("PaginationToken")
        people = tuple(_person(dict(user)) for user in answer["Users"])
        return PeoplePage(people, seal(question, (more,)) if more else None)

    def enable(self, sub: str) -> None:
        with _translated("enabling a user"):
            self._client.admin_enable_user(UserPoolId=self._pool, Username=sub)

    def disable(self, sub: str) -> None:
        with _translated("disabling a user"):
            self._client.admin_disable_user(UserPoolId=self._pool, Username=sub)

    def delete(self, sub: str) -> None:
        with _translated("deleting a user"):
            self._client.admin_delete_user(UserPoolId=self._pool, Username=sub)

    def reset(self, sub: str) -> None:
        with _translated("resetting a password", dict.fromkeys(_NOT_NOW, _no_reset)):
            self._client.admin_reset_user_password(UserPoolId=self._pool, Username=sub)


Errors = Mapping[str, Callable[[], Exception]]


def _not_invited() -> Exception:
    return ConflictError("he has signed in already: reset his password instead")


def _no_reset() -> Exception:
    return ConflictError("his password cannot be reset as things stand: he is disabled, or has no verified address")


def _invalid_email() -> Exception:
    return RequestError("email", "an address that Cognito accepts", "another")


@contextmanager
def _translated(doing: str, known: Errors = MappingProxyType({})) -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        code = error_code(exc)
        if code in known:
            error = known[code]()
            raise error from exc
        if code == "UserNotFoundException":
            raise NotFoundError("there is no such user") from exc
        if code in _BUSY:
            raise RateLimitError("the users' directory is busy", RETRY_AFTER_S) from exc
        raise PrincipalsError(f"{doing}: {exc}") from exc
    except BotoCoreError as exc:
        raise PrincipalsError(f"{doing}: {exc}") from exc


def _person(user: dict[str, Any], factors: list[str] | None = None) -> Person:
    attributes = {one["Name"]: one.get("Value", "") for one in user["Attributes"]}
    return Person(
        id=attributes["sub"],
        email=attributes.get("email", ""),
        enabled=bool(user["Enabled"]),
        status=_STATUSES.get(str(user["UserStatus"]), UserStatus.OTHER),
        created_at=_ms(user["UserCreateDate"]),
        updated_at=_ms(user["UserLastModifiedDate"]),
        second_factor=None if "UserAttributes" not in user else bool(factors),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
