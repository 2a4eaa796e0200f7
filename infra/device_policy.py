"""What a device may do, with its own thing name as the only name: the topics are the contract's."""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iot as iot
from constructs import Construct

from contract import topics

# AWS counts at most 2,048 characters a policy, blanks aside, and the whole of it would need about 2,700.
DATA = ("dt/", "cmd/", "$aws/rules/")


class DevicePolicies(Construct):
    """Two policies that every device carries: `data` to connect, report and be commanded, `management` for the rest."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.data = iot.CfnPolicy(self, "Data", policy_document=_document([_connect(), *_messages(data=True)]))
        self.management = iot.CfnPolicy(self, "Management", policy_document=_document(_messages(data=False)))

    @property
    def all(self) -> tuple[iot.CfnPolicy, ...]:
        return (self.data, self.management)


def _connect() -> dict[str, Any]:
    # As itself only, and only with a certificate that is attached to that thing.
    return _statement("Connect", [_arn("client", topics.POLICY_THING)]) | {
        "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}
    }


def _messages(*, data: bool) -> list[dict[str, Any]]:
    def own(kind: str, names: Iterable[str]) -> list[str]:
        return [_arn(kind, name) for name in names if name.startswith(DATA) == data]

    return [
        _statement("Publish", own("topic", topics.policy_publish())),
        _statement("Subscribe", own("topicfilter", topics.policy_subscribe())),
        _statement("Receive", own("topic", topics.policy_receive())),
    ]


def _statement(action: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": f"iot:{action}", "Resource": resources}


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _arn(kind: str, name: str) -> str:
    return f"arn:{Aws.PARTITION}:iot:{Aws.REGION}:{Aws.ACCOUNT_ID}:{kind}/{name}"
