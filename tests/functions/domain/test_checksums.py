from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.telemetry import QUALITIES
from functions.domain.checksums import Checksum, digest
from functions.domain.series import Point

NAMES = st.text("abc-_0", min_size=1, max_size=4)
MOMENTS = st.integers(0, 253_402_300_799_999)
VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text(max_size=8)
POINTS = st.builds(Point, NAMES, NAMES, MOMENTS, VALUES, st.sampled_from(QUALITIES), st.booleans(), MOMENTS)


@given(st.data(), st.lists(POINTS, max_size=10))
def test_the_order_of_the_points_does_not_matter(data, points):
    assert Checksum.of(data.draw(st.permutations(points))) == Checksum.of(points)


@given(st.lists(POINTS, max_size=5), st.lists(POINTS, max_size=5))
def test_parts_add_up_to_the_whole_and_can_be_taken_from_it(some, others):
    whole = Checksum.of(some + others)
    assert Checksum.of(some) + Checksum.of(others) == whole
    assert whole - Checksum.of(others) == Checksum.of(some)


@given(st.lists(POINTS, max_size=5), POINTS)
def test_a_point_more_shows_also_where_it_was_there_before(points, another):
    for more in ([another], [another, another]):
        assert str(Checksum.of(points + more)) != str(Checksum.of(points))


@given(st.data(), st.lists(POINTS, min_size=1, max_size=5), POINTS)
def test_any_single_change_shows(data, points, other):
    at = data.draw(st.integers(0, len(points) - 1))
    field = data.draw(st.sampled_from(Point.__struct_fields__))
    before, wanted = getattr(points[at], field), getattr(other, field)
    changed = [*points]
    changed[at] = replace(points[at], **{field: wanted})
    same = before == wanted and type(before) is type(wanted)
    assert (str(Checksum.of(changed)) == str(Checksum.of(points))) is same


def test_where_one_field_ends_and_the_next_begins_shows():
    one = Point("ab", "c", 1, "de", "good", late=False, received_at=2)
    for device, metric, value in (("a", "bc", "de"), ("ab", "cd", "e"), ("abc", "d", "e"), ("", "abc", "de")):
        assert digest(replace(one, device=device, metric=metric, value=value)) != digest(one)


def test_values_of_different_types_differ_and_the_two_zeros_are_one():
    one = Point("a", "m", 1, 1.0, "good", late=False, received_at=2)
    digests = {digest(replace(one, value=value)) for value in (1.0, True, "1.0", "\x01", "")}
    assert len(digests) == 5
    assert digest(replace(one, value=-0.0)) == digest(replace(one, value=0.0))


def test_a_checksum_stays_what_it_was():
    """Journals outlive releases: a changed digest would make a resumed move compare two kinds."""
    points = [
        Point("pump-1", "temperature", 1_764_000_000_000, 21.5, "good", late=False, received_at=1_764_000_000_900),
        Point("pump-1", "relay", 1_764_000_000_000, 1.0, "bad", late=True, received_at=1_764_000_000_900),
        Point("pump-1", "mood", 1_764_000_000_000, "Küche", "stale", late=False, received_at=1_764_000_000_900),
    ]
    assert [f"{digest(point):016x}" for point in points] == [
        "c9afb2bde3ebab0a",
        "bee7424049e94d2b",
        "bd79e066e290c2e9",
    ]
    assert str(Checksum()) == "0000000000000000"
