"""Every role over every scope against every operation, with real tokens and keys, asked of the laptop cloud."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.domain.access import Kind
from tests import access_matrix
from tests.access_matrix import PROTECTED, Verdict, people
from tests.e2e.people import Asking
from tests.e2e.seeding import seeded

WORKERS = 6


@pytest.fixture(scope="module")
def seeds(cloud):
    ask = Asking(cloud)
    seeds = seeded(ask)

    def admit(person):
        who = person.principal
        if who is not None and who.kind is Kind.USER:
            grants = [{"role": one.role.value, "scope": one.scope} for one in who.grants]
            ask.add_user(person.name, seeds.email(), grants)
        elif who is not None:
            ask.add_device_key(person.name, who.grants[0].scope.removeprefix("device:"))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(admit, people()))
    yield seeds
    ask.close()


def test_every_cell_is_as_the_domain_has_it(seeds):
    wrong, counted = access_matrix.ask_all(seeds, WORKERS)
    assert wrong == []
    assert sum(counted.values()) == len(PROTECTED) * len(people())
    assert all(counted[verdict] for verdict in Verdict)


def test_an_outsider_cannot_tell_what_is_there_from_what_is_not(seeds):
    with ThreadPoolExecutor(WORKERS) as pool:
        told = pool.map(lambda route: access_matrix.telling_apart(route, seeds), PROTECTED)
    assert [one for several in told for one in several] == []
