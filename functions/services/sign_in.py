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

    def forgot(self, user: str) -> None:
        self._sign_ins.forget_password(_name(user))

    def reset(self, user: str, code: str, password: str) -> None:
        check_password("new_password", password)
        self._sign_ins.set_password(_name(user), code, password)


def _name(user: str) -> str:
    """E-mail addresses are kept in lower case."""
    return user.strip().lower()
