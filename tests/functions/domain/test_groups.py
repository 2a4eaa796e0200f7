import pytest

from functions.domain.access import Reach
from functions.domain.groups import in_reach, leads, parent_of, steps

REACH = Reach(groups=("p1/x/deep", "p1/y", "p3"))


def test_the_parent_of_a_group():
    assert [parent_of(path) for path in ("a", "a/b", "a/b/c")] == [None, "a", "a/b"]


@pytest.mark.parametrize(
    ("path", "inside", "way"),
    [
        ("p1", False, True),
        ("p1/x", False, True),
        ("p1/x/deep", True, False),
        ("p1/x/deep/er", True, False),
        ("p1/z", False, False),
        ("p3", True, False),
        ("p", False, False),
    ],
)
def test_a_group_is_in_reach_or_on_the_way_or_neither(path, inside, way):
    assert (in_reach(REACH, path), leads(REACH, path)) == (inside, way)


def test_the_root_leads_to_whoever_holds_a_group():
    assert leads(REACH, None)
    assert not leads(Reach(things=("pump-1",)), None)
    assert not leads(Reach(everything=True), None)


def test_the_steps_to_what_is_in_reach():
    assert steps(REACH, None) == ("p1", "p3")
    assert steps(REACH, "p1") == ("p1/x", "p1/y")
    assert steps(REACH, "p1/x") == ("p1/x/deep",)
    assert steps(REACH, "p9") == ()
