"""The tables of docs/data-model.md, split by heat. A test pins their logical ids: a new id is a new, empty table."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.stage import StagePolicy

EXPIRES = "expires"


def table(
    scope: Construct,
    name: str,
    stage: StagePolicy,
    *,
    indexes: list[dynamodb.GlobalSecondaryIndexPropsV2] | None = None,
    stream: bool = False,
    rebuildable: bool = False,
) -> dynamodb.TableV2:
    """On demand, encrypted with the account's key; with point-in-time recovery unless the lake can rebuild it."""
    return dynamodb.TableV2(
        scope,
        name,
        partition_key=_string("pk"),
        sort_key=_string("sk"),
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        time_to_live_attribute=EXPIRES,
        global_secondary_indexes=indexes,
        dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=not rebuildable
        ),
        deletion_protection=stage.deletion_protection,
        removal_policy=stage.removal,
    )


def index(
    name: str, partition_key: str, sort_key: str, *, attributes: list[str] | None = None
) -> dynamodb.GlobalSecondaryIndexPropsV2:
    """Sparse: an item without these keys is not in it. Holds whole items unless `attributes` names what it holds."""
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_key=_string(partition_key),
        sort_key=_string(sort_key),
        projection_type=dynamodb.ProjectionType.INCLUDE if attributes else dynamodb.ProjectionType.ALL,
        non_key_attributes=attributes,
    )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
