from hypothesis import given
from hypothesis import strategies as st

from device_agent.shadow.patch import (
    MOST_REJECTED,
    merge_patch,
    newest_stamp,
    says_nothing_new,
    shortened,
    without_nulls,
)
from tests.device_agent.shadow_service import merge

leaves = st.booleans() | st.integers(-2, 2) | st.text(max_size=2) | st.lists(st.integers(0, 1), max_size=2)
objects = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), leaves | inner, max_size=3),
    max_leaves=8,
)


def without_empty(value):
    """A shadow keeps no empty objects."""
    kept = {key: without_empty(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in kept.items() if item != {}}


@given(objects, objects)
def test_a_patch_makes_of_what_is_known_what_is_wanted(known, wanted):
    state, metadata = {}, {}
    merge(state, metadata, known, 1)
    merge(state, metadata, merge_patch(known, wanted), 2)
    assert without_empty(state) == without_empty(wanted)


@given(objects)
def test_what_is_known_needs_no_patch(known):
    assert merge_patch(known, known) == {}


def test_true_is_not_one():
    assert merge_patch({"a": 1}, {"a": True}) == {"a": True}
    assert not says_nothing_new({"a": 1}, {"a": True})


def test_what_is_none_is_taken_out_once():
    assert merge_patch({"a": {"b": 1}}, {"a": {"b": None}}) == {"a": {"b": None}}
    assert without_nulls({"a": {"b": None, "c": 2}}) == {"a": {"c": 2}}
    assert merge_patch({"a": {}}, {"a": {"b": None}}) == {}


@given(objects, objects)
def test_what_would_change_something_says_something_new(known, other):
    state, metadata = {}, {}
    merge(state, metadata, known, 1)
    merge(state, metadata, other, 2)
    if without_empty(state) != without_empty(known):
        assert not says_nothing_new(other, known)


@given(objects)
def test_a_part_says_nothing_new(known):
    assert says_nothing_new(known, known)
    assert says_nothing_new({}, known)


def test_the_newest_stamp_is_found_at_any_depth():
    assert newest_stamp({"on": {"timestamp": 5}, "for_s": {"timestamp": 9}, "x": [{"timestamp": 7}]}) == 9
    assert newest_stamp({"timestamp": {"timestamp": 3}}) == 3
    assert newest_stamp(None) is None
    assert newest_stamp({"on": {"timestamp": "soon"}}) is None


def test_reasons_fit_into_a_shadow_together():
    many = {f"{index:03}" + "k" * 200: "r" * 1000 for index in range(100)}
    kept = shortened(many)
    assert len(kept) == MOST_REJECTED + 1
    assert kept["*"] == f"{100 - MOST_REJECTED} more are rejected"
    assert sum(len(key) + len(reason) for key, reason in kept.items()) < 8192 * 3 // 4
