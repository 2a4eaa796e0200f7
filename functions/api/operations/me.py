"""Who the caller is, and what he may do."""

import msgspec

from functions.api.answer import Answer, answer, answers
from functions.api.request import Request
from functions.domain.access import Grant, Kind, Permission


class Me(msgspec.Struct, frozen=True):
    """`permissions` are those held over something; `grants` say over what."""

    id: str
    kind: Kind
    name: str
    grants: tuple[Grant, ...]
    permissions: tuple[Permission, ...]


class MeOperations:
    def __init__(self, request: Request) -> None:
        self._request = request

    @answers(Me)
    def me(self) -> Answer:
        """Who I am and what I may do."""
        who = self._request.who
        return answer(Me(who.id, who.kind, who.name, who.grants, who.permissions()))
