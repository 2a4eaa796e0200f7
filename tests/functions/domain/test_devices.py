import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.access import Reach
from functions.domain.devices import (
    MAX_TAGS,
    DeviceFilter,
    Sort,
    inside,
    listing_key,
    name_key,
    parse_tag,
    parse_tags,
    parse_text,
)
from functions.errors import RequestError
from tests.functions.registering import device, wanted

segments = st.from_regex(r"[a-z0-9][a-z0-9-]{0,3}", fullmatch=True)
groups = st.lists(segments, min_size=1, max_size=4).map("/".join)


@given(groups, groups)
def test_a_group_is_inside_another_exactly_when_the_other_is_one_of_its_beginnings(group, other):
    parts, others = group.split("/"), other.split("/")
    assert inside(group, other) == (parts[: len(others)] == others)
    assert listing_key(group, "a").startswith(f"{other}/") == inside(group, other)


@given(st.lists(st.tuples(groups, segments), min_size=2, max_size=6, unique=True), groups)
def test_the_keys_of_a_subtree_stand_together(devices, group):
    keys = sorted(listing_key(*one) for one in devices)
    below = [key.startswith(f"{group}/") for key in keys]
    assert below == sorted(below) or below.index(True) + sum(below) == len(below) - below[::-1].index(True)


@given(st.text(min_size=1, max_size=128), segments)
def test_every_name_has_a_key_that_dynamodb_takes(name, thing):
    try:
        parse_text("name", name)
    except RequestError:
        return
    assert len(name_key(name, thing).encode()) <= 1024


@given(st.text(max_size=10))
def test_a_text_that_is_taken_shows_what_it_is(text):
    try:
        assert parse_text("name", text) == text
    except RequestError:
        return
    assert text == text.strip() != ""
    assert not any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in text)
    assert not any(unicodedata.bidirectional(one) in {"LRO", "RLO", "LRE", "RLE", "PDF", "RLI", "LRI"} for one in text)


@pytest.mark.parametrize("text", ["Pumpe Süd", "<script>", "泵 4", "👩‍🔧 crew", "مضخة", "a\u00a0b", "x" * 128])
def test_names_of_all_languages_are_taken(text):
    assert parse_text("name", text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "a ", "\ta", "a\x00", "a\u200e", "\u202eabc", "\u2066a", "\ufeffa", "\ud800", "x" * 129]
)
def test_what_hides_or_commands_is_no_name(text):
    with pytest.raises(RequestError):
        parse_text("name", text)


@pytest.mark.parametrize(("key", "value"), [("a", "1"), ("site.of-plant_2", "Köln = #1"), ("a" * 63, "v" * 128)])
def test_tags(key, value):
    assert parse_tag(key, value) == (key, value)


@pytest.mark.parametrize("key", ["", "A", "1a", "-a", "a b", "a=b", "a#b", "a:b", "é", "²", "a" * 64])
def test_a_key_that_cannot_be_is_refused(key):
    with pytest.raises(RequestError, match="tags"):
        parse_tag(key, "v")


def test_tags_are_few():
    some = {f"k{at}": "v" for at in range(MAX_TAGS)}
    assert parse_tags(some) == some
    with pytest.raises(RequestError, match=f"at most {MAX_TAGS}"):
        parse_tags({**some, "one-more": "v"})


@pytest.mark.parametrize(
    ("reach", "group", "spans"),
    [
        (Reach(everything=True), None, None),
        (Reach(everything=True), "a", ("a",)),
        (Reach(groups=("b", "a/x")), None, ("a/x", "b")),
        (Reach(groups=("a", "a-b")), None, ("a-b", "a")),
        (Reach(groups=("b", "a/x", "a/y")), "a", ("a/x", "a/y")),
        (Reach(groups=("a",)), "a/x/y", ("a/x/y",)),
        (Reach(groups=("a",)), "ab", ()),
        (Reach(things=("d",)), None, ()),
    ],
)
def test_the_spans_of_a_list_are_where_group_and_reach_meet(reach, group, spans):
    assert wanted(reach, group=group).spans() == spans


@given(st.sets(groups, max_size=4), st.none() | groups, groups)
def test_spans_hold_exactly_the_groups_that_may_be_listed(reachable, group, one):
    outermost = tuple(
        path for path in reachable if not any(inside(path, other) and path != other for other in reachable)
    )
    asked = DeviceFilter(reach=Reach(groups=outermost), group=group)
    spans = asked.spans()
    assert any(inside(one, each) for each in spans) == asked.matches(device("d", one))
    assert [listing_key(each, "") for each in spans] == sorted(listing_key(each, "") for each in spans)


def test_a_filter_is_read_by_what_narrows_it_most():
    paths = {
        "group": {},
        "model": {"model": "m"},
        "tag": {"model": "m", "tags": (("a", "b"),)},
        "name": {"model": "m", "sort": Sort.NAME_DOWN},
        "created": {"sort": Sort.CREATED},
        "word": {"words": ("pump",), "tags": (("a", "b"),)},
    }
    assert {path: wanted(**asked).path.value for path, asked in paths.items()} == {path: path for path in paths}
