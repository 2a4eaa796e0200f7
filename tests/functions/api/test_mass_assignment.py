"""No request sets more than the operation is for: what a body may not name is refused, not passed over."""

import pytest

from tests.access_matrix import PLANS, PROTECTED, path_of

# An envelope of telemetry may have fields of a newer release, and is stored as it came: see docs/adr.
WITH_A_BODY = [route for route in PROTECTED if PLANS[route.operation].body and route.operation != "send_telemetry"]
PRIVILEGED = (
    ("role", "admin"),
    ("version", 99),
    ("by", {"id": "user:root", "name": "root"}),
    ("source", "fleet"),
    ("created_by", "user:root"),
    ("principal", "user:root"),
)


@pytest.mark.parametrize("route", WITH_A_BODY, ids=lambda route: route.operation)
def test_a_field_that_is_not_the_caller_s_to_set_is_refused_by_its_name(seeds, route):
    def asked(**more):
        rest = PLANS[route.operation].rest(seeds)
        return seeds.ask("root", route.method, path_of(route, seeds), **{**rest, "body": {**rest["body"], **more}})

    for name, value in PRIVILEGED:
        refused = asked(**{name: value})
        assert (refused.status, refused.document["field"]) == (400, name)
    assert 200 <= asked().status < 300
