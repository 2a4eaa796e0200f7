"""What the laptop makes of a template's Timestream resources: MiniStack has none, the look-alike plays their part.

Each leaves the template, what refers to it gets what AWS would answer, and `provisions` lists what to make instead.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.errors import TransformError
from local.intrinsics import Replacements, replace_references

if TYPE_CHECKING:
    from local.transform import Place

INFLUX, DATABASE, TABLE = "AWS::Timestream::InfluxDBInstance", "AWS::Timestream::Database", "AWS::Timestream::Table"
TYPES = frozenset({INFLUX, DATABASE, TABLE})
INFLUX_USER = "admin"
HOST = "127.0.0.1"

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class InfluxInstance:
    """What an InfluxDB instance begins with."""

    organization: str
    bucket: str
    username: str
    password: str


@dataclass(frozen=True)
class LiveTable:
    """A table of Timestream for LiveAnalytics; the two mappings as its API takes them."""

    database: str
    table: str
    retention: Mapping[str, int] = field(default_factory=dict)
    magnetic_writes: Mapping[str, Any] = field(default_factory=dict)


Provision = InfluxInstance | LiveTable


def provisions(template: Mapping[str, Any], place: "Place") -> tuple[Provision, ...]:
    """What a synthesized template asks of the service. Raises TransformError for what cannot be seen in it."""
    return tuple(_provisions(template.get("Resources", {}), place))


def take_out(template: dict[str, Any], place: "Place") -> dict[str, Any]:
    """The template without its Timestream resources; the secret that an InfluxDB instance generates stands in it."""
    resources: dict[str, Any] = template["Resources"]
    found = {name: resource for name, resource in resources.items() if resource["Type"] in TYPES}
    if not found:
        return template
    kept = {name: resource for name, resource in resources.items() if name not in found}
    replacements: Replacements = {}
    for name, resource in found.items():
        match resource["Type"]:
            case "AWS::Timestream::InfluxDBInstance":
                secret = f"{name}AuthParameters"
                kept[secret] = _auth_parameters(name, resource, place)
                replacements |= {(name, "Endpoint"): HOST, (name, "InfluxAuthParametersSecretArn"): {"Ref": secret}}
                replacements[name, None] = name
            case "AWS::Timestream::Database":
                database = _text(name, resource, "DatabaseName")
                replacements |= {(name, None): database, (name, "Arn"): place.arn("timestream", f"database/{database}")}
            case _:
                database, table = _database_of(name, resource, resources), _text(name, resource, "TableName")
                arn = place.arn("timestream", f"database/{database}/table/{table}")
                replacements |= {(name, None): f"{database}|{table}", (name, "Name"): table, (name, "Arn"): arn}
    result: dict[str, Any] = replace_references({**template, "Resources": kept}, replacements)
    for resource in result["Resources"].values():
        _forget_dependencies(resource, found)
    return result


def _provisions(resources: Mapping[str, Resource], place: "Place") -> Iterator[Provision]:
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == INFLUX:
            yield _influx(name, resource, place)
        elif resource["Type"] == TABLE:
            magnetic: dict[str, Any] = dict(properties.get("MagneticStoreWriteProperties", {}))
            # A bucket for rejected records: the look-alike names each in its answer and needs none.
            magnetic.pop("MagneticStoreRejectedDataLocation", None)
            yield LiveTable(
                _database_of(name, resource, resources),
                _text(name, resource, "TableName"),
                {key: int(value) for key, value in properties.get("RetentionProperties", {}).items()},
                {key: str(value).lower() == "true" for key, value in magnetic.items()},
            )


def _influx(name: str, resource: Resource, place: "Place") -> InfluxInstance:
    properties = resource["Properties"]
    return InfluxInstance(
        _text(name, resource, "Organization"),
        _text(name, resource, "Bucket"),
        str(properties.get("Username", INFLUX_USER)),
        place.influx_password,
    )


def _auth_parameters(name: str, resource: Resource, place: "Place") -> dict[str, Any]:
    made = _influx(name, resource, place)
    secret = {
        "username": made.username,
        "password": made.password,
        "organization": made.organization,
        "bucket": made.bucket,
    }
    return {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": json.dumps(secret)}}


def _database_of(name: str, table: Resource, resources: Mapping[str, Resource]) -> str:
    value = table["Properties"].get("DatabaseName")
    if isinstance(value, Mapping) and (other := resources.get(str(value.get("Ref")))) is not None:
        return _text(str(value["Ref"]), other, "DatabaseName")
    return _text(name, table, "DatabaseName")


def _text(name: str, resource: Resource, field_: str) -> str:
    value = resource.get("Properties", {}).get(field_)
    if not isinstance(value, str):
        raise TransformError(f"{name} ({resource['Type']}): {field_}: expected a literal text, got {value!r}")
    return value


def _forget_dependencies(resource: dict[str, Any], gone: Mapping[str, object]) -> None:
    depends = resource.pop("DependsOn", None)
    if depends is None:
        return
    kept = [other for other in ([depends] if isinstance(depends, str) else depends) if other not in gone]
    if kept:
        resource["DependsOn"] = kept
