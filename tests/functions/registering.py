"""Devices and notes for tests of whatever needs some."""

from botocore.exceptions import ClientError

from functions.adapters.dynamodb_audit import Refused
from functions.domain.access import Grant, Kind, Principal, Reach, Role
from functions.domain.audit import Actor, Note
from functions.domain.devices import Device, DeviceFilter, Source

NOW = 1_764_000_000_000
ANN = Actor(Principal("user:ann", Kind.USER, "ann", (Grant(Role.ADMIN, "*"),)), "request-1", "192.0.2.1")
EVERYTHING = Reach(everything=True)


def note(subject, action="device.update", kind="device", at=NOW):
    return Note(actor=ANN, action=action, subject_kind=kind, subject_id=subject, at=at)


def device(thing, group="plant-1", model="climate", *, now=NOW, **more):
    known = {"name": thing.title(), "source": Source.API, "created_at": now, "updated_at": now, "version": 1}
    return Device(thing=thing, group=group, model=model, **{**known, **more})


def wanted(reach=EVERYTHING, **asked):
    return DeviceFilter(reach=reach, **asked)


def pages(registry, asked, limit=10):
    """The names on all pages."""
    things, cursor = [], None
    for _ in range(10_000):
        page = registry.page(asked, limit, cursor)
        assert len(page.devices) <= limit
        things += [one.thing for one in page.devices]
        cursor = page.cursor
        if cursor is None:
            return things
    raise AssertionError("the pages do not end")


class OneByOne:
    """The parts of a change one after the other: what a test of lists needs of `AuditedWrites`, at a tenth of its time.

    moto copies all tables for each transaction.
    """

    def __init__(self, client):
        self._client = client
        self._calls = {"Put": client.put_item, "Update": client.update_item, "Delete": client.delete_item}

    def commit(self, items, notes):
        rows = []
        for index, item in enumerate(items):
            ((kind, request),) = item.items()
            if kind != "Update" and "ConditionExpression" not in request:
                rows.append((request["TableName"], {f"{kind}Request": _without_table(request)}))
                continue
            try:
                self._calls[kind](**request)
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                assert index == 0, "only the first condition of these may fail"
                raise Refused(index, {}) from exc
        for at in range(0, len(rows), 25):
            some = rows[at : at + 25]
            self._client.batch_write_item(RequestItems={some[0][0]: [request for _, request in some]})


def _without_table(request):
    return {name: value for name, value in request.items() if name != "TableName"}
