"""One suite for shadows and one for wishes: in memory, and on AWS's own calls."""

import boto3
import msgspec
import pytest

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_wishes import DynamoDBWishes
from functions.adapters.iot_shadows import IotShadows
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_shadows import MemoryShadows, MemoryWishes
from functions.domain.audit import Actor, Note
from functions.domain.fences import Fence, Passed
from functions.domain.shadows import ShadowName, Wish
from functions.errors import CursorError, ShadowError
from tests.functions.api_harness import person

NOW = 1_764_000_000_000
STATE = ShadowName.STATE


@pytest.fixture(params=["memory", "iot"])
def shadows(request):
    """The port and what a device would report through."""
    if request.param == "memory":
        port = MemoryShadows()
        return port, lambda values: port.report("pump-1", STATE, values, NOW)
    request.getfixturevalue("aws")
    boto3.client("iot").create_thing(thingName="pump-1")
    client = boto3.client("iot-data")

    def report(values):
        document = {"state": {"reported": {"v": 1, "values": values}}}
        client.update_thing_shadow(thingName="pump-1", shadowName="state", payload=msgspec.json.encode(document))

    return IotShadows(client), report


def test_a_shadow_that_nobody_wrote_is_none(shadows):
    assert shadows[0].read("pump-1", STATE) is None


def test_what_is_desired_is_merged_under_the_version_that_was_read(shadows):
    port, _ = shadows
    first = port.update("pump-1", STATE, {"relay": {"on": True, "for_s": 5}}, 0)
    assert first.desired == {"relay": {"on": True, "for_s": 5}}
    second = port.update("pump-1", STATE, {"relay": {"on": False, "for_s": None}}, first.version)
    assert second.desired == {"relay": {"on": False}}
    assert port.read("pump-1", STATE) == second
    assert port.read("pump-1", ShadowName.CONFIG) is None


def test_an_update_of_a_shadow_that_has_moved_on_changes_nothing(shadows):
    port, report = shadows
    first = port.update("pump-1", STATE, {"relay": {"on": True}}, 0)
    report({"relay": {"on": False}})
    assert port.update("pump-1", STATE, {"relay": {"on": False}}, first.version) is None
    assert port.read("pump-1", STATE).desired == {"relay": {"on": True}}


def test_an_update_without_a_version_is_merged_into_what_there_is_by_now(shadows):
    port, report = shadows
    report({"relay": {"on": False}})
    assert port.update("pump-1", STATE, {"relay": {"on": True}}, 0).desired == {"relay": {"on": True}}


def test_what_is_reported_stands_beside_what_is_desired(shadows):
    port, report = shadows
    port.update("pump-1", STATE, {"relay": {"on": True}}, 0)
    report({"relay": {"on": False}})
    shadow = port.read("pump-1", STATE)
    assert (shadow.desired, shadow.reported) == ({"relay": {"on": True}}, {"relay": {"on": False}})
    assert shadow.reported_at is not None


@pytest.mark.usefixtures("aws")
def test_what_a_device_reports_in_another_form_does_not_hide_what_is_desired():
    boto3.client("iot").create_thing(thingName="pump-1")
    client = boto3.client("iot-data")
    port = IotShadows(client)
    port.update("pump-1", STATE, {"relay": {"on": True}}, 0)
    odd = {"state": {"reported": {"values": [1], "rejected": {"relay": 5, "*": "busy"}}}}
    client.update_thing_shadow(thingName="pump-1", shadowName="state", payload=msgspec.json.encode(odd))
    shadow = port.read("pump-1", STATE)
    assert (shadow.desired, shadow.reported, shadow.rejected) == ({"relay": {"on": True}}, {}, {"*": "busy"})


@pytest.mark.usefixtures("aws")
def test_a_thing_that_aws_does_not_know_is_an_error_of_ours():
    with pytest.raises(ShadowError, match="updating the shadow state of nobody"):
        IotShadows(boto3.client("iot-data", endpoint_url="http://127.0.0.1:9")).update("nobody", STATE, {}, 0)


@pytest.fixture(params=["memory", "dynamodb"])
def wishes(request):
    if request.param == "memory":
        return MemoryWishes(MemoryJournal())
    client = request.getfixturevalue("dynamodb")
    return DynamoDBWishes(client, "core", AuditedWrites(client, "events"), history_days=365)


def note():
    return Note(
        actor=Actor(person("admin"), "request-1", "192.0.2.1"),
        action="state.desire",
        subject_kind="device",
        subject_id="pump-1",
        at=NOW,
    )


def keep(wishes, version, name=STATE, thing="pump-1", fences=(), **values):
    wish = Wish(version=version, values=values, set_by="user:ann", set_by_name="ann", set_at=NOW + version)
    return wishes.save(thing, name, wish, note(), fences)


def test_a_wish_is_kept_whole_and_each_shadow_has_its_own(wishes):
    assert wishes.current("pump-1", STATE) is None
    assert keep(wishes, 1, relay={"on": True, "level": 0.5})
    assert keep(wishes, 1, name=ShadowName.CONFIG, interval_ms=5000)
    assert wishes.current("pump-1", STATE) == Wish(
        version=1,
        values={"relay": {"on": True, "level": 0.5}},
        set_by="user:ann",
        set_by_name="ann",
        set_at=NOW + 1,
    )
    assert wishes.current("pump-1", ShadowName.CONFIG).values == {"interval_ms": 5000}
    assert wishes.current("pump-2", STATE) is None


@pytest.mark.parametrize("version", [1, 3])
def test_a_wish_that_does_not_follow_the_current_one_is_not_kept(wishes, version):
    keep(wishes, 1, relay={"on": True})
    assert not keep(wishes, version, relay={"on": False})
    assert wishes.current("pump-1", STATE).values == {"relay": {"on": True}}
    assert len(wishes.page("pump-1", STATE, 10, None).wishes) == 1


def test_a_wish_that_comes_late_at_its_fence_is_not_kept(wishes):
    assert keep(wishes, 1, fences=[Fence("too-warm#relay", "00000042#0001")], relay={"on": False}) is True
    late = keep(wishes, 2, fences=[Fence("other", "1"), Fence("too-warm#relay", "00000042#0000")], relay={"on": True})
    again = keep(wishes, 2, fences=[Fence("too-warm#relay", "00000042#0001")], relay={"on": True})
    assert late == again == Passed("too-warm#relay", "00000042#0001")
    assert wishes.current("pump-1", STATE).version == 1
    assert keep(wishes, 2, fences=[Fence("another", "1"), Fence("other", "1")], relay={"on": True}) is True
    assert keep(wishes, 1, thing="pump-2", fences=[Fence("too-warm#relay", "00000001#0000")]) is True


def test_a_wish_that_is_not_kept_passes_no_fence(wishes):
    fences = [Fence("too-warm#relay", "00000042#0001")]
    assert keep(wishes, 7, fences=fences, relay={"on": False}) is False
    assert keep(wishes, 1, fences=fences, relay={"on": False}) is True


def test_only_the_current_wish_is_marked_as_sent(wishes):
    keep(wishes, 1, relay={"on": True})
    keep(wishes, 2, relay={"on": False})
    wishes.mark_sent("pump-1", STATE, 1)
    assert not wishes.current("pump-1", STATE).sent
    wishes.mark_sent("pump-1", STATE, 2)
    wishes.mark_sent("pump-1", STATE, 2)
    assert wishes.current("pump-1", STATE).sent


def test_history_is_newest_first_page_by_page_and_of_one_shadow(wishes):
    for version in range(1, 6):
        keep(wishes, version, relay={"on": version % 2 == 0})
    keep(wishes, 1, name=ShadowName.CONFIG, interval_ms=5000)
    first = wishes.page("pump-1", STATE, 2, None)
    second = wishes.page("pump-1", STATE, 2, first.cursor)
    last = wishes.page("pump-1", STATE, 2, second.cursor)
    assert [wish.version for page in (first, second, last) for wish in page.wishes] == [5, 4, 3, 2, 1]
    assert last.cursor is None
    with pytest.raises(CursorError):
        wishes.page("pump-1", ShadowName.CONFIG, 2, first.cursor)
