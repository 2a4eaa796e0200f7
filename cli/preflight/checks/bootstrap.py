"""The CDK's bootstrap stack: roles and a bucket that every deployment goes through."""

from cli.preflight.account import Account
from cli.preflight.deployment import BOOTSTRAP_VERSION, Deployment
from cli.preflight.findings import Finding, Status
from cli.preflight.refusals import code_of

NAME = "bootstrap"
_DO = "make bootstrap"
PARAMETER = "/cdk-bootstrap/hnb659fds/version"


def bootstrap(account: Account, _: Deployment) -> Finding:
    from botocore.exceptions import ClientError

    try:
        text = account.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
        return Finding(NAME, Status.FAILED, f"The CDK is not bootstrapped in {account.region}.", f"Run once: {_DO}")
    if not text.isdecimal():
        return Finding(NAME, Status.FAILED, f"{PARAMETER}: expected a version number, got {text!r}.", f"Run: {_DO}")
    figures = {"version": int(text), "needed": BOOTSTRAP_VERSION}
    if int(text) < BOOTSTRAP_VERSION:
        return Finding(
            NAME,
            Status.FAILED,
            f"The CDK's bootstrap stack is version {text}, and the deployment needs {BOOTSTRAP_VERSION}.",
            f"Bring it up to date: {_DO}",
            figures,
        )
    return Finding(
        NAME, Status.OK, f"The CDK's bootstrap stack is version {text}; {BOOTSTRAP_VERSION} will do.", figures=figures
    )
