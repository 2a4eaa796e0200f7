"""People, and who may do what."""

from typing import Annotated, Final, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor
from functions.api.request import Request
from functions.domain.access import MAX_GRANTS, Grant, Kind, Role, parse_scope
from functions.domain.people import UserStatus, parse_email, parse_email_beginning, parse_sub
from functions.services.grants import Grants, GrantsOf
from functions.services.users import User, Users

_MAX_SCOPE: Final = 400
User_ = Annotated[str, Path(max_length=64, description="The user's id, Cognito's `sub`.")]


class GrantBody(BaseModel):
    """A role over a scope: `*`, `group:plant-1/line-2` or `device:pump-7`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["admin", "operator", "viewer"]
    scope: str = Field(max_length=_MAX_SCOPE)

    def grant(self) -> Grant:
        return Grant(Role(self.role), self.scope)


class Invitation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(max_length=254)
    grants: list[GrantBody] = Field(default_factory=list, max_length=MAX_GRANTS)


class UserChange(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    enabled: bool


class GrantsBody(BaseModel):
    """All grants that he is to have, of those that the caller sees."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grants: list[GrantBody] = Field(max_length=MAX_GRANTS)


class UserItem(msgspec.Struct, frozen=True):
    """`status` is `invited` until the first sign-in, `reset` while a new password must be set by a code."""

    id: str
    email: str
    enabled: bool
    status: UserStatus
    created_at: int
    updated_at: int


class UsersView(msgspec.Struct, frozen=True):
    items: tuple[UserItem, ...]
    cursor: str | None


class UserView(msgspec.Struct, frozen=True):
    """`second_factor` says whether a one-time password is asked for."""

    id: str
    email: str
    enabled: bool
    status: UserStatus
    created_at: int
    updated_at: int
    second_factor: bool
    grants: tuple[Grant, ...]


class GrantsView(msgspec.Struct, frozen=True):
    """Those that the caller may see; the version in ETag moves with all of them."""

    grants: tuple[Grant, ...]


class HeldGrant(msgspec.Struct, frozen=True):
    principal: str
    kind: Kind
    name: str
    role: Role
    scope: str


class HeldGrants(msgspec.Struct, frozen=True):
    items: tuple[HeldGrant, ...]
    cursor: str | None


class UserOperations:
    def __init__(self, request: Request, users: Users, grants: Grants, cursors: Cursors) -> None:
        self._request = request
        self._users = users
        self._grants = grants
        self._cursors = cursors

    @answers(UsersView)
    def list_users(
        self,
        email: Annotated[str | None, Query(max_length=254, description="What the address begins with.")] = None,
        limit: Annotated[int, Query(ge=1, le=60)] = 60,
        cursor: Cursor = None,
    ) -> Answer:
        """Everybody who can sign in."""
        who = self._request.who
        beginning = "" if email is None else parse_email_beginning(email)
        page = self._users.page(beginning, limit, self._cursors.open(cursor, who, "list_users"))
        items = tuple(
            UserItem(one.id, one.email, one.enabled, one.status, one.created_at, one.updated_at) for one in page.items
        )
        return answer(UsersView(items, self._cursors.close(page.cursor, who, "list_users")))

    @answers(UserView, status=201, etag=True)
    def invite_user(self, invitation: Annotated[Invitation, Body()]) -> Answer:
        """Invite somebody: he is sent a temporary password."""
        email = parse_email(invitation.email)
        user = self._users.invite(self._request.actor, email, [one.grant() for one in invitation.grants])
        return _user(user, status=201)

    @answers(UserView, etag=True)
    def show_user(self, user: User_) -> Answer:
        """A person with his grants."""
        return _user(self._users.show(parse_sub(user)))

    @answers(UserView, etag=True)
    def update_user(self, user: User_, change: Annotated[UserChange, Body()]) -> Answer:
        """Disable somebody, or enable him again. His tokens are refused within a minute."""
        return _user(
            self._users.set_enabled(
                self._request.actor, parse_sub(user), self._request.if_match(), enabled=change.enabled
            )
        )

    @answers(None, status=204)
    def delete_user(self, user: User_) -> Answer:
        """Delete somebody with his grants. His tokens and the keys that he made are refused within a minute."""
        self._users.delete(self._request.actor, parse_sub(user), self._request.if_match())
        return nothing()

    @answers(None, status=204)
    def reset_user(self, user: User_) -> Answer:
        """Have somebody set a new password: he is sent a code, or his invitation once more."""
        self._users.reset(self._request.actor, parse_sub(user))
        return nothing()

    @answers(GrantsView, etag=True)
    def show_grants(self, user: User_) -> Answer:
        """Somebody's grants within the caller's own scope."""
        return _grants(self._grants.of(self._request.who, parse_sub(user)))

    @answers(GrantsView, etag=True)
    def replace_grants(self, user: User_, wanted: Annotated[GrantsBody, Body()]) -> Answer:
        """Replace somebody's grants within the caller's own scope; `If-Match` is needed. Holds within a minute."""
        sub = parse_sub(user)
        version = self._request.if_match(required=True) or 0
        grants = [one.grant() for one in wanted.grants]
        return _grants(self._grants.replace(self._request.actor, sub, grants, version))

    @answers(HeldGrants)
    def list_grants(
        self,
        scope: Annotated[str, Query(max_length=_MAX_SCOPE, description="`*`, `group:PATH` or `device:NAME`.")],
        limit: Annotated[int, Query(ge=1, le=100)] = 100,
        cursor: Cursor = None,
    ) -> Answer:
        """Who holds a role over a scope or above it, the closest first, as far as the caller may see that."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_grants")
        page = self._grants.over(who, parse_scope(scope), limit, inner)
        items = tuple(
            HeldGrant(one.principal, one.kind, one.name, one.grant.role, one.grant.scope) for one in page.items
        )
        return answer(HeldGrants(items, self._cursors.close(page.cursor, who, "list_grants")))


def _user(user: User, *, status: int = 200) -> Answer:
    person = user.person
    view = UserView(
        person.id,
        person.email,
        user.enabled,
        person.status,
        person.created_at,
        person.updated_at,
        bool(person.second_factor),
        user.holder.grants,
    )
    return answer(view, status=status, etag=user.holder.version)


def _grants(found: GrantsOf) -> Answer:
    return answer(GrantsView(found.grants), etag=found.version)
