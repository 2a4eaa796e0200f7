"""InfluxDB 2.x's HTTP API for buckets and for the databases' mappings to them.

https://docs.influxdata.com/influxdb/v2/api/
"""

from collections.abc import Callable

import msgspec

from local.timestream.influx_accounts import (
    Accounts,
    Bucket,
    Mapping,
    group_seconds,
    make_default,
    new_id,
    without,
)
from local.timestream.influx_data import named_organization
from local.timestream.influx_json import rfc3339
from local.timestream.influx_requests import Reply, Request, RequestError, json_reply, refuse
from local.timestream.influx_sessions import Sessions


class _Rule(msgspec.Struct, rename="camel"):
    every_seconds: int = 0
    shard_group_duration_seconds: int = 0


class _NewBucket(msgspec.Struct):
    org: str = msgspec.field(default="", name="orgID")
    name: str = ""
    description: str = ""
    rules: list[_Rule] = msgspec.field(default_factory=list, name="retentionRules")


class _BucketChange(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    rules: list[_Rule] | None = msgspec.field(default=None, name="retentionRules")


class _NewMapping(msgspec.Struct):
    organization: str = msgspec.field(default="", name="orgID")
    org: str = ""
    bucket: str = msgspec.field(default="", name="bucketID")
    database: str = ""
    retention_policy: str = ""
    default: bool = False


class _MappingChange(msgspec.Struct):
    default: bool | None = None
    retention_policy: str | None = None


class Buckets:
    """A method for each endpoint; an id is what stands in the path."""

    def __init__(self, accounts: Accounts, sessions: Sessions, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._now = now

    def buckets(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        wanted = request.query
        organization = wanted.get("orgID", "")
        if wanted.get("org"):
            organization = named_organization(self._accounts, request).id
        found = [
            each
            for each in self._accounts.state.buckets.values()
            if each.organization
            and organization in {"", each.organization}
            and wanted.get("name") in {None, each.name}
            and wanted.get("id") in {None, each.id}
            and asker.allows("read", "buckets", each.id, each.organization)
        ]
        if wanted.get("name") and not found:
            raise RequestError("not found", f'bucket "{wanted["name"]}" not found')
        return json_reply(
            200, {"links": {"self": "/api/v2/buckets"}, "buckets": [bucket_document(each) for each in found]}
        )

    def bucket(self, request: Request, bucket_id: str) -> Reply:
        return json_reply(200, bucket_document(self._allowed_bucket(request, bucket_id, "read")))

    def make_bucket(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        asked = request.document(_NewBucket)
        if not asked.org:
            raise RequestError("invalid", "organization id must be provided")
        if asked.org not in self._accounts.state.organizations:
            raise RequestError("not found", "organization not found")
        if not asker.allows("write", "buckets", "", asked.org):
            refuse("write", f"orgs/{asked.org}/buckets")
        _check_bucket_name(asked.name)
        retention_s, group_s = _retention(asked.rules)
        with self._accounts.changing() as state:
            self._check_free(state.buckets, asked.org, asked.name)
            bucket = Bucket(new_id(), asked.org, asked.name, retention_s, group_s, self._now(), asked.description)
            state.buckets[bucket.id] = bucket
        return json_reply(201, bucket_document(bucket))

    def change_bucket(self, request: Request, bucket_id: str) -> Reply:
        bucket = self._allowed_bucket(request, bucket_id, "write")
        asked = request.document(_BucketChange)
        with self._accounts.changing() as state:
            bucket = state.buckets[bucket_id]
            if asked.name is not None and asked.name != bucket.name:
                _check_bucket_name(asked.name)
                self._check_free(state.buckets, bucket.organization, asked.name)
                bucket = msgspec.structs.replace(bucket, name=asked.name)
            if asked.description is not None:
                bucket = msgspec.structs.replace(bucket, description=asked.description)
            if asked.rules is not None:
                retention_s, group_s = _retention(asked.rules)
                bucket = msgspec.structs.replace(bucket, retention_s=retention_s, group_s=group_s)
            state.buckets[bucket_id] = bucket
        return json_reply(200, bucket_document(bucket))

    def remove_bucket(self, request: Request, bucket_id: str) -> Reply:
        """With its data and mappings."""
        self._allowed_bucket(request, bucket_id, "write")
        with self._accounts.changing() as state:
            del state.buckets[bucket_id]
            without(state.mappings, lambda each: each.bucket == bucket_id)
        return Reply(204)

    def _allowed_bucket(self, request: Request, bucket_id: str, action: str) -> Bucket:
        asker = self._sessions.authorization(request)
        bucket = self._accounts.state.buckets.get(bucket_id)
        if bucket is None or not bucket.organization:
            raise RequestError("not found", "bucket not found")
        if not asker.allows(action, "buckets", bucket_id, bucket.organization):
            refuse(action, f"orgs/{bucket.organization}/buckets/{bucket_id}")
        return bucket

    @staticmethod
    def _check_free(buckets: dict[str, Bucket], organization: str, name: str) -> None:
        if any((each.organization, each.name) == (organization, name) for each in buckets.values()):
            raise RequestError("conflict", f"bucket with name {name} already exists")

    # Databases

    def mappings(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        organization = self._organization_of(request)
        wanted = request.query
        found = [
            each
            for each in self._accounts.mappings(organization)
            if wanted.get("id") in {None, each.id}
            and wanted.get("bucketID") in {None, each.bucket}
            and wanted.get("db") in {None, each.database}
            and wanted.get("rp") in {None, each.policy}
            and wanted.get("default") in {None, str(each.default).lower()}
            and any(asker.allows(action, "buckets", each.bucket, organization) for action in ("read", "write"))
        ]
        return json_reply(200, {"content": [_mapping(each) for each in found]})

    def mapping(self, request: Request, mapping_id: str) -> Reply:
        return json_reply(200, {"content": _mapping(self._allowed_mapping(request, mapping_id, "read"))})

    def make_mapping(self, request: Request) -> Reply:
        asker = self._sessions.authorization(request)
        asked = request.document(_NewMapping)
        organization = asked.organization or organization_named(self._accounts, asked.org)
        if not asked.database or not asked.retention_policy:
            raise RequestError("invalid", "DBRP provided is invalid: database and retention policy must be provided")
        with self._accounts.changing() as state:
            if asked.bucket not in state.buckets or state.buckets[asked.bucket].organization != organization:
                raise RequestError("not found", "bucket not found")
            if not asker.allows("write", "buckets", asked.bucket, organization):
                refuse("write", f"orgs/{organization}/buckets/{asked.bucket}")
            others = [
                each
                for each in state.mappings.values()
                if (each.organization, each.database) == (organization, asked.database)
            ]
            if any(each.policy == asked.retention_policy for each in others):
                raise RequestError("conflict", "another DBRP mapping with same orgID, db, and rp exists")
            is_default = asked.default or not others
            mapping = Mapping(
                new_id(), organization, asked.bucket, asked.database, asked.retention_policy, default=is_default
            )
            state.mappings[mapping.id] = mapping
            if is_default:
                make_default(state.mappings, mapping)
        return json_reply(201, _mapping(mapping))

    def change_mapping(self, request: Request, mapping_id: str) -> Reply:
        self._allowed_mapping(request, mapping_id, "write")
        asked = request.document(_MappingChange)
        with self._accounts.changing() as state:
            mapping = state.mappings[mapping_id]
            if asked.retention_policy is not None and asked.retention_policy != mapping.policy:
                if any(
                    (each.organization, each.database, each.policy)
                    == (mapping.organization, mapping.database, asked.retention_policy)
                    for each in state.mappings.values()
                ):
                    raise RequestError("conflict", "another DBRP mapping with same orgID, db, and rp exists")
                mapping = msgspec.structs.replace(mapping, policy=asked.retention_policy)
                state.mappings[mapping_id] = mapping
            if asked.default:
                make_default(state.mappings, mapping)
            elif asked.default is False and mapping.default:
                others = [
                    each
                    for each in state.mappings.values()
                    if each.database == mapping.database and each.id != mapping_id
                ]
                if others:
                    make_default(state.mappings, others[0])
            mapping = state.mappings[mapping_id]
        return json_reply(200, {"content": _mapping(mapping)})

    def remove_mapping(self, request: Request, mapping_id: str) -> Reply:
        self._allowed_mapping(request, mapping_id, "write")
        with self._accounts.changing() as state:
            without(state.mappings, lambda each: each.id == mapping_id)
        return Reply(204)

    def _allowed_mapping(self, request: Request, mapping_id: str, action: str) -> Mapping:
        asker = self._sessions.authorization(request)
        organization = self._organization_of(request)
        mapping = self._accounts.state.mappings.get(mapping_id)
        if mapping is None or mapping.organization != organization:
            raise RequestError("not found", "unable to find DBRP")
        if not asker.allows(action, "buckets", mapping.bucket, organization):
            refuse(action, f"orgs/{organization}/buckets/{mapping.bucket}")
        return mapping

    def _organization_of(self, request: Request) -> str:
        return request.query.get("orgID") or organization_named(self._accounts, request.query.get("org", ""))


def organization_named(accounts: Accounts, name: str) -> str:
    """Its id. Raises RequestError."""
    if not name:
        raise RequestError("invalid", "please provide either org or orgID")
    for each in accounts.state.organizations.values():
        if each.name == name:
            return each.id
    raise RequestError("invalid", f"organization {name} not found")


def _check_bucket_name(name: str) -> None:
    if not name:
        raise RequestError("invalid", "bucket name is required")
    if name.startswith("_"):
        raise RequestError("invalid", f"bucket name {name} is invalid. Buckets may not start with underscore")


def _retention(rules: list[_Rule]) -> tuple[int, int]:
    """Of several rules InfluxDB knows only the first; without one, or with 0 s, data is kept for ever."""
    rule = rules[0] if rules else _Rule()
    if rule.every_seconds < 0:
        raise RequestError("unprocessable entity", "expiration seconds must be greater than or equal to one second")
    return rule.every_seconds, rule.shard_group_duration_seconds or group_seconds(rule.every_seconds)


def bucket_document(bucket: Bucket) -> dict[str, object]:
    path = f"/api/v2/buckets/{bucket.id}"
    rule = {
        "type": "expire",
        "everySeconds": bucket.retention_s,
        "shardGroupDurationSeconds": bucket.group_s,
    }
    return {
        "id": bucket.id,
        "orgID": bucket.organization,
        "type": "user",
        "description": bucket.description,
        "name": bucket.name,
        "retentionRules": [rule],
        "createdAt": rfc3339(bucket.made),
        "updatedAt": rfc3339(bucket.made),
        "links": {
            "self": path,
            "org": f"/api/v2/orgs/{bucket.organization}",
            "write": f"/api/v2/write?org={bucket.organization}&bucket={bucket.id}",
        },
    }


def _mapping(mapping: Mapping) -> dict[str, object]:
    return {
        "id": mapping.id,
        "database": mapping.database,
        "retention_policy": mapping.policy,
        "default": mapping.default,
        "orgID": mapping.organization,
        "bucketID": mapping.bucket,
        "virtual": mapping.virtual,
    }
