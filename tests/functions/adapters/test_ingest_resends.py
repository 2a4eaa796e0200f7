"""Ingest over InfluxDB while devices send again and invocations die or meet: what is counted is what stands."""

import json

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.domain.series import Aggregate, RawRow, SeriesQuery
from functions.errors import StateError
from tests.functions.adapters.influx_backends import BACKENDS
from tests.functions.ingest_fleet import DAY, MINUTE, NOW, Fleet


@pytest.fixture(params=BACKENDS)
def fleet(request, clock):
    return Fleet(BACKENDS[request.param](request, clock), clock)


def sent(seq=0, after=0, value=1.0, ts=NOW):
    """A message as it is received `after` ms."""
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": NOW, "m": [{"ts": ts, "values": {"temperature": value}}]}
    data = json.dumps(document).encode()
    return wrapper.encode(IngestMessage(data=data, thing="pump-1", received_at=NOW + after))


def dies_before_the_state(fleet, *bodies):
    save = fleet.states.save

    def die(_states):
        raise StateError("the invocation died")

    fleet.states.save = die
    failed = fleet.take({str(at): body for at, body in enumerate(bodies)}).failed
    fleet.states.save = save
    assert failed == {str(at) for at in range(len(bodies))}


def meanwhile(fleet, body):
    """Another invocation takes the body after the next one has read the state."""
    read = fleet.states.read

    def race(things):
        states = read(things)
        fleet.states.read = read
        assert fleet.take({"other": body}).failed == set()
        return states

    fleet.states.read = race


def asked(fleet, **question):
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=NOW - DAY, end=NOW + DAY, **question)
    return fleet.store.series(query).rows


def assert_once(fleet, value=1.0):
    (row,) = asked(fleet, bin_ms=7 * DAY, aggregates=(Aggregate.COUNT, Aggregate.SUM))
    assert row.values == {"count": 1, "sum": value}
    assert asked(fleet) == (RawRow(NOW, "temperature", value, "good", late=False),)


@pytest.mark.parametrize("after", [1, 30_000, 20 * MINUTE])
def test_the_copy_of_a_message_whose_invocation_died_does_not_count_beside_it(fleet, after):
    first, resent = sent(), sent(after=after)
    dies_before_the_state(fleet, first)
    assert fleet.take({"id": resent}).failed == set()
    assert fleet.take({"id": first}).failed == set()
    assert_once(fleet)
    assert fleet.world.states["pump-1"].counters.messages == 1


@pytest.mark.parametrize("after", [1, 30_000, 20 * MINUTE])
def test_two_copies_in_two_invocations_at_once_count_once(fleet, after):
    meanwhile(fleet, sent(after=after))
    assert fleet.take({"id": sent()}).failed == set()
    assert_once(fleet)
    assert fleet.world.states["pump-1"].counters.messages == 1


def test_a_copy_beside_its_original_in_one_batch_is_looked_for_all_the_same(fleet):
    first, resent = sent(), sent(after=30_000)
    dies_before_the_state(fleet, first)
    assert fleet.take({"a": first, "b": resent}).failed == set()
    assert_once(fleet)


def test_a_version_that_another_in_its_batch_hides_is_looked_for_all_the_same(fleet):
    # Received together, and the one that is not fresh stands below the other.
    fresh, other = sent(0, value=2.0), sent(1, after=0, value=1.0)
    dies_before_the_state(fleet, sent(1, after=30_000, value=3.0))
    assert fleet.take({"a": fresh, "b": other}).failed == set()
    assert_once(fleet, 3.0)


def test_a_message_delivered_once_more_changes_nothing(fleet):
    fleet.take({"id": sent()})
    before, state = fleet.everything(), fleet.world.states["pump-1"]
    fleet.take({"id": sent()})
    after = fleet.world.states["pump-1"]
    assert fleet.everything()[0] == before[0]
    assert (after.latest, after.boots) == (state.latest, state.boots)
    assert (after.counters.messages, after.counters.points, after.counters.duplicates) == (1, 1, 1)
    assert_once(fleet)
