"""Publishing commands through the data plane of AWS IoT: taken by the broker, which says nothing of the device."""

from typing import TYPE_CHECKING

from contract import documents, topics
from contract.documents import CommandRequest
from contract.errors import ContractError
from functions.adapters.aws import wrapped
from functions.errors import CommandsError

if TYPE_CHECKING:
    from mypy_boto3_iot_data import IoTDataPlaneClient


class IotCommandBroker:
    def __init__(self, client: "IoTDataPlaneClient") -> None:
        self._client = client

    def publish(self, thing: str, request: CommandRequest) -> None:
        doing = f"publishing command {request.id} to {thing}"
        try:
            topic, payload = topics.command_request(thing, request.id), documents.encode(request)
        except ContractError as exc:
            raise CommandsError(f"{doing}: {exc}") from exc
        with wrapped(CommandsError, doing):
            # QoS 1: the broker sends it until the device's session has acknowledged it, or has ended.
            self._client.publish(topic=topic, qos=1, payload=payload)
