"""The CDK's bootstrap stack: roles and a bucket that every deployment goes through."""

from cli.preflight.account import Account
from cli.preflight.deployment import BOOTSTRAP_VERSION, CDK_CLI, Deployment
from cli.preflight.findings import Finding, Status
from cli.preflight.refusals import code_of

NAME = "bootstrap"
PARAMETER = "/cdk-bootstrap/hnb659fds/version"


def bootstrap(account: Account, _: Deployment) -> Finding:
    from botocore.exceptions import ClientError

    command = f"npx {CDK_CLI} bootstrap aws://{account.number}/{account.region}"
    try:
        text = account.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
        return Finding(NAME, Status.FAILED, f"The CDK is not bootstrapped in {account.region}.", f"Run once: {command}")
    if not text.isdecimal():
        return Finding(NAME, Status.FAILED, f"{PARAMETER}: expected a version number, got {text!r}.", f"Run: {command}")
    figures = {"version": int(text), "needed": BOOTSTRAP_VERSION}
    if int(text) < BOOTSTRAP_VERSION:
        return Finding(
            NAME,
            Status.FAILED,
            f"The CDK's bootstrap stack is version {text}, and the deployment needs {BOOTSTRAP_VERSION}.",
            f"Bring it up to date: {command}",
            figures,
        )
    return Finding(
        NAME, Status.OK, f"The CDK's bootstrap stack is version {text}; {BOOTSTRAP_VERSION} will do.", figures=figures
    )
