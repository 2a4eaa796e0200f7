"""InfluxDB 2.x's HTTP API for onboarding, organizations and authorizations.

https://docs.influxdata.com/influxdb/v2/api/
"""

from collections.abc import Callable
from typing import Final

import msgspec

from local.timestream.influx_accounts import (
    Accounts,
    Authorization,
    Bucket,
    Organization,
    Permission,
    User,
    all_permissions,
    group_seconds,
    new_id,
    new_token,
    new_user,
)
from local.timestream.influx_buckets import bucket_document, organization_named
from local.timestream.influx_json import rfc3339
from local.timestream.influx_requests import Reply, Request, RequestError, json_reply, refuse
from local.timestream.influx_sessions import Sessions

_MIN_PASSWORD: Final = 8


class _Onboarding(msgspec.Struct):
    username: str = ""
    password: str = ""
    org: str = ""
    bucket: str = ""
    token: str = ""
    retentionPeriodSeconds: int = 0  # noqa: N815 - as it stands in JSON


class _Resource(msgspec.Struct):
    type: str
    id: str = ""
    organization: str = msgspec.field(default="", name="orgID")


class _NewPermission(msgspec.Struct):
    action: str
    resource: _Resource


class _NewAuthorization(msgspec.Struct):
    organization: str = msgspec.field(default="", name="orgID")
    description: str = ""
    status: str = "active"
    permissions: list[_NewPermission] = []


class _AuthorizationChange(msgspec.Struct):
    description: str | None = None
    status: str | None = None


class Management:
    """A method for each endpoint; an `id` is what stands in the path."""

    def __init__(self, accounts: Accounts, sessions: Sessions, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._now = now

    # Onboarding

    def may_onboard(self, _request: Request) -> Reply:
        return json_reply(200, {"allowed": not self._accounts.is_onboarded})

    def onboard(self, request: Request) -> Reply:
        asked = request.document(_Onboarding)
        with self._accounts.changing() as state:
            if state.users:
                raise RequestError("conflict", "onboarding has already been completed")
            if not asked.username or not asked.org or not asked.bucket:
                raise RequestError("unprocessable entity", "username, org and bucket must be provided")
            if asked.password and len(asked.password) < _MIN_PASSWORD:
                raise RequestError("invalid", "passwords must be at least 8 characters long")
            now = self._now()
            user = new_user(asked.username, asked.password)
            organization = Organization(new_id(), asked.org, now)
            retention_s = asked.retentionPeriodSeconds
            bucket = Bucket(new_id(), organization.id, asked.bucket, retention_s, group_seconds(retention_s), now)
            authorization = Authorization(
                id=new_id(),
                token=asked.token or new_token(),
                organization=organization.id,
                user=user.id,
                description=f"{asked.username}'s Token",
                active=True,
                permissions=all_permissions(),
                made=now,
            )
            state.users[user.id] = user
            state.organizations[organization.id] = organization
            state.buckets[bucket.id] = bucket
            state.authorizations[authorization.id] = authorization
        return json_reply(
            201,
            {
                "user": _user(user),
                "bucket": bucket_document(bucket),
                "org": _organization(organization),
                "auth": self._authorization(authorization),
            },
        )

    # Organizations

    def organizations(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        name, chosen = request.query.get("org"), request.query.get("orgID")
        found = [
            each
            for each in self._accounts.state.organizations.values()
            if name in {None, each.name}
            and chosen in {None, each.id}
            and asker.allows("read", "orgs", each.id, each.id)
        ]
        if name is not None and not found:
            raise RequestError("not found", f'organization name "{name}" not found')
        return json_reply(200, {"links": {"self": "/api/v2/orgs"}, "orgs": [_organization(each) for each in found]})

    # Authorizations

    def authorizations(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        wanted = request.query
        organization = (
            organization_named(self._accounts, wanted["org"]) if wanted.get("org") else wanted.get("orgID", "")
        )
        found = [
            each
            for each in self._accounts.state.authorizations.values()
            if organization in {"", each.organization}
            and wanted.get("token") in {None, each.token}
            and asker.allows("read", "authorizations", each.id, each.organization)
        ]
        return json_reply(
            200,
            {
                "links": {"self": "/api/v2/authorizations"},
                "authorizations": [self._authorization(each) for each in found],
            },
        )

    def authorization(self, request: Request, authorization_id: str) -> Reply:
        return json_reply(200, self._authorization(self._allowed_authorization(request, authorization_id, "read")))

    def authorize(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        asked = request.document(_NewAuthorization)
        if not asked.permissions:
            raise RequestError("invalid", "authorization must include permissions")
        if asked.organization not in self._accounts.state.organizations:
            raise RequestError("invalid", "org id required: invalid ID")
        if not asker.allows("write", "authorizations", "", asked.organization):
            refuse("write", f"orgs/{asked.organization}/authorizations")
        permissions = tuple(
            Permission(each.action, each.resource.type, each.resource.id, each.resource.organization)
            for each in asked.permissions
        )
        for each in permissions:
            if each.action not in {"read", "write"}:
                raise RequestError("invalid", f"unknown action for permission: {each.action}")
            if not asker.allows(each.action, each.type, each.id, each.organization):
                raise RequestError("forbidden", f"permission {_permission_path(each)} is not allowed")
        authorization = Authorization(
            id=new_id(),
            token=new_token(),
            organization=asked.organization,
            user=asker.user,
            description=asked.description,
            active=asked.status == "active",
            permissions=permissions,
            made=self._now(),
        )
        with self._accounts.changing() as state:
            state.authorizations[authorization.id] = authorization
        return json_reply(201, self._authorization(authorization))

    def change_authorization(self, request: Request, authorization_id: str) -> Reply:
        self._allowed_authorization(request, authorization_id, "write")
        asked = request.document(_AuthorizationChange)
        with self._accounts.changing() as state:
            changed = state.authorizations[authorization_id]
            if asked.description is not None:
                changed = msgspec.structs.replace(changed, description=asked.description)
            if asked.status is not None:
                changed = msgspec.structs.replace(changed, active=asked.status == "active")
            state.authorizations[authorization_id] = changed
        return json_reply(200, self._authorization(changed))

    def revoke(self, request: Request, authorization_id: str) -> Reply:
        self._allowed_authorization(request, authorization_id, "write")
        with self._accounts.changing() as state:
            del state.authorizations[authorization_id]
        return Reply(204)

    def _allowed_authorization(self, request: Request, authorization_id: str, action: str) -> Authorization:
        asker = self._sessions.authorization(request)
        found = self._accounts.state.authorizations.get(authorization_id)
        if found is None:
            raise RequestError("not found", "authorization not found")
        if not asker.allows(action, "authorizations", authorization_id, found.organization):
            refuse(action, f"orgs/{found.organization}/authorizations/{authorization_id}")
        return found

    def _authorization(self, found: Authorization) -> dict[str, object]:
        state = self._accounts.state
        user = state.users.get(found.user)
        organization = state.organizations.get(found.organization)
        return {
            "id": found.id,
            "token": found.token,
            "status": "active" if found.active else "inactive",
            "description": found.description,
            "orgID": found.organization,
            "org": organization.name if organization else "",
            "userID": found.user,
            "user": user.name if user else "",
            "permissions": [self._permission(each) for each in found.permissions],
            "links": {"self": f"/api/v2/authorizations/{found.id}", "user": f"/api/v2/users/{found.user}"},
            "createdAt": rfc3339(found.made),
            "updatedAt": rfc3339(found.made),
        }

    def _permission(self, found: Permission) -> dict[str, object]:
        resource: dict[str, object] = {"type": found.type}
        if found.id:
            resource["id"] = found.id
            bucket = self._accounts.state.buckets.get(found.id)
            if bucket is not None:
                resource["name"] = bucket.name
        if found.organization:
            resource["orgID"] = found.organization
            organization = self._accounts.state.organizations.get(found.organization)
            if organization is not None:
                resource["org"] = organization.name
        return {"action": found.action, "resource": resource}


def _permission_path(permission: Permission) -> str:
    organization = f"orgs/{permission.organization}/" if permission.organization else ""
    return f"{permission.action}:{organization}{permission.type}{'/' if permission.id else ''}{permission.id}"


def _organization(organization: Organization) -> dict[str, object]:
    return {
        "id": organization.id,
        "name": organization.name,
        "description": "",
        "createdAt": rfc3339(organization.made),
        "updatedAt": rfc3339(organization.made),
        "links": {"self": f"/api/v2/orgs/{organization.id}"},
    }


def _user(user: User) -> dict[str, object]:
    return {"id": user.id, "name": user.name, "status": "active", "links": {"self": f"/api/v2/users/{user.id}"}}
