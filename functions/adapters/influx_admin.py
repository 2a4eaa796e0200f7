"""The administration of an InfluxDB 2.x instance: its own HTTP API, and those of 1.x to try tokens with.

https://docs.influxdata.com/influxdb/v2/api/
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
import urllib3

from functions.domain.store_setup import Access, Authorization, Bucket, Credentials, DatabaseMapping
from functions.errors import StoreAdminError, StoreUnreachableError

_CONNECT_S = 3.0
_READ_S = 10.0
_MAX_BYTES = 4_000_000
_SHOWN_CHARS = 300
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_NO_POINTS = b"# a comment: it stores nothing\n"
_NO_ROWS = 'SELECT "d" FROM "telemetry" WHERE time >= 0 AND time < 1'
"""Long before all data: it opens no shard, and only asks whether the token may."""
_Document = TypeVar("_Document")


class _Organization(msgspec.Struct):
    id: str
    name: str


class _Organizations(msgspec.Struct):
    orgs: list[_Organization]


class _Rule(msgspec.Struct, rename="camel"):
    every_seconds: int = 0
    type: str = "expire"


class _Bucket(msgspec.Struct, rename="camel"):
    id: str
    name: str
    retention_rules: list[_Rule]

    @property
    def bucket(self) -> Bucket:
        """Of several rules the instance only knows the first; 0 is for ever."""
        return Bucket(self.id, (self.retention_rules[0].every_seconds or None) if self.retention_rules else None)


class _Buckets(msgspec.Struct):
    buckets: list[_Bucket]


class _Mapping(msgspec.Struct):
    id: str
    database: str
    retention_policy: str
    bucket_id: str = msgspec.field(name="bucketID")
    default: bool = False
    virtual: bool = False


class _Mappings(msgspec.Struct):
    content: list[_Mapping]


class _Authorization(msgspec.Struct):
    id: str
    description: str = ""


class _Authorizations(msgspec.Struct):
    authorizations: list[_Authorization]


class _Minted(msgspec.Struct):
    token: str


class _Problem(msgspec.Struct):
    message: str = ""
    error: str = ""


class _Result(msgspec.Struct):
    error: str = ""


class _Results(msgspec.Struct):
    results: list[_Result]


class _Reply(NamedTuple):
    status: int
    cookie: str
    body: bytes


class InfluxAdminApi:
    """`with api.signed_in() as admin:` is the port `InfluxAdmin`; `url` is `https://host:port`."""

    def __init__(self, url: str, credentials: Callable[[], Credentials]) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    @contextmanager
    def signed_in(self) -> Iterator["SignedIn"]:
        credentials = self._credentials()
        doing = f"signing in as {credentials.username}"
        basic = b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
        reply = self.call(doing, "POST", "/api/v2/signin", headers={"Authorization": f"Basic {basic}"})
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise StoreAdminError(f"{doing}: the instance refuses the user name or the password")
        if reply.status != HTTPStatus.NO_CONTENT or not reply.cookie:
            raise _refusal(doing, reply)
        session = {"Cookie": reply.cookie}
        try:
            yield SignedIn(self, session)
        finally:
            # A session that stays ends by itself, and what was done in it is done.
            with suppress(StoreAdminError):
                self.call("signing out", "POST", "/api/v2/signout", headers=session)

    def call(
        self, doing: str, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> _Reply:
        """Whatever the instance answers; raises StoreUnreachableError when it does not, or cannot now."""
        try:
            answer = self._pool.request(
                method, self._url + path, headers=headers, body=body, redirect=False, preload_content=False
            )
            try:
                text = answer.read(_MAX_BYTES)
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise StoreUnreachableError(f"{doing}: {self._url} does not answer: {exc}") from exc
        # The attributes of a cookie follow a semicolon.
        reply = _Reply(answer.status, answer.headers.get("Set-Cookie", "").partition(";")[0], text)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise StoreUnreachableError(f"{doing}: {_said(reply)}")
        return reply


class SignedIn:
    def __init__(self, api: InfluxAdminApi, session: Mapping[str, str]) -> None:
        self._api = api
        self._session = session

    def organization(self, name: str) -> str | None:
        reply = self._call(f"looking for the organization {name}", "GET", "/api/v2/orgs", {"org": name})
        found = [] if reply is None else _decoded(reply, _Organizations).orgs
        return next((one.id for one in found if one.name == name), None)

    def bucket(self, organization: str, name: str) -> Bucket | None:
        query = {"orgID": organization, "name": name}
        reply = self._call(f"looking for the bucket {name}", "GET", "/api/v2/buckets", query)
        found = [] if reply is None else _decoded(reply, _Buckets).buckets
        return next((one.bucket for one in found if one.name == name), None)

    def make_bucket(self, organization: str, name: str, retention_s: int) -> Bucket:
        document = {"orgID": organization, "name": name, "retentionRules": [_rule(retention_s)]}
        reply = self._call(f"making the bucket {name}", "POST", "/api/v2/buckets", document=document)
        return _decoded(_found(reply, f"making the bucket {name}"), _Bucket).bucket

    def keep_for(self, bucket: Bucket, retention_s: int) -> None:
        doing = f"setting the retention of the bucket {bucket.id}"
        path = f"/api/v2/buckets/{bucket.id}"
        _found(self._call(doing, "PATCH", path, document={"retentionRules": [_rule(retention_s)]}), doing)

    def mappings(self, organization: str, database: str) -> list[DatabaseMapping]:
        query = {"orgID": organization, "db": database}
        reply = self._call(f"looking for the database {database}", "GET", "/api/v2/dbrps", query)
        found = [] if reply is None else _decoded(reply, _Mappings).content
        return [
            DatabaseMapping(one.id, one.bucket_id, one.retention_policy, one.default)
            for one in found
            if one.database == database and not one.virtual
        ]

    def map_database(self, organization: str, database: str, policy: str, bucket: Bucket) -> None:
        document = {
            "orgID": organization,
            "bucketID": bucket.id,
            "database": database,
            "retention_policy": policy,
            "default": True,
        }
        doing = f"making the database {database}"
        _found(self._call(doing, "POST", "/api/v2/dbrps", document=document), doing)

    def make_default(self, organization: str, mapping: DatabaseMapping) -> None:
        doing = f"making {mapping.policy} the default of its database"
        path = f"/api/v2/dbrps/{mapping.id}"
        _found(self._call(doing, "PATCH", path, {"orgID": organization}, {"default": True}), doing)

    def unmap(self, organization: str, mapping: DatabaseMapping) -> None:
        self._call("removing a database", "DELETE", f"/api/v2/dbrps/{mapping.id}", {"orgID": organization})

    def authorizations(self, organization: str) -> list[Authorization]:
        reply = self._call("listing authorizations", "GET", "/api/v2/authorizations", {"orgID": organization})
        found = [] if reply is None else _decoded(reply, _Authorizations).authorizations
        return [Authorization(one.id, one.description) for one in found]

    def authorize(self, organization: str, bucket: Bucket, access: Access, description: str) -> str:
        resource = {"type": "buckets", "id": bucket.id, "orgID": organization}
        document = {
            "orgID": organization,
            "description": description,
            "status": "active",
            "permissions": [{"action": access.value, "resource": resource}],
        }
        doing = f"making a token to {access}"
        return _decoded(
            _found(self._call(doing, "POST", "/api/v2/authorizations", document=document), doing), _Minted
        ).token

    def revoke(self, authorization: Authorization) -> None:
        doing = f"revoking the authorization {authorization.id}"
        self._call(doing, "DELETE", f"/api/v2/authorizations/{authorization.id}")

    def works(self, token: str, access: Access, database: str) -> bool:
        headers = {"Authorization": f"Token {token}"}
        doing = f"trying the token to {access}"
        if not token.isascii() or not token.isprintable():
            return False
        if access is Access.WRITE:
            path = f"/write?{urlencode({'db': database})}"
            reply = self._api.call(doing, "POST", path, headers=headers, body=_NO_POINTS)
            # What it thinks of a comment alone comes after whether the token may.
            return reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.BAD_REQUEST}
        path = f"/query?{urlencode({'db': database, 'q': _NO_ROWS})}"
        reply = self._api.call(doing, "GET", path, headers=headers)
        return reply.status == HTTPStatus.OK and not any(one.error for one in _decoded(reply, _Results).results)

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> _Reply | None:
        """None for what the instance does not have; raises StoreAdminError for what it refuses."""
        reply = self._api.call(
            doing,
            method,
            f"{path}?{urlencode(query)}" if query else path,
            headers={**self._session, "Content-Type": "application/json"},
            body=None if document is None else msgspec.json.encode(document),
        )
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise _refusal(doing, reply)
        return reply


def _rule(retention_s: int) -> dict[str, Any]:
    """With the length of shard groups that the instance would choose itself.

    A bucket that was made to keep data for ever has longer ones, and a retention below theirs would be refused.
    """
    group_s = 7 * _DAY_S
    if retention_s < 180 * _DAY_S:
        group_s = _DAY_S if retention_s >= 2 * _DAY_S else _HOUR_S
    return {"type": "expire", "everySeconds": retention_s, "shardGroupDurationSeconds": group_s}


def _found(reply: _Reply | None, doing: str) -> _Reply:
    if reply is None:
        raise StoreAdminError(f"{doing}: the instance does not have what it refers to")
    return reply


def _decoded(reply: _Reply, kind: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.DecodeError as exc:
        # Not what it said: it may be a token.
        raise StoreAdminError(f"the instance answered {reply.status} with something unexpected: {exc}") from None


def _refusal(doing: str, reply: _Reply) -> StoreAdminError:
    return StoreAdminError(f"{doing}: {_said(reply)}")


def _said(reply: _Reply) -> str:
    try:
        problem = msgspec.json.decode(reply.body, type=_Problem)
        text = problem.message or problem.error
    except msgspec.DecodeError:
        text = reply.body.decode(errors="replace").strip()
    return f"the instance answered {reply.status}: {text[:_SHOWN_CHARS]}"
