"""Which of Timestream's two services this account and region have."""

from cli.preflight.account import Account
from cli.preflight.checks.stacks import NEVER_MADE
from cli.preflight.checks.store_change import outputs_of
from cli.preflight.deployment import DYNAMODB, INFLUXDB, LIVEANALYTICS, TIMESTREAM_DATABASE, Deployment
from cli.preflight.findings import Finding, Status
from cli.preflight.refusals import DENIED, code_of, has_no_address, is_iam_refusal, message_of

CLOSED_SINCE = "2025-06-20"
INSTANCES = 40
"""Timestream for InfluxDB's quota of instances in an account and region."""
_OTHERS = f"Choose --store {INFLUXDB} or --store {DYNAMODB}."


def liveanalytics(account: Account, deployment: Deployment) -> Finding:
    """A closed account is answered AccessDeniedException, as is a caller without the permission: the words differ."""
    from botocore.exceptions import BotoCoreError, ClientError

    asked = LIVEANALYTICS in deployment.stores
    try:
        account.client("timestream-write").describe_endpoints()["Endpoints"][0]
    except ClientError as exc:
        if code_of(exc) not in DENIED or is_iam_refusal(exc):
            raise
        return Finding(
            LIVEANALYTICS,
            Status.FAILED if asked else Status.OK,
            f"This account cannot use {LIVEANALYTICS}: AWS closed it on {CLOSED_SINCE} to accounts that had not used "
            f"it. It can use {DYNAMODB} everywhere, and {INFLUXDB} where the region has it.",
            _OTHERS if asked else "",
            {"usable": False, "answer": message_of(exc)},
        )
    except BotoCoreError as exc:
        if not has_no_address(exc):
            raise
        return _absent(LIVEANALYTICS, account, asked=asked, where=account.regions("timestream-write"))
    if asked and _is_left_over(account, deployment):
        name = TIMESTREAM_DATABASE
        aws = "aws timestream-write"
        return Finding(
            LIVEANALYTICS,
            Status.FAILED,
            f"A database {name!r} stands in {account.region} and is none of our stacks'; the deployment would make one "
            "of that name, and fail.",
            f"If nobody needs its data, delete it: {aws} delete-table --database-name {name} --table-name telemetry && "
            f"{aws} delete-database --database-name {name}. Otherwise choose another region or another store.",
            {"usable": True, "database": name},
        )
    return Finding(
        LIVEANALYTICS,
        Status.OK,
        f"This account has {LIVEANALYTICS}, from before AWS closed it. It can use all three stores "
        f"({DYNAMODB} everywhere, {INFLUXDB} where the region has it).",
        figures={"usable": True},
    )


def _is_left_over(account: Account, deployment: Deployment) -> bool:
    """The database's name is fixed, and prod retains it when its stack or its store goes."""
    stack = account.stacks().get(deployment.stack("Data"), {})
    # What a stack that failed half-way holds, its deletion takes along: another check asks for that first.
    if "TimestreamDatabaseName" in outputs_of(stack) or stack.get("StackStatus") in NEVER_MADE:
        return False
    writes = account.client("timestream-write")
    try:
        writes.describe_database(DatabaseName=TIMESTREAM_DATABASE)
    except writes.exceptions.ResourceNotFoundException:
        return False
    return True


def influxdb(account: Account, deployment: Deployment) -> Finding:
    from botocore.exceptions import BotoCoreError

    asked = INFLUXDB in deployment.stores
    try:
        page = account.client("timestream-influxdb").list_db_instances(maxResults=100)
    except BotoCoreError as exc:
        if not has_no_address(exc):
            raise
        return _absent(INFLUXDB, account, asked=asked, where=account.regions("timestream-influxdb"))
    used = len(page["items"])
    figures = {"usable": used < INSTANCES, "instances": used, "quota": INSTANCES}
    if used >= INSTANCES and deployment.stack("Store") not in account.stacks():
        return Finding(
            INFLUXDB,
            Status.FAILED if asked else Status.OK,
            f"{account.region} has {INFLUXDB}, and this account has used up its {INSTANCES} instances.",
            "Delete one that is not needed, or ask AWS for more." if asked else "",
            figures,
        )
    return Finding(
        INFLUXDB,
        Status.OK,
        f"{account.region} has {INFLUXDB}; {used} of {INSTANCES} instances are in use.",
        figures=figures,
    )


def _absent(store: str, account: Account, *, asked: bool, where: tuple[str, ...]) -> Finding:
    # botocore knows no region of some services; then only the missing address speaks.
    known = f" It is in {', '.join(where)}." if where else ""
    instead = next(other for other in (INFLUXDB, DYNAMODB) if other != store)
    return Finding(
        store,
        Status.FAILED if asked else Status.OK,
        f"{account.region} does not have {store}: its address does not exist there.{known}",
        f"Choose another region, or --store {instead}." if asked else "",
        {"usable": False},
    )
