"""Who the caller is, what he may do, and why."""

from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Query

from contract.identity import parse_group, parse_thing
from functions.api.answer import Answer, answer, answers
from functions.api.request import Request
from functions.api.times import shown
from functions.domain.access import Grant, Kind, Permission, Principal, permissions_of
from functions.errors import RequestError
from functions.services.why import Verdict, Why


class Allowed(msgspec.Struct, frozen=True):
    """What one of the grants allows, over its scope."""

    scope: str
    permissions: tuple[Permission, ...]


class Me(msgspec.Struct, frozen=True):
    """`permissions` are those held over something; `allowed` says over what."""

    id: str
    kind: Kind
    name: str
    grants: tuple[Grant, ...]
    permissions: tuple[Permission, ...]
    allowed: tuple[Allowed, ...]


class MeOperations:
    def __init__(self, request: Request, why: Why) -> None:
        self._request = request
        self._why = why

    @answers(Me)
    def me(self) -> Answer:
        """Who I am and what I may do."""
        return answer(_me(self._request.who))

    @answers(Verdict, problems=("not-found",))
    def why(
        self,
        permission: Annotated[str, Query(max_length=40, description="Such as `commands:send`.")],
        device: Annotated[str | None, Query(max_length=63)] = None,
        group: Annotated[str | None, Query(max_length=400)] = None,
    ) -> Answer:
        """Whether I may do something, by which grant, and which roles over which scopes would allow it."""
        if permission not in list(Permission):
            raise RequestError("permission", f"one of {', '.join(Permission)}", shown(permission))
        return answer(
            self._why.verdict(
                self._request.who,
                Permission(permission),
                None if device is None else parse_thing(device),
                None if group is None else parse_group(group),
            )
        )


def _me(who: Principal) -> Me:
    allowed = tuple(Allowed(one.scope, permissions_of(one)) for one in who.grants)
    return Me(who.id, who.kind, who.name, who.grants, who.permissions(), allowed)
