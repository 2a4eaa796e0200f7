"""What AWS has once for an account and region, and the deployment makes: it must not be somebody else's already."""

from cli.preflight.account import Account
from cli.preflight.deployment import Deployment
from cli.preflight.findings import Finding, Status

API_ROLE = "API Gateway's role"
IOT_LOGGING = "AWS IoT logging"
LOG_GROUP = "AWSIotLogsV2"


def api_role(account: Account, deployment: Deployment) -> Finding:
    """API Gateway writes its logs by one role of the account, which the Api stack sets."""
    role = account.client("apigateway").get_account().get("cloudwatchRoleArn")
    if not role:
        return Finding(
            API_ROLE, Status.OK, "API Gateway has no role for logs in this region yet; the deployment sets one."
        )
    if deployment.stack("Api") in account.stacks():
        return Finding(API_ROLE, Status.OK, "API Gateway's role for logs is set, by the Api stack.")
    return Finding(
        API_ROLE,
        Status.WARNING,
        f"API Gateway has a role for logs already ({role}). The deployment replaces it for every API of this account "
        "and region, and deleting the Api stack leaves none.",
        "Note the role, to set it again should you remove Fieldline; or use an account without other APIs.",
        {"role": role},
    )


def iot_logging(account: Account, deployment: Deployment) -> Finding:
    """The Fleet stack makes the log group, to give it a retention; CloudFormation takes over none that exists."""
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    exists = any(group["logGroupName"] == LOG_GROUP for group in groups)
    if exists and deployment.stack("Fleet") not in account.stacks():
        return Finding(
            IOT_LOGGING,
            Status.FAILED,
            f"The log group {LOG_GROUP} exists already, and the Fleet stack would fail where it makes it.",
            f"Export what you need of it, then: aws logs delete-log-group --log-group-name {LOG_GROUP}",
        )
    says = "is the Fleet stack's own" if exists else "does not exist yet; the deployment makes it"
    return Finding(IOT_LOGGING, Status.OK, f"The log group {LOG_GROUP} {says}.")
