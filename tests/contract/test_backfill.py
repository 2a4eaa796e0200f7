import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.backfill import (
    Copied,
    CopyRequest,
    Damage,
    DeviceDay,
    LakeObject,
    Listing,
    Piece,
    PlanRequest,
    Position,
    Refused,
    Unavailable,
    read_answer,
    read_request,
    write,
)
from contract.errors import DocumentError

COUNTS = st.integers(0, 2**53)
TEXTS = st.text(max_size=8)
POSITIONS = st.builds(Position, COUNTS, COUNTS, st.none() | TEXTS)
PIECES = st.builds(
    Piece, objects=st.tuples(TEXTS), devices=st.lists(TEXTS, max_size=3).map(tuple), day=st.integers(0, 9)
)
DAYS = st.builds(
    DeviceDay,
    TEXTS,
    TEXTS,
    COUNTS,
    TEXTS,
    COUNTS,
    TEXTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.just({"expired": 1}),
    st.none() | COUNTS,
)
COUNTED = st.dictionaries(TEXTS, COUNTS, max_size=2)
ROUTE = {"source": TEXTS, "target": TEXTS, "since": st.integers(0, 9), "until": st.integers(0, 9)}
REQUESTS = st.builds(PlanRequest, **ROUTE, cursor=st.none() | TEXTS) | st.builds(
    CopyRequest, **ROUTE, piece=PIECES, position=POSITIONS, max_points=st.integers(1, 250_000)
)
ANSWERS = (
    st.builds(
        Listing,
        objects=st.lists(st.builds(LakeObject, TEXTS, COUNTS), max_size=3).map(tuple),
        devices=st.lists(TEXTS, max_size=3).map(tuple),
        cursor=st.none() | TEXTS,
        oldest=COUNTS,
    )
    | st.builds(
        Copied,
        next=st.none() | POSITIONS,
        points=COUNTS,
        days=st.lists(DAYS, max_size=3).map(tuple),
        bad_lines=COUNTS,
        damage=st.lists(st.builds(Damage, TEXTS, TEXTS, st.none() | COUNTS), max_size=2).map(tuple),
        faults=COUNTED,
    )
    | st.builds(Refused, field=TEXTS, expected=TEXTS, got=TEXTS)
    | st.builds(Unavailable, message=TEXTS)
)


@given(REQUESTS)
def test_a_request_is_read_as_it_was_written(request):
    assert read_request(json.loads(json.dumps(write(request)))) == request


@given(ANSWERS)
def test_an_answer_is_read_as_it_was_written(answer):
    assert read_answer(json.loads(json.dumps(write(answer)))) == answer


def test_the_words_on_the_wire_stay_what_they_are():
    asked = CopyRequest(
        source="lake", target="new", since=1, until=2, piece=Piece(objects=("raw/a",)), position=Position(3, 4)
    )
    assert json.loads(json.dumps(write(asked))) == {
        "v": 1,
        "action": "copy",
        "from": "lake",
        "to": "new",
        "since": 1,
        "until": 2,
        "piece": {"objects": ["raw/a"]},
        "position": {"item": 3, "line": 4},
    }
    copied = Copied(points=2, days=(DeviceDay("pump-1", "2025-11-24", 2, "0f", 2, "0f"),), next=Position(1))
    assert json.loads(json.dumps(write(copied))) == {
        "v": 1,
        "answer": "copied",
        "points": 2,
        "days": [["pump-1", "2025-11-24", 2, "0f", 2, "0f", 0, 0, 0, {}, None]],
        "next": {"item": 1},
    }


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        (None, None, "invalid_field"),
        ([], None, "invalid_field"),
        ({}, "v", "invalid_field"),
        ({"v": "1"}, "v", "invalid_field"),
        ({"v": True}, "v", "invalid_field"),
        ({"v": 2, "action": "plan"}, "v", "unsupported_version"),
        ({"v": 1}, "action", "invalid_field"),
        ({"v": 1, "action": ["plan"]}, "action", "invalid_field"),
        ({"v": 1, "action": "plan", "to": "x", "since": 0, "until": 1}, "from", "invalid_field"),
        ({"v": 1, "action": "plan", "from": "a", "to": "x", "since": "0", "until": 1}, "since", "invalid_field"),
    ],
)
def test_what_is_no_request_names_the_field(document, field, reason):
    with pytest.raises(DocumentError) as raised:
        read_request(document)
    assert (raised.value.field, raised.value.reason) == (field, reason)


def test_a_piece_and_a_slice_are_bounded():
    request = write(CopyRequest(source="a", target="b", since=0, until=1, piece=Piece()))
    for change in (
        {"piece": {"objects": ["x"] * 501}},
        {"max_points": 0},
        {"max_points": 250_001},
        {"position": {"item": -1}},
    ):
        with pytest.raises(DocumentError):
            read_request({**request, **change})


def test_a_day_is_verified_by_count_and_checksum():
    day = DeviceDay("d", "2025-11-24", 5, "0a", 3, "0a", superseded=1, refused={"expired": 1})
    assert (day.expected, day.verified) == (3, True)
    assert not DeviceDay("d", "2025-11-24", 5, "0a", 5, "0b").verified
    assert not DeviceDay("d", "2025-11-24", 5, "0a", 4, "0a").verified


def test_a_day_with_points_that_were_refused_for_anything_but_their_age_is_not_verified():
    day = DeviceDay("d", "2025-11-24", 5, "0a", 3, "0a", refused={"expired": 1, "unstorable": 1})
    assert (day.expected, day.matches, day.verified) == (3, True, False)


def test_a_function_that_does_not_tell_what_is_extra_is_understood():
    answer = read_answer({"v": 1, "answer": "copied", "days": [["d", "2025-11-24", 1, "0a", 1, "0a", 0, 0, 0, {}]]})
    assert answer.days[0].extra is None
