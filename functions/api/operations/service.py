"""What anybody may ask: whether it lives, and how to sign in."""

import msgspec

from functions.api.answer import Answer, answer, answers
from functions.ports.clock import Clock


class Health(msgspec.Struct, frozen=True):
    """`time` is the API's own, in ms since the epoch."""

    status: str
    time: int


class SignIn(msgspec.Struct, frozen=True):
    """What a client needs to get a token of Cognito itself."""

    region: str
    client_id: str
    issuer: str
    endpoint: str


class ServiceOperations:
    def __init__(self, clock: Clock, sign_in: SignIn) -> None:
        self._clock = clock
        self._sign_in = sign_in

    @answers(Health)
    def health(self) -> Answer:
        """Whether the API answers."""
        return answer(Health("ok", self._clock.now_ms()))

    @answers(SignIn)
    def sign_in(self) -> Answer:
        """Where to get an access token."""
        return answer(self._sign_in)
