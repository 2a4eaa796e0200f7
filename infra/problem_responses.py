"""What API Gateway itself answers, as RFC 9457 problem details, so that a caller parses one shape of error only."""

import json
from http import HTTPStatus

from aws_cdk import aws_apigateway as apigateway

_PROBLEMS: tuple[tuple[apigateway.ResponseType, int, str], ...] = (
    (apigateway.ResponseType.BAD_REQUEST_BODY, 400, "Bad request"),
    (apigateway.ResponseType.BAD_REQUEST_PARAMETERS, 400, "Bad request"),
    (apigateway.ResponseType.UNAUTHORIZED, 401, "Not signed in"),
    (apigateway.ResponseType.ACCESS_DENIED, 403, "Not allowed"),
    (apigateway.ResponseType.EXPIRED_TOKEN, 403, "Not allowed"),
    (apigateway.ResponseType.INVALID_SIGNATURE, 403, "Not allowed"),
    # API Gateway's name for a path or method that does not exist.
    (apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, "Not found"),
    (apigateway.ResponseType.RESOURCE_NOT_FOUND, 404, "Not found"),
    (apigateway.ResponseType.REQUEST_TOO_LARGE, 413, "Request too large"),
    (apigateway.ResponseType.UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported media type"),
    (apigateway.ResponseType.THROTTLED, 429, "Too many requests"),
    (apigateway.ResponseType.QUOTA_EXCEEDED, 429, "Too many requests"),
    (apigateway.ResponseType.AUTHORIZER_FAILURE, 500, "Internal error"),
    (apigateway.ResponseType.AUTHORIZER_CONFIGURATION_ERROR, 500, "Internal error"),
    (apigateway.ResponseType.API_CONFIGURATION_ERROR, 500, "Internal error"),
    (apigateway.ResponseType.INTEGRATION_FAILURE, 502, "The service failed"),
    (apigateway.ResponseType.INTEGRATION_TIMEOUT, 504, "The service took too long"),
)
_EXTRA_HEADERS = {401: {"WWW-Authenticate": "'Bearer'"}, 429: {"Retry-After": "'1'"}}


def add_problem_responses(api: apigateway.RestApi) -> None:
    for kind, status, title in _PROBLEMS:
        api.add_gateway_response(
            f"Problem{kind.response_type.title().replace('_', '')}",
            type=kind,
            status_code=str(status),
            # Content-Type is set as a header: whatever the caller accepts, only this template is used.
            response_headers={"Content-Type": "'application/problem+json'", **_EXTRA_HEADERS.get(status, {})},
            templates={"application/json": _template(title, status)},
        )
    # What is not listed above keeps its own status, which a template cannot read.
    for kind, title in (
        (apigateway.ResponseType.DEFAULT_4_XX, "Request refused"),
        (apigateway.ResponseType.DEFAULT_5_XX, "Internal error"),
    ):
        api.add_gateway_response(
            f"Problem{kind.response_type.title().replace('_', '')}",
            type=kind,
            response_headers={"Content-Type": "'application/problem+json'"},
            templates={"application/json": _template(title, None)},
        )


def _template(title: str, status: int | None) -> str:
    """JSON but for `detail`, where API Gateway puts a quoted string; what it says of an unknown path would mislead."""
    problem: dict[str, object] = {"type": "about:blank", "title": title}
    if status is not None:
        problem["status"] = status
    problem["request_id"] = "$context.requestId"
    if status == HTTPStatus.NOT_FOUND:
        return json.dumps({**problem, "detail": "There is no such path, or not with this method."})
    return json.dumps(problem)[:-1] + ', "detail": $context.error.messageString}'
