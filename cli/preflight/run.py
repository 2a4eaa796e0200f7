"""Asks everything at once: the caller first, since without credentials every other answer would be the same."""

import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from cli.preflight.account import Account
from cli.preflight.checks import Check
from cli.preflight.checks.account_wide import API_ROLE, IOT_LOGGING, api_role, iot_logging
from cli.preflight.checks.bootstrap import NAME as BOOTSTRAP
from cli.preflight.checks.bootstrap import bootstrap
from cli.preflight.checks.caller import NAME as CALLER
from cli.preflight.checks.caller import caller
from cli.preflight.checks.idle import NAME as IDLE
from cli.preflight.checks.idle import idle_cost
from cli.preflight.checks.quotas import CONCURRENCY, NETWORK, PUBLISHES, concurrency, network, publishes
from cli.preflight.checks.region import NAME as REGION
from cli.preflight.checks.region import region
from cli.preflight.checks.stacks import HALF_WAY, ONE_STAGE, half_way, one_stage
from cli.preflight.checks.store_change import NAME as STORE_CHANGE
from cli.preflight.checks.store_change import store_change
from cli.preflight.checks.timestream import influxdb, liveanalytics
from cli.preflight.deployment import INFLUXDB, LIVEANALYTICS, Deployment
from cli.preflight.findings import Finding, Status
from cli.preflight.refusals import troubles, unanswered

TIMEOUT_S = 45
"""For all questions together; each call has its own, shorter ones."""

FIRST = (Check(REGION, "", region), Check(CALLER, "sts:GetCallerIdentity", caller))
CHECKS = (
    Check(BOOTSTRAP, "ssm:GetParameter", bootstrap),
    Check(ONE_STAGE, "cloudformation:DescribeStacks", one_stage),
    Check(HALF_WAY, "cloudformation:DescribeStacks", half_way),
    Check(STORE_CHANGE, "cloudformation:DescribeStacks", store_change),
    Check(API_ROLE, "apigateway:GET", api_role),
    Check(IOT_LOGGING, "logs:DescribeLogGroups", iot_logging),
    Check(PUBLISHES, "servicequotas:GetServiceQuota", publishes),
    Check(CONCURRENCY, "lambda:GetAccountSettings", concurrency),
    Check(NETWORK, "ec2:DescribeVpcs", network, stores=(INFLUXDB,)),
    Check(INFLUXDB, "timestream-influxdb:ListDbInstances", influxdb),
    Check(LIVEANALYTICS, "timestream:DescribeEndpoints", liveanalytics),
)
LAST = (Check(IDLE, "", idle_cost),)


def findings(account: Account, deployment: Deployment, *, timeout_s: float = TIMEOUT_S) -> list[Finding]:
    """One for each check, in a fixed order. Never raises for what AWS answers, and ends in about `timeout_s`."""
    found = []
    for check in FIRST:
        found.append(_ask(check, account, deployment))
        if found[-1].status is Status.FAILED:
            break
    else:
        wanted = [check for check in CHECKS if set(deployment.stores) & set(check.stores)]
        found += _side_by_side(wanted, account, deployment, timeout_s)
    return [*found, *(_ask(check, account, deployment) for check in LAST)]


def _side_by_side(checks: Sequence[Check], account: Account, deployment: Deployment, timeout_s: float) -> list[Finding]:
    answers: SimpleQueue[tuple[Check, Finding | BaseException]] = SimpleQueue()

    def ask(check: Check) -> None:
        try:
            answers.put((check, _ask(check, account, deployment)))
        except BaseException as exc:  # noqa: BLE001 - a thread has nobody to raise to: the main one raises it
            answers.put((check, exc))

    for check in checks:
        # Daemons: looking up a name knows no time limit, and must not keep the command from ending.
        threading.Thread(target=ask, args=(check,), daemon=True).start()
    found: dict[str, Finding] = {}
    until = time.monotonic() + timeout_s
    while len(found) < len(checks):
        try:
            check, answer = answers.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            break
        if isinstance(answer, BaseException):
            raise answer
        found[check.name] = answer
    return [found.get(check.name) or _too_slow(check, timeout_s) for check in checks]


def _ask(check: Check, account: Account, deployment: Deployment) -> Finding:
    try:
        return check.ask(account, deployment)
    except troubles() as exc:
        return unanswered(check.name, exc, check.action)


def _too_slow(check: Check, timeout_s: float) -> Finding:
    return Finding(check.name, Status.UNKNOWN, f"Not checked: no answer within {timeout_s:g} s.", "Try again.")
