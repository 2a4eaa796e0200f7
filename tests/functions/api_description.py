"""Whether what the API answers is what its OpenAPI says: every answer of every test that calls the API is checked."""

import json
import re
from functools import cache

import jsonschema_rs

from functions.api.openapi import schemas
from functions.api.openapi.document import document
from functions.routes import ROUTES

PROBLEM = "application/problem+json"


@cache
def described():
    """The OpenAPI of the code as it is now, with objects that have the named properties and no others."""
    return schemas.closed(document())


def check(method, path, sent, status, headers, body):
    """Fails where an answer, or a body that was taken, is not as described. `sent` and `body` are texts or None."""
    route = route_of(method, path)
    if route is None:
        assert status == 404, f"{method} {path} is in no catalogue, and was answered with {status}"
        return
    operation = described()["paths"].get(route.path, {}).get(method.lower())
    if operation is None or not any(code < "300" for code in operation["responses"]):
        return  # tests/functions/api/test_openapi.py fails for it
    where = f"{method} {route.path} answered {status}"
    assert str(status) in operation["responses"], (
        f"{where}, which its description does not know; where it is right, name it in @answers(…, problems=…)"
    )
    response = _resolved(operation["responses"][str(status)])
    _check_headers(where, response, headers)
    _check_body(where, route.operation, str(status), response.get("content", {}), headers, body)
    if status < 300 and sent:
        _check_taken(route.operation, operation, sent)


def route_of(method, path):
    """Literal segments win over parameters, as at the gateway."""
    matching = [one for one in ROUTES if one.method == method and _pattern(one.path).fullmatch(path)]
    return min(matching, key=lambda route: route.path.count("{"), default=None)


@cache
def _pattern(path):
    return re.compile(re.sub(r"{\w+}", "[^/]+", path))


def _resolved(response):
    name = response.get("$ref", "").rpartition("/")[2]
    return described()["components"]["responses"][name] if name else response


def _check_headers(where, response, headers):
    given = {name.lower(): value for name, value in headers.items()}
    for name, header in response.get("headers", {}).items():
        assert name.lower() in given or not header.get("required"), f"{where} without the header {name}"
        assert name.lower() not in given or _validator(json.dumps(header["schema"])).is_valid(given[name.lower()]), (
            f"{where}: {name} {given}"
        )
    assert "etag" not in given or "ETag" in response.get("headers", {}), (
        f"{where} with an ETag: say @answers(etag=True)"
    )


def _check_body(where, operation, status, content, headers, body):
    if not content:
        assert not body, f"{where} with a body, which its description does not know: {body[:200]}"
        return
    media = next((value for name, value in headers.items() if name.lower() == "content-type"), "").partition(";")[0]
    assert media in content, f"{where} as {media!r}, its description knows {sorted(content)}"
    if "json" in media:
        _must_be_valid(f"{where}, not as described", content[media]["schema"], json.loads(body))


def _check_taken(operation, description, sent):
    content = description.get("requestBody", {}).get("content", {})
    assert content, f"{operation} took a body that its description does not know"
    if "application/json" in content:
        _must_be_valid(
            f"{operation} took what its description forbids", content["application/json"]["schema"], json.loads(sent)
        )


def _must_be_valid(what, schema, document):
    found = _validator(json.dumps(schema)).iter_errors(document)
    errors = [f"{'/'.join(map(str, one.instance_path)) or 'document'}: {one.message}" for one in found]
    assert not errors, f"{what}: {errors[:3]}"


@cache
def _validator(schema):
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), "components": described()["components"]})
