"""Amazon Cognito's user pool API, as far as signing in needs it: JSON 1.1 over HTTPS, without AWS credentials."""

import json
from dataclasses import dataclass
from typing import Any

from cli.errors import BusyError, CliError, InputError, NotSignedInError, ServerFaultError
from cli.http import Http
from cli.problems import json_object

_TARGET = "AWSCognitoIdentityProviderService"
_SUCCESS = 200
_REFUSED = {"NotAuthorizedException", "UserNotFoundException"}
_THROTTLED = {"TooManyRequestsException", "LimitExceededException"}
_ASKS_FIRST = {
    "PasswordResetRequiredException": "This user's password was reset: set a new one with the reset code first.",
    "UserNotConfirmedException": "This user is not confirmed yet: ask an administrator of the deployment.",
}
_WRONG_CODE = {"CodeMismatchException", "EnableSoftwareTokenMFAException", "ExpiredCodeException"}
_PASSWORD_REFUSED = {"InvalidPasswordException", "PasswordHistoryPolicyViolationException"}


class PasswordRefusedError(CliError):
    """The new password does not satisfy the pool's policy; the message is Cognito's."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in or refresh gives. A refresh keeps the refresh token unless the pool rotates it."""

    access: str
    expires_in_s: int
    refresh: str | None


@dataclass(frozen=True, slots=True)
class NewPasswordRequired:
    """The password was right, but temporary; `session` is Cognito's handle for the answer."""

    session: str
    username: str


@dataclass(frozen=True, slots=True)
class CodeRequired:
    """The password was right, and the code of an authenticator app is asked for as well."""

    session: str
    username: str


Outcome = Grant | NewPasswordRequired | CodeRequired


class Cognito:
    """One app client of one user pool at one endpoint."""

    def __init__(self, http: Http, endpoint: str, client_id: str) -> None:
        self._http = http
        self._endpoint = endpoint
        self._client_id = client_id

    def sign_in(self, username: str, password: str) -> Outcome:
        """Raises NotSignedInError for a wrong name or password, without telling which."""
        answer = self._call(
            "InitiateAuth",
            {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": username, "PASSWORD": password}},
        )
        return _outcome(answer, username)

    def set_password(self, required: NewPasswordRequired, password: str) -> Outcome:
        """Raises PasswordRefusedError where another password may be tried with the same session."""
        return self._answer("NEW_PASSWORD_REQUIRED", required.session, required.username, {"NEW_PASSWORD": password})

    def send_code(self, required: CodeRequired, code: str) -> Outcome:
        """Raises InputError for a wrong code."""
        answers = {"SOFTWARE_TOKEN_MFA_CODE": code}
        return self._answer("SOFTWARE_TOKEN_MFA", required.session, required.username, answers)

    def associate(self, access_token: str) -> str:
        """A new secret for an authenticator app, to be proved by `verify`."""
        return _text(self._as_user("AssociateSoftwareToken", {"AccessToken": access_token}), "SecretCode")

    def verify(self, access_token: str, code: str) -> None:
        """Raises InputError for a wrong code."""
        answer = self._as_user(
            "VerifySoftwareToken",
            {"AccessToken": access_token, "UserCode": code, "FriendlyDeviceName": "authenticator app"},
        )
        if answer.get("Status") != "SUCCESS":
            raise InputError("Code: expected the one that the app shows now; got another.")

    def prefer_code(self, access_token: str, *, wanted: bool) -> None:
        settings = {"Enabled": wanted, "PreferredMfa": wanted}
        self._as_user("SetUserMFAPreference", {"AccessToken": access_token, "SoftwareTokenMfaSettings": settings})

    def refresh(self, token: str) -> Grant:
        """Raises NotSignedInError where the refresh token is no longer good."""
        return _grant(
            self._call("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": token}})
        )

    def revoke(self, token: str) -> None:
        """Ends a refresh token and every access token made from it; harmless to repeat."""
        self._call("RevokeToken", {"Token": token})

    def revoke_all(self, access_token: str) -> None:
        """Ends every refresh token of whom it is of. Raises NotSignedInError where it is no longer good."""
        self._as_user("GlobalSignOut", {"AccessToken": access_token})

    def _answer(self, challenge: str, session: str, username: str, answers: dict[str, str]) -> Outcome:
        request = {
            "ChallengeName": challenge,
            "Session": session,
            "ChallengeResponses": {"USERNAME": username, **answers},
        }
        return _outcome(self._call("RespondToAuthChallenge", request), username)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._as_user(operation, {"ClientId": self._client_id, **request})

    def _as_user(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """What an access token alone allows names no client."""
        body = json.dumps(request).encode()
        answer = self._http.post(
            self._endpoint,
            body,
            {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{_TARGET}.{operation}"},
        )
        # What has nothing to say may say it with no body at all.
        decoded = json_object(answer.body) if answer.body else {}
        if answer.status == _SUCCESS and decoded is not None:
            return decoded
        raise _error(answer.status, decoded or {})


def _error(status: int, answer: dict[str, Any]) -> CliError:
    kind = str(answer.get("__type", "")).rpartition("#")[2].partition(":")[0]
    said = str(answer.get("message") or answer.get("Message") or "").strip()
    if (again := _another_would_do(kind, said)) is not None:
        return again
    if kind in _REFUSED:
        return NotSignedInError(f"Sign-in refused: {said or 'wrong name or password.'}")
    if kind in _ASKS_FIRST:
        return NotSignedInError(_ASKS_FIRST[kind])
    if kind in _THROTTLED:
        return BusyError(f"Sign-in is throttled: {said or 'try again in a moment.'}")
    if kind:
        return CliError(f"Sign-in failed with {kind}: {said or 'no reason was given.'}")
    return ServerFaultError(
        f"The sign-in service answered with status {status} and nothing that Amazon Cognito would say."
    )


def _another_would_do(kind: str, said: str) -> CliError | None:
    if kind in _PASSWORD_REFUSED:
        return PasswordRefusedError(said or "The pool refuses this password.")
    if kind in _WRONG_CODE:
        return InputError("Code: expected the one that the app shows now; got another, or one that was used already.")
    return None


def _outcome(answer: dict[str, Any], username: str) -> Outcome:
    kinds: dict[str, type[NewPasswordRequired | CodeRequired]] = {
        "NEW_PASSWORD_REQUIRED": NewPasswordRequired,
        "SOFTWARE_TOKEN_MFA": CodeRequired,
    }
    kind = kinds.get(str(answer.get("ChallengeName")))
    if kind is None:
        return _grant(answer)
    parameters = answer.get("ChallengeParameters")
    known = parameters.get("USER_ID_FOR_SRP") if isinstance(parameters, dict) else None
    return kind(_text(answer, "Session"), str(known or username))


def _grant(answer: dict[str, Any]) -> Grant:
    if challenge := answer.get("ChallengeName"):
        raise CliError(f"This user's sign-in asks for {challenge}, which this command cannot answer.")
    result = answer.get("AuthenticationResult")
    if not isinstance(result, dict):
        raise ServerFaultError("The sign-in service accepted the request but sent no tokens.")
    expires = result.get("ExpiresIn")
    if not isinstance(expires, int) or isinstance(expires, bool):
        raise ServerFaultError(f"The sign-in service sent tokens whose ExpiresIn is no number: {expires!r}.")
    refresh = result.get("RefreshToken")
    return Grant(_text(result, "AccessToken"), expires, refresh if isinstance(refresh, str) else None)


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise ServerFaultError(f"The sign-in service sent an answer without {key}.")
    return value
