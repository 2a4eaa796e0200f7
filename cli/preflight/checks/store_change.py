"""Whether the telemetry store is another one than the deployed: then readers lose what was measured before."""

from typing import Any

from cli.preflight.account import Account
from cli.preflight.deployment import APART, DYNAMODB, INFLUXDB, Deployment
from cli.preflight.findings import Finding, Status

NAME = "store change"


def store_change(account: Account, deployment: Deployment) -> Finding:
    stack = deployment.stack("Data")
    deployed = deployed_store(account.stacks().get(stack, {}))
    figures = {"deployed": deployed, "chosen": deployment.store} if deployed else {"chosen": deployment.store}
    if not deployed:
        return Finding(NAME, Status.OK, f"No telemetry store of stage {deployment.stage} stands yet.", figures=figures)
    if deployed == deployment.store:
        return Finding(NAME, Status.OK, f"The telemetry store stays {deployed}.", figures=figures)
    changes = f"The telemetry store would change from {deployed} to {deployment.store}"
    if deployed == deployment.previous:
        says = f"{changes}; {deployed} stays beside it, to move from."
        return Finding(NAME, Status.OK, says, figures=figures)
    if deployed == deployment.drop:
        says = f"{changes}, and {deployed} is given up, as you say: readers see nothing of what it holds."
        return Finding(NAME, Status.WARNING, says, figures=figures)
    says = f"{changes}: charts would begin anew with this deployment, and {_fate(deployed, deployment)}."
    return Finding(NAME, Status.FAILED, says, _todo(deployed, deployment), figures)


def deployed_store(stack: dict[str, Any]) -> str:
    """Empty where the stack holds none. One from before stores could be chosen names only its table."""
    outputs = outputs_of(stack)
    return outputs.get("TelemetryStore") or (DYNAMODB if "TelemetryTableName" in outputs else "")


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output.get("OutputValue", "") for output in stack.get("Outputs", ())}


def _fate(deployed: str, deployment: Deployment) -> str:
    if deployed == INFLUXDB:
        # Its stack would leave the app, and the CDK deletes no stack that is not in the app.
        return f"the stack {deployment.stack('Store')} would go on running, paid for and unread"
    if deployment.stage == "prod":
        return "the old store would stay behind, unread"
    return "the old store would be deleted with its data"


def _todo(deployed: str, deployment: Deployment) -> str:
    chosen = f"STAGE={deployment.stage} STORE={deployment.store}"
    keep = f"To keep the store: make deploy STAGE={deployment.stage} STORE={deployed}."
    give_up = f"To give up its data: make deploy {chosen} DROP={deployed}."
    if {deployed, deployment.store} == APART:
        move = f"{deployed} cannot stand beside {deployment.store}: give it up, and move from the lake"
        return f"{keep} {give_up} {move} (docs/moving-stores.md)."
    return f"{keep} To move what it holds: make deploy {chosen} CONTEXT=previous_store={deployed}. {give_up}"
