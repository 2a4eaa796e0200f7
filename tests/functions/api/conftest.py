import msgspec
import pytest

from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.deliveries import Reason
from functions.domain.grants import Holder
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.state import Change
from tests.access_matrix import LINE, Answer, Seeds, people
from tests.functions.alarm_cases import transition
from tests.functions.api_harness import api_harness
from tests.functions.domain.deliveries_of import notice

ROOT = Principal("user:root", Kind.USER, "root", (Grant(Role.ADMIN, "*"),))


@pytest.fixture
def api(clock):
    return api_harness(clock)


@pytest.fixture
def seeds(api, clock):
    """A world of its own for each operation: one that takes things away stands in no other's way."""
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
        raw = b'{"v":1,"boot":"b","seq":1,"sent":2,"m":[{"ts":1,"values":{"temperature":250}}]}'
        api.quarantine.put([QuarantineEntry(thing, clock.now_ms(), raw, (fault,))])
        return api.quarantine.page(thing, 1, None).entries[0].id

    def alarmed(thing):
        found = transition(thing=thing)
        change = Change(state=api.states.read([thing])[thing], now=clock.now_ms(), transitions=(found,), group=LINE)
        api.states.save({thing: change})
        return found.alarm

    def failed(thing):
        about = transition(thing=thing)
        made = msgspec.structs.replace(notice("nobody", thing=thing, number=about.number), group=LINE)
        api.deliveries.deliveries[made.id] = made.failed(
            Reason.NO_RECIPIENT, clock.now_ms(), "there is no such recipient"
        )
        return made.id

    return Seeds(ask, quarantined, alarmed, failed)


@pytest.fixture
def journal(api):
    """The audit of the world of `seeds`."""
    return api.journal
