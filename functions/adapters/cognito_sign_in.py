"""Signing in at Cognito's public API: JSON 1.1 over HTTPS, without AWS credentials or their library."""

from typing import Any, Final

import msgspec

from functions.domain.sign_in import PASSWORD, Challenge, Step, Tokens
from functions.errors import PrincipalsError, RateLimitError, RequestError, UnauthorizedError

RETRY_AFTER_S: Final = 2
_TIMEOUT_S: Final = 8
_MAX_BYTES: Final = 100_000
_TARGET: Final = "AWSCognitoIdentityProviderService"
_BUSY = frozenset({"TooManyRequestsException", "LimitExceededException", "TooManyFailedAttemptsException"})
_WEAK = frozenset({"InvalidPasswordException", "PasswordHistoryPolicyViolationException"})
_REFUSED = frozenset(
    {
        "CodeMismatchException",
        "ExpiredCodeException",
        "InvalidParameterException",
        "NotAuthorizedException",
        "PasswordResetRequiredException",
        "RefreshTokenReuseException",
        "UserNotConfirmedException",
        "UserNotFoundException",
    }
)
"""Whatever of these it was, the caller hears the same: else it would tell who has an account here."""
_ANSWERS = {Step.NEW_PASSWORD: "NEW_PASSWORD", Step.CODE: "SOFTWARE_TOKEN_MFA_CODE"}


class _RefusedError(Exception):
    """What Cognito said; only this module sees which."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class CognitoSignIns:
    """One app client of one user pool, at the endpoint of its region."""

    def __init__(self, endpoint: str, client_id: str) -> None:
        self._endpoint = endpoint
        self._client_id = client_id

    def log_in(self, user: str, password: str) -> Tokens | Challenge:
        parameters = {"USERNAME": user, "PASSWORD": password}
        try:
            answer = self._ask("InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters})
        except _RefusedError as exc:
            raise UnauthorizedError(f"Cognito says {exc.kind}") from exc
        return _outcome(answer, user)

    def answer(self, challenge: Challenge, answer: str) -> Tokens | Challenge:
        request = {
            "ChallengeName": challenge.step.value,
            "Session": challenge.session,
            "ChallengeResponses": {"USERNAME": challenge.user, _ANSWERS[challenge.step]: answer},
        }
        try:
            return _outcome(self._ask("RespondToAuthChallenge", request), challenge.user)
        except _RefusedError as exc:
            if exc.kind in _WEAK:
                raise RequestError("new_password", PASSWORD + ", and none used before", "another") from exc
            raise UnauthorizedError(f"Cognito says {exc.kind}") from exc

    def refresh(self, token: str) -> Tokens:
        # Not InitiateAuth, which a pool that rotates refresh tokens refuses.
        try:
            answer = self._ask("GetTokensFromRefreshToken", {"RefreshToken": token})
        except _RefusedError as exc:
            raise UnauthorizedError(f"Cognito says {exc.kind}") from exc
        return _tokens(answer)

    def revoke(self, token: str) -> None:
        try:
            self._ask("RevokeToken", {"Token": token})
        except _RefusedError:
            # What Cognito does not know as a token is worth nothing to anybody.
            return

    def revoke_all(self, access: str) -> None:
        try:
            self._send("GlobalSignOut", {"AccessToken": access})  # which names no client
        except _RefusedError as exc:
            raise UnauthorizedError(f"Cognito says {exc.kind}") from exc

    def forget_password(self, user: str) -> None:
        try:
            self._ask("ForgotPassword", {"Username": user})
        except (_RefusedError, RateLimitError):
            # Also too many codes for one address: that it is too many would tell that there is somebody.
            return

    def set_password(self, user: str, code: str, password: str) -> None:
        request = {"Username": user, "ConfirmationCode": code, "Password": password}
        try:
            self._ask("ConfirmForgotPassword", request)
        except _RefusedError as exc:
            if exc.kind in _WEAK:
                raise RequestError("new_password", PASSWORD + ", and none used before", "another") from exc
            raise RequestError("code", "the newest code that this user was sent", "another") from exc

    def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._send(operation, {"ClientId": self._client_id, **request})

    def _send(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        body = msgspec.json.encode(request)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_TARGET}.{operation}"}
        asked = Request(self._endpoint, body, headers, method="POST")  # noqa: S310 - from the settings
        try:
            with urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - from the settings
                return _decoded(operation, answer.read(_MAX_BYTES))
        except HTTPError as exc:
            with exc:
                raise _error(operation, exc.code, exc.read(_MAX_BYTES)) from exc
        except (URLError, OSError) as exc:
            raise PrincipalsError(f"{operation}: {exc}") from exc


def _error(operation: str, status: int, body: bytes) -> Exception:
    said = str(_decoded(operation, body).get("__type", ""))
    kind = said.rpartition("#")[2].partition(":")[0]
    if kind in _BUSY:
        return RateLimitError("too many attempts to sign in", RETRY_AFTER_S)
    if kind in _REFUSED | _WEAK:
        return _RefusedError(kind)
    return PrincipalsError(f"{operation}: Cognito answered {status} {kind}")


def _decoded(operation: str, body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body else {}
    except msgspec.DecodeError as exc:
        raise PrincipalsError(f"{operation}: Cognito's answer is no JSON object") from exc


def _outcome(answer: dict[str, Any], user: str) -> Tokens | Challenge:
    step = answer.get("ChallengeName")
    if step is None:
        return _tokens(answer)
    if step not in list(Step):
        raise PrincipalsError(f"Cognito asks for {step!r}, which this deployment does not use")
    known = (answer.get("ChallengeParameters") or {}).get("USER_ID_FOR_SRP")
    return Challenge(Step(step), str(answer["Session"]), str(known or user))


def _tokens(answer: dict[str, Any]) -> Tokens:
    result = answer.get("AuthenticationResult") or {}
    try:
        return msgspec.convert(
            {
                "access": result["AccessToken"],
                "expires_in_s": result["ExpiresIn"],
                "refresh": result.get("RefreshToken"),
            },
            Tokens,
        )
    except (KeyError, msgspec.ValidationError) as exc:
        raise PrincipalsError("Cognito accepted the sign-in but sent no tokens") from exc
