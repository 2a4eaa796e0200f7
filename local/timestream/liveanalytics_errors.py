"""Errors of Timestream for LiveAnalytics as its clients see them."""

from collections.abc import Mapping
from typing import Any

CLOSED_ACCOUNT = (
    "Only existing Timestream for LiveAnalytics customers can access the service. "
    "Reach out to AWS support, for more information."
)
_STATUS = {"RejectedRecordsException": 419, "InternalServerException": 500}


class ServiceError(Exception):
    """`code` is the exception's name in the service's model; `extra` its members besides the message."""

    def __init__(self, code: str, message: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = _STATUS.get(code, 400)
        self.extra = extra or {}


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def missing(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)
