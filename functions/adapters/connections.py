"""The open WebSockets behind API Gateway's @connections: one attempt a frame, a short wait, no buffer of our own."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from functions.adapters.aws import error_code, side_by_side
from functions.domain.live import Outcome

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

_OUTCOMES = {"GoneException": Outcome.GONE, "LimitExceededException": Outcome.SLOW}
_log = logging.getLogger(__name__)


class ApiGatewaySockets:
    """`client` waits a second or two and tries once: whoever cannot take a frame at once is slow."""

    def __init__(self, client: "ApiGatewayManagementApiClient") -> None:
        self._client = client

    def post_all(self, frames: Mapping[str, Sequence[bytes]]) -> dict[str, Outcome]:
        return dict(zip(frames, side_by_side(self._post, frames.items()), strict=True))

    def close(self, connection: str) -> None:
        try:
            self._client.delete_connection(ConnectionId=connection)
        except ClientError as exc:
            if error_code(exc) != "GoneException":
                _log.warning("a connection could not be closed: %s", exc)
        except BotoCoreError as exc:
            _log.warning("a connection could not be closed: %s", exc)

    def _post(self, todo: tuple[str, Sequence[bytes]]) -> Outcome:
        connection, frames = todo
        try:
            for frame in frames:
                self._client.post_to_connection(ConnectionId=connection, Data=frame)
        except (ConnectTimeoutError, ReadTimeoutError):
            return Outcome.SLOW
        except ClientError as exc:
            outcome = _OUTCOMES.get(error_code(exc), Outcome.FAILED)
            if outcome is Outcome.FAILED:
                _log.warning("a frame was not sent: %s", exc)
            return outcome
        except BotoCoreError as exc:
            _log.warning("a frame was not sent: %s", exc)
            return Outcome.FAILED
        return Outcome.SENT
