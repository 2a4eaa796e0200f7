"""Every kind of problem that the API answers with, as data: its own code, API Gateway and the OpenAPI name the same.

A kind's name never changes within `v1`; clients branch on it.
"""

from collections.abc import Mapping
from typing import Final

CONTENT_TYPE: Final = "application/problem+json"
PREFIX: Final = "urn:fieldline:problem:"

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "invalid-request": (400, "Bad request"),
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "not-found": (404, "Not found"),
    "conflict": (409, "Conflict"),
    "idempotency-in-progress": (409, "Still being answered"),
    "changed-meanwhile": (412, "Changed meanwhile"),
    "too-large": (413, "Too large"),
    "unsupported-media-type": (415, "Unsupported media type"),
    "idempotency-key-reused": (422, "Idempotency key reused"),
    "if-match-required": (428, "If-Match required"),
    "too-many-requests": (429, "Too many requests"),
    "unsupported": (501, "Not implemented"),
    "unavailable": (503, "Service unavailable"),
}
"""What the API's own code answers: status and title by the name that ends the `type`."""

GATEWAY_PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "internal-error": (500, "Internal error"),
    "failed": (502, "The service failed"),
    "timed-out": (504, "The service took too long"),
}
"""What only API Gateway answers, of faults in which the code has no say."""
OTHER: Final = "refused"
"""A refusal of API Gateway that has no name of its own."""
