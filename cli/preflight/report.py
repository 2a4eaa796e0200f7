"""The findings, for a person and as one JSON object."""

from collections.abc import Sequence
from typing import Any

from cli.output import console
from cli.preflight.account import Account
from cli.preflight.deployment import Deployment
from cli.preflight.findings import Finding, Status
from cli.text import printable

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red", Status.UNKNOWN: "magenta"}
_WIDTH = max(len(status) for status in Status) + 2


def stops(findings: Sequence[Finding]) -> bool:
    return any(finding.status is Status.FAILED for finding in findings)


def document(account: Account, deployment: Deployment, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "v": 1,
        "ok": not stops(findings),
        "stage": deployment.stage,
        "store": deployment.store,
        "previous_store": deployment.previous,
        "account": account.number or None,
        "region": account.region,
        "findings": [
            {
                "name": one.name,
                "status": one.status.value,
                "says": one.says,
                "todo": one.todo or None,
                "figures": dict(one.figures),
            }
            for one in findings
        ],
    }


def print_findings(account: Account, deployment: Deployment, findings: Sequence[Finding]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    out = console()
    where = f"account {account.number or 'unknown'}, {account.region or 'no region'}"
    out.print(printable(f"Stage {deployment.stage} with {' and '.join(deployment.stores)}; {where}"), style="bold")
    for one in findings:
        out.print(Text.assemble((f"{one.status.value:<{_WIDTH}}", _STYLES[one.status]), (one.name, "bold")))
        for text in filter(None, (one.says, one.todo and f"→ {one.todo}")):
            out.print(Padding.indent(Text(printable(text)), _WIDTH))
    out.print(_verdict(findings), style="bold")


def _verdict(findings: Sequence[Finding]) -> str:
    count = {status: sum(one.status is status for one in findings) for status in Status}
    aside = ", ".join(f"{count[status]} {status.value}" for status in (Status.WARNING, Status.UNKNOWN) if count[status])
    if failed := count[Status.FAILED]:
        return f"Do not deploy yet: {failed} failed{f', {aside}' if aside else ''}."
    return f"Nothing stands in the way{f' ({aside})' if aside else ''}."
