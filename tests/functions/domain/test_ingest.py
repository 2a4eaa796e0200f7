import json

import pytest

from contract.models import shipped
from functions.domain.engine.inputs import AHEAD_MS
from functions.domain.ingest import FUTURE_MS, Fault, Incoming, assess, inputs_of, state_after
from functions.domain.state import MAX_METRICS, Boundless, DeviceState, Latest

NOW = 1_764_000_000_000
HOUR = 3_600_000
CLIMATE = shipped()["climate"]


def incoming(*measurements, seq=0, boot="b1", received_at=NOW, id_=None):
    document = {"v": 1, "boot": boot, "seq": seq, "sent": received_at, "m": list(measurements)}
    return Incoming(id_ or f"{boot}-{seq}", "pump-1", received_at, json.dumps(document).encode())


def measured(ts=NOW, q=None, **values):
    return {"ts": ts, "values": values, **({"q": q} if q else {})}


def raw(data):
    return Incoming("id", "pump-1", NOW, data)


def assess_one(message, model=CLIMATE, state=DeviceState()):  # noqa: B008 - immutable
    (one,) = assess([message], model, state)
    return one


def reasons(one):
    return [fault.reason for fault in one.faults]


def test_a_good_message_becomes_points():
    one = assess_one(incoming(measured(temperature=21.4, pressure=1000), measured(NOW - 1, "estimated", temperature=1)))
    assert [(p.metric, p.ts, p.value, p.quality, p.late, p.received_at) for p in one.points] == [
        ("temperature", NOW, 21.4, "good", False, NOW),
        ("pressure", NOW, 1000.0, "good", False, NOW),
        ("temperature", NOW - 1, 1.0, "estimated", False, NOW),
    ]
    assert (one.faults, one.entry) == ((), None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"not JSON", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 50_000, "malformed"),
        (b'{"v":1,"boot":"b","seq":-1,"sent":0,"m":[]}', "malformed"),
        (b'{"v":99,"boot":"b","seq":0,"sent":0,"m":[]}', "unsupported_version"),
        (b" " * 131_073, "too_large"),
    ],
)
def test_a_message_that_cannot_be_read_is_a_fault_with_the_contract_s_words_and_all_its_bytes(data, reason):
    one = assess_one(raw(data))
    assert (reasons(one), one.observation) == ([reason], None)
    assert one.entry.raw == data
    assert "must be" in one.faults[0].detail


def test_a_point_more_than_a_quarter_of_an_hour_ahead_is_a_fault_and_the_rest_is_kept():
    one = assess_one(incoming(measured(NOW + FUTURE_MS, temperature=1), measured(NOW + FUTURE_MS + 1, temperature=2)))
    assert [point.value for point in one.points] == [1.0]
    assert one.faults == (
        Fault("future", "expected a ts at most 900000 ms after its receipt, got 900001 ms", None, NOW + FUTURE_MS + 1),
    )


def test_rules_trust_a_clock_that_is_ahead_for_some_seconds_and_then_the_receipt():
    readings = [measured(NOW + ahead, temperature=value) for ahead, value in ((AHEAD_MS, 1), (-5, 2), (FUTURE_MS, 4))]
    (taken,), _ = inputs_of(
        assess([incoming(*readings, measured(NOW + 60_000, temperature=3))], CLIMATE, DeviceState())
    )
    assert taken.samples == ((NOW - 5, {"temperature": 2}), (NOW + AHEAD_MS, {"temperature": 4}))


@pytest.mark.parametrize(("ago", "late"), [(HOUR, False), (HOUR + 1, True), (30 * 24 * HOUR, True)])
def test_older_than_the_model_s_lateness_is_late(ago, late):
    assert [point.late for point in assess_one(incoming(measured(NOW - ago, temperature=1))).points] == [late]
    assert [point.late for point in assess_one(incoming(measured(NOW - ago, x=1)), None).points] == [late]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"temperature": 5000}, "out_of_range"),
        ({"temperature": "hot"}, "wrong_type"),
        ({"temperature": True}, "wrong_type"),
        ({"temperature": None}, "wrong_type"),
        ({"temperature": [1]}, "wrong_type"),
        ({"temperature": 2**60}, "bad_value"),
        ({"mood": "x" * 257}, "bad_value"),
        ({"Bad Name": 1}, "bad_value"),
    ],
)
def test_a_bad_value_is_a_fault_of_its_own_and_the_rest_is_kept(values, reason):
    one = assess_one(incoming(measured(**values, pressure=1013.2)))
    assert [point.metric for point in one.points] == ["pressure"]
    (fault,) = one.faults
    assert (fault.reason, fault.metric, fault.ts) == (reason, next(iter(values)), NOW)
    assert fault.detail.startswith("expected ")
    assert ", got " in fault.detail


def test_a_metric_that_the_model_does_not_know_is_stored_as_unmodeled():
    one = assess_one(incoming(measured(mood="fine", temperature=1)))
    state = state_after(DeviceState(), [one])
    assert state.latest["mood"] == Latest(NOW, "fine", "good", unmodeled=True)
    assert not state.latest["temperature"].unmodeled
    assert state.counters.unmodeled == 1


def test_without_a_model_everything_is_unmodeled():
    state = state_after(DeviceState(), [assess_one(incoming(measured(temperature=5000)), None)])
    assert state.latest["temperature"] == Latest(NOW, 5000.0, "good", unmodeled=True)


def test_a_message_seen_before_says_what_to_look_for_and_leaves_all_else_alone():
    first = incoming(measured(temperature=1, humidity=5000))
    state = state_after(DeviceState(), [assess_one(first)])
    again = assess_one(incoming(measured(temperature=1, humidity=5000), received_at=NOW + 2 * HOUR), state=state)
    assert [point.metric for point in again.again] == ["temperature"]
    assert (again.points, again.faults, again.entry) == ((), (), None)
    after = state_after(state, [again])
    assert (after.latest, after.boots) == (state.latest, state.boots)


def test_a_message_seen_before_takes_no_room_from_others():
    late = [measured(NOW - 2 * HOUR, **{f"m{at}": 1}) for at in range(MAX_METRICS)]
    state = state_after(DeviceState(), [assess_one(incoming(*late), None)])
    _, other = assess([incoming(*late), incoming(measured(other=1), seq=1, received_at=NOW + 1)], None, state)
    assert [point.metric for point in other.points] == ["other"]


def test_a_message_delivered_twice_in_a_batch_counts_once():
    twice = [incoming(measured(temperature=1), id_="one"), incoming(measured(temperature=1), id_="two")]
    assessed = assess(twice, CLIMATE, DeviceState())
    assert [len(one.points) for one in assessed] == [1, 0]
    assert [len(one.again) for one in assessed] == [0, 1]
    counters = state_after(DeviceState(), assessed).counters
    assert (counters.messages, counters.points, counters.duplicates) == (1, 1, 1)


def test_a_message_delivered_again_later_changes_nothing_but_the_duplicates():
    message = incoming(measured(temperature=1), measured(NOW + 10 * HOUR, temperature=2))
    once = state_after(DeviceState(), [assess_one(message)])
    again = assess_one(message, state=once)
    assert (again.points, again.faults) == ((), ())
    assert state_after(once, [again]).counters.duplicates == 1
    assert state_after(once, [again]).latest == once.latest


def test_messages_are_taken_in_the_order_of_their_receipt():
    late = incoming(measured(NOW, temperature=2), seq=1, received_at=NOW + 5)
    early = incoming(measured(NOW, temperature=1), seq=0, received_at=NOW)
    state = state_after(DeviceState(), assess([late, early], CLIMATE, DeviceState()))
    assert state.latest["temperature"].value == 1.0


def test_more_metrics_than_the_state_may_hold_are_a_fault_and_known_ones_go_on():
    full = DeviceState(latest={f"m{at}": Latest(NOW - 1, 0.0, "good") for at in range(MAX_METRICS)})
    one = assess_one(incoming(measured(m0=1, brand_new=2)), None, full)
    assert [point.metric for point in one.points] == ["m0"]
    assert (reasons(one), one.faults[0].metric) == (["too_many_metrics"], "brand_new")


@pytest.mark.parametrize("ago", [0, 2 * HOUR])
def test_late_points_of_new_metrics_count_like_any_other(ago):
    full = DeviceState(latest={f"m{at}": Latest(NOW - 1, 0.0, "good") for at in range(MAX_METRICS)})
    one = assess_one(incoming(measured(NOW - ago, m0=1, brand_new=2)), None, full)
    assert [point.metric for point in one.points] == ["m0"]
    assert (reasons(one), one.faults[0].metric) == (["too_many_metrics"], "brand_new")


def test_late_metrics_of_one_batch_share_the_room_and_leave_latest_alone():
    messages = [
        incoming(measured(NOW - 2 * HOUR, **{f"m{seq}_{at}": 1 for at in range(100)}), seq=seq) for seq in range(4)
    ]
    more = incoming(measured(m0_0=1, m9=1), measured(NOW - 3 * HOUR, m3_99=1, m10=1), seq=9)
    assessed = assess([*messages, more], None, DeviceState())
    assert sum(len(one.points) for one in assessed[:4]) == MAX_METRICS
    assert [point.metric for point in assessed[4].points] == ["m0_0", "m3_99"]
    assert [fault.metric for fault in assessed[4].faults] == ["m9", "m10"]
    assert list(state_after(DeviceState(), assessed).latest) == ["m0_0"]


def test_metrics_of_one_batch_share_the_room():
    messages = [incoming(measured(**{f"m{seq}_{at}": 1 for at in range(100)}), seq=seq) for seq in range(5)]
    assessed = assess(messages, None, DeviceState())
    assert sum(len(one.points) for one in assessed) == MAX_METRICS
    assert len(state_after(DeviceState(), assessed).latest) == MAX_METRICS


def test_two_values_of_one_instant_in_a_message_are_one_point_and_the_greater():
    one = assess_one(incoming(measured(temperature=2), measured(temperature=9), measured(temperature=1)))
    assert [point.value for point in one.points] == [9.0]


def test_points_that_a_store_refuses_join_the_faults():
    one = assess_one(incoming(measured(temperature=1, pressure=1000)))
    refused = Fault("expired", "too old")
    left = one.without({one.points[0]: refused})
    assert [point.metric for point in left.points] == ["pressure"]
    assert left.entry.reasons == ("expired",)
    assert state_after(DeviceState(), [left]).counters.points == 1
    assert one.without({}) is one


def test_an_entry_names_each_reason_once():
    values = {"temperature": 5000, "humidity": -1, "pressure": "low"}
    one = assess_one(incoming(measured(**values), measured(NOW + HOUR, temperature=1)))
    assert one.entry.reasons == ("out_of_range", "wrong_type", "future")


def test_a_point_on_time_and_after_all_that_were_known_is_fresh():
    known = DeviceState(latest={"temperature": Latest(NOW - 5, 20.0, "good")})
    newer, same, older = (
        assess_one(incoming(measured(ts, temperature=21.0)), state=known).points[0].fresh
        for ts in (NOW, NOW - 5, NOW - 6)
    )
    assert (newer, same, older) == (True, False, False)


def test_a_late_point_is_never_fresh():
    assert not assess_one(incoming(measured(NOW - 48 * HOUR, temperature=21.0))).points[0].fresh


def test_of_two_messages_with_the_same_instant_only_the_first_is_fresh():
    first, second = assess(
        [incoming(measured(temperature=value), seq=seq) for seq, value in enumerate((20.0, 21.0))],
        CLIMATE,
        DeviceState(),
    )
    assert [first.points[0].fresh, second.points[0].fresh] == [True, False]


def test_nothing_is_fresh_where_the_state_is_not_known():
    (one,) = assess([incoming(measured(temperature=21.0))], CLIMATE, DeviceState(), Boundless())
    assert not one.points[0].fresh
