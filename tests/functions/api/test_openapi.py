"""The OpenAPI says what the code does, and the committed one is of this code."""

import json
import re
import subprocess
import sys

import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from functions.api.answer import described
from functions.api.openapi import schemas
from functions.api.openapi.document import document, operation_of
from functions.api.openapi.written import PATH, text
from functions.domain.access import MATRIX
from functions.problem_types import GATEWAY_PROBLEMS, PROBLEMS
from functions.routes import ROUTES
from tests.functions import api_description

# Lists that never have a second page.
ALWAYS_WHOLE = {"list_models", "device_loss", "list_dead_letter_queues", "peek_dead_letters"}
# PUT that also makes what is not there, of which there is no version to name.
MAKES_TOO = {"save_model"}
SERVED = [route for route in ROUTES if operation_of(route) is not None]
BY_OPERATION = pytest.mark.parametrize("route", SERVED, ids=lambda route: route.operation)


@pytest.fixture(scope="module")
def openapi():
    return document()


def of(openapi, route):
    return openapi["paths"][route.path][route.method.lower()]


def test_the_committed_file_is_of_this_code():
    assert PATH.read_text() == text(), (
        "the API's description has changed: run `make openapi` and look at the difference"
    )


def test_the_api_serves_the_committed_file(api):
    assert api.get("/openapi.json", authorizer=False) == (200, json.loads(PATH.read_text()))


def test_every_route_has_an_operation():
    assert list(ROUTES) == SERVED


def test_it_is_valid_openapi(openapi):
    found = OPENAPI_31_VALIDATOR.iter_errors(openapi)
    assert [f"{list(one.instance_path)}: {one.message}" for one in found] == []


def test_names_of_schemas_tell_nothing_of_our_modules(openapi):
    assert [name for name in openapi["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)] == []


def test_every_reference_leads_somewhere(openapi):
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(openapi)):
        assert name in openapi["components"][kind]


@BY_OPERATION
def test_an_operation_says_what_it_does_answers_and_needs(openapi, route):
    operation = of(openapi, route)
    assert described(operation_of(route)) is not None, "@answers is missing"
    assert re.fullmatch(r"[A-Z].+[^.]", operation["summary"]), operation["summary"]
    assert operation.get("x-permission") == route.permission
    assert operation["security"] == ([] if route.public else [{"bearer": []}])
    assert {"401", "403"} <= set(operation["responses"]) or route.public
    assert "404" in operation["responses"] or "{" not in route.path


@BY_OPERATION
def test_every_parameter_is_explained_and_bounded(openapi, route):
    given = of(openapi, route).get("parameters", [])
    assert {one["name"] for one in given if one["in"] == "path"} == set(re.findall(r"{(\w+)}", route.path))
    for one in given:
        assert one["description"], (
            f"{route.operation}: say what {one['name']} is, in its Query or openapi/parameters.py"
        )
        kind = one["schema"].get("items", one["schema"])
        if kind.get("type") == "string":
            assert {"maxLength", "enum", "pattern"} & {*kind, *one["schema"]}, (
                f"{route.operation}: {one['name']} has no bound"
            )


@BY_OPERATION
def test_what_creates_takes_an_idempotency_key_and_what_replaces_needs_a_version(openapi, route):
    headers = {
        one["name"]: one["required"] for one in of(openapi, route).get("parameters", []) if one["in"] == "header"
    }
    assert ("Idempotency-Key" in headers) == route.creates
    if route.method == "PUT":
        assert headers["If-Match"] is (route.operation not in MAKES_TOO)


@BY_OPERATION
def test_a_list_has_a_cursor_going_in_and_coming_out(openapi, route):
    operation = of(openapi, route)
    takes = any(one["name"] == "cursor" for one in operation.get("parameters", []))
    shape = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    kinds = [openapi["components"]["schemas"].get(one["$ref"].rpartition("/")[2]) for one in refs(shape)]
    gives = any("cursor" in kind["required"] for kind in kinds)
    assert gives == takes or route.operation in ALWAYS_WHOLE
    assert kinds or not takes


def refs(shape):
    return [one for one in [shape, *shape.get("anyOf", [])] if "$ref" in one]


def test_each_permission_of_the_matrix_is_needed_somewhere():
    assert {route.permission for route in ROUTES} == {*MATRIX, None}


def bodies(openapi):
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation:
                yield f"{method} {path}", operation["requestBody"]


def test_bodies_take_no_unknown_fields_and_no_endless_ones(openapi):
    for where, body in bodies(openapi):
        for name in _reached(openapi, body):
            component = openapi["components"]["schemas"][name]
            if component.get("type") == "object":
                assert component.get("additionalProperties") is False, f"{where}: {name} takes unknown fields"
            for field, schema in component.get("properties", {}).items():
                for one in [schema, *schema.get("anyOf", [])]:
                    bounds = {"string": {"maxLength", "enum", "const", "pattern"}, "array": {"maxItems"}}
                    wanted = bounds.get(one.get("type"))
                    assert wanted is None or wanted & set(one), f"{where}: {name}.{field} has no upper bound"


def _reached(openapi, start):
    found, waiting = set(), [start]
    while waiting:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop())):
            if name not in found:
                found.add(name)
                waiting.append(openapi["components"]["schemas"][name])
    return sorted(found)


def test_no_request_loads_the_generator_or_the_page():
    script = "import sys, functions.handlers.api; print('\\n'.join(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "functions.api.operations.docs" in loaded
    assert not [name for name in loaded if "swagger" in name or name.startswith("functions.api.openapi")]


# --- the page for people


DOCS = (PATH.parents[2] / "docs" / "api.md").read_text()


def test_the_documentation_names_every_route_and_no_other():
    documented = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)`", DOCS.partition("## Every route")[2])
    assert sorted(set(documented)) == sorted(f"{route.method} {route.path}" for route in ROUTES)


def test_the_documentation_names_every_kind_of_problem_with_its_status():
    for kind, (status, _) in {**PROBLEMS, **GATEWAY_PROBLEMS}.items():
        assert f"| `{kind}` | {status} |" in DOCS


# --- the page to try it with


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(api):
    status, page = api.get("/docs", authorizer=False)
    assert status == 200
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == [
        "docs?part=style",
        "openapi.json",
        "docs?part=ui",
        "docs?part=start",
    ]
    assert not re.search(r"<script(?! src)|<style|\son\w+=", page)
    policy = dict(one.strip().split(" ", 1) for one in api.headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["connect-src"], policy["frame-ancestors"]) == ("'self'", "'none'")


@pytest.mark.parametrize(
    ("part", "media", "holds"),
    [
        ("ui", "text/javascript", "SwaggerUIBundle"),
        ("start", "text/javascript", "openapi.json"),
        ("style", "text/css", ".swagger-ui"),
    ],
)
def test_what_the_page_consists_of_is_served_with_its_type(api, part, media, holds):
    status, body = api.get("/docs", ("part", part), authorizer=False)
    assert (status, api.headers["Content-Type"].partition(";")[0]) == (200, media)
    assert api.headers["X-Content-Type-Options"] == "nosniff"
    assert holds in body


# --- the check that every test of the API goes through


def answered(status=200, body='{"status": "ok", "time": 1}', *, path="/health", media="application/json", headers=None):
    api_description.check("GET", path, None, status, {"Content-Type": media, **(headers or {})}, body)


def test_an_answer_as_described_passes():
    answered()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"status": 418}, "does not know"),
        ({"body": '{"status": "ok", "time": 1, "secret": 2}'}, "secret"),
        ({"body": '{"status": "ok"}'}, "time"),
        ({"body": '{"status": "ok", "time": "now"}'}, "time"),
        ({"media": "text/html"}, "text/html"),
        ({"headers": {"ETag": '"1"'}}, "ETag"),
        ({"status": 429, "media": api_description.PROBLEM, "body": "{}"}, "Retry-After"),
    ],
)
def test_an_answer_that_is_not_as_described_fails_its_test(changed, complaint):
    with pytest.raises(AssertionError, match=complaint):
        answered(**changed)


def test_a_problem_of_another_type_than_its_status_tells_fails_its_test():
    wrong = {"type": "urn:fieldline:problem:forbidden", "title": "t", "status": 429, "detail": "d", "request_id": None}
    with pytest.raises(AssertionError, match="not as described"):
        answered(429, json.dumps(wrong), media=api_description.PROBLEM, headers={"Retry-After": "1"})


# --- structs as schemas


class Inner(msgspec.Struct, frozen=True, omit_defaults=True):
    kept: int
    left_out: int = 0


class Outer(msgspec.Struct, frozen=True):
    inner: Inner
    unset: int | msgspec.UnsetType = msgspec.UNSET
    default: str | None = None
    title: str = ""


def test_a_field_is_promised_unless_the_struct_may_leave_it_out():
    _, components = schemas.of_answers([Outer])
    assert components["Outer"]["required"] == ["inner", "default", "title"]
    assert components["Inner"]["required"] == ["kept"]
    assert set(components["Outer"]["properties"]) == {"inner", "unset", "default", "title"}


def test_a_closed_schema_forbids_other_properties_at_every_depth():
    _, components = schemas.of_answers([Outer])
    shut = schemas.closed(components)
    assert shut["Outer"]["additionalProperties"] is False
    assert shut["Inner"]["additionalProperties"] is False
