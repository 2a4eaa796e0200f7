"""An access token that is good now: kept in the profile, refreshed shortly before or after its end."""

import time
from collections.abc import Callable

import msgspec

from cli.cognito import Cognito, Grant
from cli.errors import NotSignedInError
from cli.http import Http
from cli.profiles import DEFAULT_PROFILE, Profile, ProfileStore, Tokens

_EARLY_MS = 60_000


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def tokens_of(grant: Grant, refresh: str, now_ms: int) -> Tokens:
    return Tokens(grant.access, grant.refresh or refresh, now_ms + grant.expires_in_s * 1000)


class Session:
    def __init__(self, store: ProfileStore, name: str, http: Http, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._store = store
        self._name = name
        self._http = http
        self._clock_ms = clock_ms
        self.profile: Profile = store.read(name)

    def access_token(self) -> str:
        """Raises NotSignedInError where the sign-in has ended for good."""
        if self.profile.tokens.expires_at - _EARLY_MS <= self._clock_ms():
            self.renew()
        return self.profile.tokens.access

    def renew(self) -> None:
        """Fetches and keeps new tokens, also where the clock says that the old ones are still good."""
        profile = self.profile
        cognito = Cognito(self._http, profile.sign_in.endpoint, profile.sign_in.client_id)
        try:
            grant = cognito.refresh(profile.tokens.refresh)
        except NotSignedInError as exc:
            flag = "" if self._name == DEFAULT_PROFILE else f" --profile {self._name}"
            raise NotSignedInError(
                f"The sign-in to {profile.api} has ended. Run `fieldline login {profile.api}{flag}`."
            ) from exc
        tokens = tokens_of(grant, profile.tokens.refresh, self._clock_ms())
        self.profile = msgspec.structs.replace(profile, tokens=tokens)
        self._store.write(self._name, self.profile)
