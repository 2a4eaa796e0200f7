"""Whether it lives and how to sign in, which anybody may ask; and what is deployed, for who is signed in."""

from typing import Final

import msgspec

import contract
from functions.api.answer import Answer, answer, answers
from functions.ports.clock import Clock

_API: Final = "v1"


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


class Deployment(msgspec.Struct, frozen=True):
    """What was chosen for this deployment. Telemetry is kept for `retention_days`."""

    stage: str
    region: str
    telemetry_store: str
    retention_days: int


class SystemView(msgspec.Struct, frozen=True):
    """`version` is that of the project, `api` that of the API. Telemetry can be read for `retention_days`."""

    version: str
    api: str
    stage: str
    region: str
    telemetry_store: str
    retention_days: int
    time: int


class ServiceOperations:
    def __init__(self, clock: Clock, sign_in: SignIn, deployment: Deployment) -> None:
        self._clock = clock
        self._sign_in = sign_in
        self._deployment = deployment

    @answers(Health)
    def health(self) -> Answer:
        """Whether the API answers."""
        return answer(Health("ok", self._clock.now_ms()))

    @answers(SignIn)
    def sign_in(self) -> Answer:
        """Where to get an access token."""
        return answer(self._sign_in)

    @answers(SystemView)
    def system(self) -> Answer:
        """What is deployed here: its version, stage, region and store."""
        here = self._deployment
        return answer(
            SystemView(
                contract.__version__,
                _API,
                here.stage,
                here.region,
                here.telemetry_store,
                here.retention_days,
                self._clock.now_ms(),
            )
        )
