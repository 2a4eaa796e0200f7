"""Signing in for browsers and scripts. Whatever a caller gets wrong, he hears the same."""

from functions.domain.sign_in import Challenge, Step, Tokens, check_password
from functions.errors import UnauthorizedError
from functions.ports.people import SignIns

REFUSED = (
    "Wrong name, password or code, or the sign-in has ended. After a reset, ask for a code and set a new password."
)


class SignInDesk:
    """Raises UnauthorizedError with one text for all reasons, RequestError for a password that cannot be one."""

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins

    def log_in(self, user: str, password: str) -> Tokens | Challenge:
        try:
            return self._sign_ins.log_in(_name(user), password)
        except UnauthorizedError as exc:
            raise UnauthorizedError(REFUSED) from exc

    def answer(self, challenge: Challenge, answer: str) -> Tokens | Challenge:
        if challenge.step is Step.NEW_PASSWORD:
            check_password("new_password", answer)
        try:
            return self._sign_ins.answer(challenge, answer)
        except UnauthorizedError as exc:
            raise UnauthorizedError(REFUSED) from exc

    def refresh(self, token: str | None) -> Tokens:
        if not token:
            raise UnauthorizedError(REFUSED)
        try:
            return self._sign_ins.refresh(token)
        except UnauthorizedError as exc:
            raise UnauthorizedError(REFUSED) from exc

    def log_out(self, token: str | None) -> None:
        if token:
            self._sign_ins.revoke(token)

    def log_out_everywhere(self, token: str | None, access: str | None) -> None:
        """End every session of whom either of these is of: an access token, or the refresh token of a session.

        Raises UnauthorizedError, and then nothing was ended.
        """
        if not (access and self._ended_by(access)):
            fresh = self.refresh(token).access
            if not self._ended_by(fresh):
                raise UnauthorizedError(REFUSED)
        self.log_out(token)

    def _ended_by(self, access: str) -> bool:
        try:
            self._sign_ins.revoke_all(access)
        except UnauthorizedError:
            return False
        return True

    def forgot(self, user: str) -> None:
        self._sign_ins.forget_password(_name(user))

    def reset(self, user: str, code: str, password: str) -> None:
        check_password("new_password", password)
        self._sign_ins.set_password(_name(user), code, password)


def _name(user: str) -> str:
    """E-mail addresses are kept in lower case."""
    return user.strip().lower()
