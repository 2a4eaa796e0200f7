"""Alarms as people see them and what they do with them: C20, C21, E4 and E5 of docs/data-model.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functions.adapters.aws import wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_alarm_items import (
    ACTIVE,
    HISTORY,
    Tables,
    alarm_of,
    cleared_key,
    device_partition,
    past_partition,
    step_item,
    step_of,
)
from functions.adapters.dynamodb_alarm_lists import ActiveList, ClearedList
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_device_rows import key_attributes
from functions.adapters.dynamodb_writes import Writes
from functions.domain.alarms import Alarm, AlarmFilter, AlarmPage, AlarmTally, Step, StepKind, StepPage
from functions.domain.audit import Note
from functions.errors import AlarmsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBAlarms:
    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Tables,
        audit: AuditedWrites | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._tables = tables
        self._backoff = backoff or Backoff()
        self._writes = Writes(client, audit, error=AlarmsError, backoff=self._backoff)

    def read(self, thing: str, number: int) -> Alarm | None:
        # One that is cleared meanwhile moves from the first place to the second, so they are asked in this order.
        active = next((alarm for alarm in self.active(thing) if alarm.number == number), None)
        if active is not None:
            return active
        with wrapped(AlarmsError, f"reading alarm {number} of {thing}"):
            answer = self._client.get_item(
                TableName=self._tables.events, Key=key_attributes(cleared_key(thing, number)), ConsistentRead=True
            )
        return alarm_of(dict(answer["Item"])) if answer.get("Item") else None

    def active(self, thing: str) -> list[Alarm]:
        found: list[Alarm] = []
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :active)",
            "ExpressionAttributeValues": {":pk": {"S": device_partition(thing)}, ":active": {"S": ACTIVE}},
            "ConsistentRead": True,
        }
        while True:
            answer = self._query(self._tables.core, thing, **request)
            found += map(alarm_of, answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return sorted(found, key=lambda alarm: -alarm.number)
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def cleared(self, thing: str, limit: int, before: int | None) -> list[Alarm]:
        # The history stands behind what begins with a digit.
        last = HISTORY if before is None else f"{max(before, 0):08d}"
        answer = self._query(
            self._tables.events,
            thing,
            KeyConditionExpression="pk = :pk AND sk < :last",
            ExpressionAttributeValues={":pk": {"S": past_partition(thing)}, ":last": {"S": last}},
            ScanIndexForward=False,
            Limit=limit,
        )
        return [alarm_of(item) for item in answer["Items"]]

    def page(self, wanted: AlarmFilter, limit: int, cursor: str | None) -> AlarmPage:
        page = ClearedList if wanted.cleared else ActiveList
        return page(self._client, self._tables, self._backoff, wanted, limit).page(cursor, self.active)

    def tally(self, wanted: AlarmFilter, most: int) -> AlarmTally:
        return ActiveList(self._client, self._tables, self._backoff, wanted, most).tally(self.active)

    def history(self, thing: str, number: int, limit: int, before: int | None) -> StepPage:
        first = f"{HISTORY}{number:08d}#"
        last = f"{first}~" if before is None else f"{first}{max(before, 0):06d}"
        answer = self._query(
            self._tables.events,
            thing,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": past_partition(thing)},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            ScanIndexForward=False,
            Limit=limit + 1,  # the one of `before` is read again
        )
        steps = [step for step in map(step_of, answer["Items"]) if step.version != before]
        page = tuple(steps[:limit])
        more = len(steps) > limit or bool(answer.get("LastEvaluatedKey"))
        return StepPage(page, page[-1].version if more and page else None)

    def save(self, was: Alarm, becomes: Alarm, step: Step, notes: Sequence[Note] = ()) -> bool:
        tables = self._tables
        items = tables.activity(was, becomes) if was.active else [tables.cleared_again(was, becomes)]
        items.append(tables.put(tables.events, step_item(was.thing, was.number, step)))
        return self._writes.commit(items, notes, f"writing {was.id}") is None

    def move(self, thing: str, group: str, now: int) -> list[Alarm]:
        moved: list[Alarm] = []
        for _ in self._backoff:
            elsewhere = [alarm for alarm in self.active(thing) if alarm.group != group]
            if not elsewhere:
                return moved
            for alarm in elsewhere:
                becomes = alarm.moved_to(group, now)
                step = Step(version=becomes.version, at=now, did=StepKind.MOVED, group=group)
                if self.save(alarm, becomes, step):
                    moved.append(becomes)
        raise AlarmsError(f"moving the alarms of {thing} to {group!r}: others were at them at every attempt")

    def _query(self, table: str, thing: str, **request: Any) -> dict[str, Any]:
        with wrapped(AlarmsError, f"reading the alarms of {thing}"):
            return dict(self._client.query(TableName=table, **request))
