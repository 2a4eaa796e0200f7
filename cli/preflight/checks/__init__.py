"""The questions, a module for each subject."""

from collections.abc import Callable
from dataclasses import dataclass

from cli.preflight.account import Account
from cli.preflight.deployment import STORES, Deployment
from cli.preflight.findings import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """`action` is the permission that the question needs; it is asked where one of `stores` is to be deployed.

    What `ask` lets escape of boto3's errors becomes a finding of status unknown.
    """

    name: str
    action: str
    ask: Callable[[Account, Deployment], Finding]
    stores: tuple[str, ...] = STORES
