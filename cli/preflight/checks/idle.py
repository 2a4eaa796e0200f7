"""What the deployment will cost while nothing happens: no question to AWS, but nobody should learn it from the bill."""

from cli.preflight import prices
from cli.preflight.account import Account
from cli.preflight.costs import idle, total
from cli.preflight.deployment import Deployment
from cli.preflight.findings import Finding, Status

NAME = "idle cost"


def idle_cost(_: Account, deployment: Deployment) -> Finding:
    lines = idle(deployment)
    parts = "; ".join(f"{line.what}{f' ({line.size})' if line.size else ''} ${line.usd:,.2f}" for line in lines)
    stores = " and ".join(deployment.stores)
    return Finding(
        NAME,
        Status.OK,
        f"Stage {deployment.stage} with {stores} costs about ${total(lines):,.0f} a month when idle: "
        f"{parts}. List prices of {prices.REGION}, read on {prices.READ_ON}; use comes on top (docs/storage.md).",
        figures={"usd_a_month": round(total(lines), 2), **{line.what: round(line.usd, 2) for line in lines}},
    )
