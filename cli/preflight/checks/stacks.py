"""Stacks that stand already: of another stage, or left half-way by a deployment that failed."""

from typing import Any

from cli.preflight.account import Account
from cli.preflight.deployment import STACK_PREFIX, STAGES, Deployment
from cli.preflight.findings import Finding, Status

ONE_STAGE = "one stage"
HALF_WAY = "earlier deployment"
NEVER_MADE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})


def one_stage(account: Account, deployment: Deployment) -> Finding:
    """Topics, things, presence and logging are the account's (docs/adr/0006)."""
    others = sorted(
        {
            stage
            for name in account.stacks()
            for stage in STAGES
            if stage != deployment.stage and name.startswith(f"{STACK_PREFIX}{stage}-")
        }
    )
    if others:
        return Finding(
            ONE_STAGE,
            Status.FAILED,
            f"Stage {others[0]} is deployed in this account and region already. Topics, things and logging belong to "
            "the whole account, so a second stage would mix with it.",
            "Use another account (best) or another region; see docs/adr/0006.",
        )
    return Finding(ONE_STAGE, Status.OK, "No other stage is deployed in this account and region.")


def half_way(account: Account, deployment: Deployment) -> Finding:
    own = {name: stack for name, stack in account.stacks().items() if name.startswith(deployment.stack(""))}
    for name, stack in sorted(own.items()):
        status = stack["StackStatus"]
        if remedy := _remedy(name, stack):
            return Finding(
                HALF_WAY,
                Status.FAILED,
                f"The stack {name} is in the way: its status is {status}.",
                remedy,
                {"stack": name},
            )
    if not own:
        return Finding(
            HALF_WAY, Status.OK, f"Nothing of stage {deployment.stage} is deployed yet.", figures={"stacks": 0}
        )
    return Finding(
        HALF_WAY,
        Status.OK,
        f"The {len(own)} stacks of stage {deployment.stage} are whole; they will be updated.",
        figures={"stacks": len(own)},
    )


def _remedy(name: str, stack: dict[str, Any]) -> str:
    """Empty where a deployment can go on from the stack's status."""
    status = stack["StackStatus"]
    aws = "aws cloudformation"
    if status in NEVER_MADE:
        protected = stack.get("EnableTerminationProtection", False)
        unprotect = f"{aws} update-termination-protection --no-enable-termination-protection --stack-name {name} && "
        return f"Delete it, then deploy: {unprotect if protected else ''}{aws} delete-stack --stack-name {name}"
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"Let it finish going back: {aws} continue-update-rollback --stack-name {name}"
    if status == "UPDATE_FAILED":
        return f"Roll it back first: {aws} rollback-stack --stack-name {name}"
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return "Somebody is deploying: wait until it has ended."
    return ""
