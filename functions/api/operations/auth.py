"""Signing in and out. The refresh token lives in a cookie that no script can read, and goes nowhere but here."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.answer import JSON, Answer, answer, answers, nothing
from functions.api.request import Request
from functions.domain.sign_in import Challenge, Step, Tokens
from functions.errors import ForbiddenError, MediaTypeError, RequestError
from functions.services.sign_in import SignInDesk

COOKIE: Final = "fieldline_refresh"
COOKIE_DAYS: Final = 30
"""As long as the pool's refresh tokens are good; the browser forgets them then, too."""
_MAX_COOKIE_CHARS: Final = 4096
_MAX_BEARER_CHARS: Final = 8192
_OWN_PAGES: Final = frozenset({"same-origin", "none"})


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(min_length=1, max_length=254)
    password: str = Field(min_length=1, max_length=256)


class ChallengeAnswer(BaseModel):
    """`challenge`, `session` and `user` as they were asked, with `new_password` or `code`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    challenge: Literal["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"]
    session: str = Field(min_length=1, max_length=4096)
    user: str = Field(min_length=1, max_length=254)
    new_password: str | None = Field(default=None, max_length=256)
    code: str | None = Field(default=None, pattern=r"^[0-9]{6}$")


class LogOut(BaseModel):
    """`everywhere`: not this session alone, but every one of the same person."""

    model_config = ConfigDict(extra="forbid", strict=True)

    everywhere: bool = False


class Forgotten(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(min_length=1, max_length=254)


class NewPassword(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(min_length=1, max_length=254)
    code: str = Field(pattern=r"^[0-9A-Za-z]{4,16}$")
    new_password: str = Field(min_length=1, max_length=256)


class SignedIn(msgspec.Struct, frozen=True, tag_field="outcome", tag="signed-in"):
    """`expires_in` is in seconds. The refresh token is in the cookie."""

    access_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token


class Challenged(msgspec.Struct, frozen=True, tag_field="outcome", tag="challenge"):
    """The password was right; what `challenge` names is to be answered within a few minutes."""

    challenge: Step
    session: str
    user: str


class AuthOperations:
    """`secure` cookies go over HTTPS only; a laptop has none."""

    def __init__(self, request: Request, desk: SignInDesk, *, path: str, secure: bool) -> None:
        self._request = request
        self._desk = desk
        self._path = path
        self._secure = secure

    @answers(SignedIn | Challenged)
    def log_in(self, credentials: Annotated[Credentials, Body()]) -> Answer:
        """Sign in with a password. Who is wrong is not told in what."""
        self._from_our_page()
        return self._outcome(self._desk.log_in(credentials.user, credentials.password))

    @answers(SignedIn | Challenged)
    def answer_challenge(self, given: Annotated[ChallengeAnswer, Body()]) -> Answer:
        """Answer what a sign-in asked for: a password of one's own, or the code of an authenticator app."""
        self._from_our_page()
        step = Step(given.challenge)
        field, text = ("new_password", given.new_password) if step is Step.NEW_PASSWORD else ("code", given.code)
        if text is None:
            raise RequestError(field, f"a value for {step.value}", "nothing")
        return self._outcome(self._desk.answer(Challenge(step, given.session, given.user), text))

    @answers(SignedIn)
    def refresh(self) -> Answer:
        """A new access token, for the refresh token in the cookie."""
        self._from_our_page()
        return self._outcome(self._desk.refresh(self._cookie()))

    @answers(None, status=204)
    def log_out(self, wanted: Annotated[LogOut | None, Body()] = None) -> Answer:
        """End the session, or all that I have anywhere: refresh tokens are revoked, the cookie cleared.

        `everywhere` takes an access token as `Authorization: Bearer`, or the cookie.
        """
        self._from_our_page()
        if wanted is not None and wanted.everywhere:
            self._desk.log_out_everywhere(self._cookie(), self._bearer())
        else:
            self._desk.log_out(self._cookie())
        return nothing(self._set_cookie("", 0))

    @answers(None, status=204)
    def forgot_password(self, whom: Annotated[Forgotten, Body()]) -> Answer:
        """Send a code to set a new password with, if there is such a user; the answer is the same if there is none."""
        self._from_our_page()
        self._desk.forgot(whom.user)
        return nothing()

    @answers(None, status=204)
    def reset_password(self, wanted: Annotated[NewPassword, Body()]) -> Answer:
        """Set a new password, with the code that was sent."""
        self._from_our_page()
        self._desk.reset(wanted.user, wanted.code, wanted.new_password)
        return nothing()

    def _outcome(self, outcome: Tokens | Challenge) -> Answer:
        if isinstance(outcome, Challenge):
            return answer(Challenged(outcome.step, outcome.session, outcome.user))
        fresh = {} if outcome.refresh is None else self._set_cookie(outcome.refresh, COOKIE_DAYS * 86_400)
        return answer(SignedIn(outcome.access, outcome.expires_in_s), headers=fresh)

    def _from_our_page(self) -> None:
        """A page elsewhere can make a browser send our cookie, but not as JSON, and not unsaid where it comes from."""
        kind = (self._request.header("Content-Type") or "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise MediaTypeError(f"expected {JSON}, got {kind[:60] or 'nothing'}")
        site, origin = self._request.header("Sec-Fetch-Site"), self._request.header("Origin")
        if site is not None:
            ours = site in _OWN_PAGES
        else:
            hosts = {self._request.header("Host"), self._request.header("X-Forwarded-Host")}
            ours = origin is None or urlsplit(origin).netloc in hosts
        if not ours:
            raise ForbiddenError("pages of another origin may not sign in or out here")

    def _cookie(self) -> str | None:
        named = [pair.strip().partition("=") for pair in (self._request.header("Cookie") or "").split(";")]
        found = [value for name, _, value in named if name == COOKIE]
        return found[0] if len(found) == 1 and len(found[0]) <= _MAX_COOKIE_CHARS else None

    def _bearer(self) -> str | None:
        kind, _, token = (self._request.header("Authorization") or "").partition(" ")
        return token.strip() if kind.lower() == "bearer" and len(token) <= _MAX_BEARER_CHARS else None

    def _set_cookie(self, value: str, seconds: int) -> dict[str, str]:
        secure = "; Secure" if self._secure else ""
        return {
            "Set-Cookie": f"{COOKIE}={value}; Path={self._path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        }
