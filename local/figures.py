"""The figures of a running instance, read from the deployed tables, queues and metrics themselves."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.deploy import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

_PERIOD = dt.timedelta(days=7)


@dataclass(frozen=True)
class DeviceFigures:
    """One device as its state item has it; `latest` is metric → value.

    It is online when it has connected since the instance was started: the presence of an earlier run may be left over,
    of devices that are no longer in the fleet for good.
    """

    thing: str
    online: bool
    messages: int
    points: int
    latest: Mapping[str, Any]
    newest_ts: int | None


@dataclass(frozen=True)
class Figures:
    """`waiting` and `failed` are messages by queue: in those that a function drains, and in those that nothing drains.
    `function_errors` are the failed invocations since the instance was started, by function.
    """

    devices: tuple[DeviceFigures, ...] = ()
    duplicates: int = 0
    late: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    function_errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def online(self) -> int:
        return sum(device.online for device in self.devices)

    @property
    def messages(self) -> int:
        return sum(device.messages for device in self.devices)

    @property
    def points(self) -> int:
        return sum(device.points for device in self.devices)

    @property
    def errors(self) -> int:
        return sum(self.failed.values()) + sum(self.function_errors.values())


class Reader:
    """Reads the figures of one instance; its clients are made once and may be used from one thread at a time."""

    def __init__(self, aws_url: str, state_table: str, started: float) -> None:
        self._state_table = state_table
        self._started = dt.datetime.fromtimestamp(started, dt.UTC)
        self._dynamodb: DynamoDBClient = client("dynamodb", aws_url)
        self._sqs: SQSClient = client("sqs", aws_url)
        self._lambda: LambdaClient = client("lambda", aws_url)
        self._cloudwatch = client("cloudwatch", aws_url)

    def read(self) -> Figures:
        items = self._states()
        counters: Counter[str] = Counter()
        quarantined: Counter[str] = Counter()
        for item in items:
            counters.update({name: int(count) for name, count in item.get("counters", {}).items()})
            quarantined.update({reason: int(count) for reason, count in item.get("quarantined", {}).items()})
        waiting, failed = self._queues()
        return Figures(
            devices=tuple(sorted((_device(item, self._started) for item in items), key=lambda device: device.thing)),
            duplicates=counters["duplicates"],
            late=counters["late"],
            quarantined=dict(quarantined),
            waiting=waiting,
            failed=failed,
            function_errors=self._function_errors(),
        )

    def _states(self) -> list[dict[str, Any]]:
        from boto3.dynamodb.types import TypeDeserializer

        plain = TypeDeserializer().deserialize
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._state_table)
        return [{name: plain(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def _queues(self) -> tuple[dict[str, int], dict[str, int]]:
        """Messages that wait for a function, and those that wait for a person: in queues that nothing drains."""
        mappings = self._lambda.list_event_source_mappings()["EventSourceMappings"]
        drained = {mapping["EventSourceArn"] for mapping in mappings}
        waiting: dict[str, int] = {}
        failed: dict[str, int] = {}
        for url in self._sqs.list_queues().get("QueueUrls", []):
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=url, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"]
            )["Attributes"]
            side = waiting if attributes["QueueArn"] in drained else failed
            side[url.rsplit("/", 1)[1]] = int(attributes["ApproximateNumberOfMessages"])
        return waiting, failed

    def _function_errors(self) -> dict[str, int]:
        now = dt.datetime.now(dt.UTC)
        errors: dict[str, int] = {}
        for function in self._lambda.list_functions()["Functions"]:
            name = function["FunctionName"]
            points = self._cloudwatch.get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName="Errors",
                Dimensions=[{"Name": "FunctionName", "Value": name}],
                StartTime=self._started,
                EndTime=now + dt.timedelta(minutes=1),
                Period=int(_PERIOD.total_seconds()),
                Statistics=["Sum"],
            )["Datapoints"]
            variables = function.get("Environment", {}).get("Variables", {})
            errors[variables.get("POWERTOOLS_SERVICE_NAME", name)] = int(sum(point["Sum"] for point in points))
        return errors


def _device(item: Mapping[str, Any], started: dt.datetime) -> DeviceFigures:
    presence = item.get("presence", {})
    sessions = json.loads(presence.get("sessions", "[]"))
    connected_ms = max((session.get("connected_at") or 0 for session in sessions), default=0)
    latest = item.get("latest", {})
    counters = item.get("counters", {})
    return DeviceFigures(
        thing=str(item["pk"]).removeprefix("DEVICE#"),
        online=presence.get("status") == "online" and connected_ms >= started.timestamp() * 1000,
        messages=int(counters.get("messages", 0)),
        points=int(counters.get("points", 0)),
        latest={metric: entry["value"] for metric, entry in latest.items()},
        newest_ts=max((int(entry["ts"]) for entry in latest.values()), default=None),
    )
