"""What API Gateway itself answers, as RFC 9457 problem details, so that a caller parses one shape of error only."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aws_cdk import aws_apigateway as apigateway

from functions.problem_types import CONTENT_TYPE, GATEWAY_PROBLEMS, OTHER, PREFIX, PROBLEMS

_KINDS: tuple[tuple[apigateway.ResponseType, str], ...] = (
    (apigateway.ResponseType.BAD_REQUEST_BODY, "invalid-request"),
    (apigateway.ResponseType.BAD_REQUEST_PARAMETERS, "invalid-request"),
    (apigateway.ResponseType.UNAUTHORIZED, "unauthorized"),
    (apigateway.ResponseType.ACCESS_DENIED, "forbidden"),
    (apigateway.ResponseType.EXPIRED_TOKEN, "forbidden"),
    (apigateway.ResponseType.INVALID_SIGNATURE, "forbidden"),
    # API Gateway's name for a path or method that does not exist.
    (apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN, "not-found"),
    (apigateway.ResponseType.RESOURCE_NOT_FOUND, "not-found"),
    (apigateway.ResponseType.REQUEST_TOO_LARGE, "too-large"),
    (apigateway.ResponseType.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
    (apigateway.ResponseType.THROTTLED, "too-many-requests"),
    (apigateway.ResponseType.QUOTA_EXCEEDED, "too-many-requests"),
    # It fails where its function cannot start or read who somebody is: asking again helps.
    (apigateway.ResponseType.AUTHORIZER_FAILURE, "unavailable"),
    (apigateway.ResponseType.AUTHORIZER_CONFIGURATION_ERROR, "internal-error"),
    (apigateway.ResponseType.API_CONFIGURATION_ERROR, "internal-error"),
    (apigateway.ResponseType.INTEGRATION_FAILURE, "failed"),
    (apigateway.ResponseType.INTEGRATION_TIMEOUT, "timed-out"),
)
_DETAILS: Mapping[int | None, str] = {
    HTTPStatus.UNAUTHORIZED: "Expected a valid access token or key as the bearer in Authorization.",
    HTTPStatus.NOT_FOUND: "There is no such path, or not with this method.",
}
"""Where API Gateway's own words say nothing, or mislead."""
_EXTRA_HEADERS = {
    401: {"WWW-Authenticate": "'Bearer'"},
    429: {"Retry-After": "'1'"},
    503: {"Retry-After": "'1'"},
}


def add_problem_responses(api: apigateway.RestApi) -> None:
    for kind, name in _KINDS:
        status, title = {**PROBLEMS, **GATEWAY_PROBLEMS}[name]
        api.add_gateway_response(
            f"Problem{kind.response_type.title().replace('_', '')}",
            type=kind,
            status_code=str(status),
            # Content-Type is set as a header: whatever the caller accepts, only this template is used.
            response_headers={"Content-Type": f"'{CONTENT_TYPE}'", **_EXTRA_HEADERS.get(status, {})},
            templates={"application/json": _template(name, title, status)},
        )
    # What is not listed above keeps its own status, which a template cannot read.
    for kind, name, title in (
        (apigateway.ResponseType.DEFAULT_4_XX, OTHER, "Request refused"),
        (apigateway.ResponseType.DEFAULT_5_XX, "internal-error", "Internal error"),
    ):
        api.add_gateway_response(
            f"Problem{kind.response_type.title().replace('_', '')}",
            type=kind,
            response_headers={"Content-Type": f"'{CONTENT_TYPE}'"},
            templates={"application/json": _template(name, title, None)},
        )


def _template(name: str, title: str, status: int | None) -> str:
    """JSON but for `detail`, where API Gateway puts a quoted string; what it says of an unknown path would mislead."""
    problem: dict[str, object] = {"type": PREFIX + name, "title": title}
    if status is not None:
        problem["status"] = status
    problem["request_id"] = "$context.requestId"
    if status in _DETAILS:
        return json.dumps({**problem, "detail": _DETAILS[status]})
    return json.dumps(problem)[:-1] + ', "detail": $context.error.messageString}'
