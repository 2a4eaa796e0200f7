"""Every role over every scope against every operation, with the API's code over in-memory adapters."""

import pytest

from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.grants import Holder
from functions.domain.ingest import Fault, QuarantineEntry
from tests import access_matrix
from tests.access_matrix import PLANS, PROTECTED, Answer, Seeds, Verdict, people
from tests.functions.api_harness import api_harness

ROOT = Principal("user:root", Kind.USER, "root", (Grant(Role.ADMIN, "*"),))


@pytest.fixture
def seeds(clock):
    """A world of its own for each operation: one that takes things away stands in no other's way."""
    api = api_harness(clock)
    known = {one.name: one.principal for one in people()}
    for who in [ROOT, *filter(None, known.values())]:
        if who.kind is Kind.USER:
            held = Holder(id=who.id, kind=who.kind, name=who.name, version=1, grants=who.grants)
            api.principals.holders[who.id] = held

    def ask(name, method, path, *, query=None, body=None, headers=None):
        who = ROOT if name == "root" else known[name]
        status, document = api.call(
            method, path, *(query or {}).items(), body=body, headers=headers or {}, who=who, authorizer=who is not None
        )
        return Answer(status, document, dict(api.headers))

    def quarantined(thing):
        fault = Fault("out_of_range", "250 is above 200", "temperature")
        api.quarantine.put([QuarantineEntry(thing, clock.now_ms(), b"{}", (fault,))])
        return api.quarantine.page(thing, 1, None).entries[0].id

    return Seeds(ask, quarantined)


def test_every_protected_operation_has_a_plan_and_every_plan_an_operation():
    assert set(PLANS) == {route.operation for route in PROTECTED}


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
def test_every_cell_is_as_the_domain_has_it(seeds, route):
    assert access_matrix.wrong_cells(route, seeds) == []


@pytest.mark.parametrize(
    "route", [one for one in PROTECTED if access_matrix.outside_attempts(one)], ids=lambda route: route.operation
)
def test_an_outsider_cannot_tell_what_is_there_from_what_is_not(seeds, route):
    assert access_matrix.telling_apart(route, seeds) == []


def test_no_verdict_is_without_cells():
    verdicts = {cell.right for route in PROTECTED for cell in access_matrix.cells(route)}
    assert verdicts == set(Verdict)
