"""Every role over every scope against every operation, with the API's code over in-memory adapters."""

import pytest

from tests import access_matrix
from tests.access_matrix import PLANS, PROTECTED, Verdict


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
