"""Where a position is: on the Earth, across its seams, and in a rule."""

from math import inf, pi

import pytest

from contract._geofences import EARTH_RADIUS_M, distance_m, is_in
from contract.conditions import Circle, Polygon, parse
from contract.evaluation import Evaluator

BERLIN, PARIS = (52.5200, 13.4050), (48.8566, 2.3522)


def test_distances_are_those_of_a_great_circle():
    assert distance_m(BERLIN, PARIS) == pytest.approx(877_500, rel=0.001)
    assert distance_m((0, 0), (0, 90)) == pytest.approx(EARTH_RADIUS_M * pi / 2)
    assert distance_m((90, 0), (-90, 77)) == pytest.approx(EARTH_RADIUS_M * pi)
    assert distance_m(BERLIN, BERLIN) == 0
    assert distance_m((0, 179.9), (0, -179.9)) == pytest.approx(distance_m((0, 0.1), (0, -0.1)))


def test_a_circle_has_its_radius():
    circle = Circle(latitude=52.52, longitude=13.405, radius_m=1_000)
    assert is_in(circle, (52.5289, 13.405))  # 990 m north
    assert not is_in(circle, (52.5291, 13.405))  # 1,012 m
    assert is_in(circle, (52.52, 13.4197))  # 995 m east, where a degree is shorter
    assert not is_in(circle, (52.52, 13.4199))


YARD = ((1.0, 1.0), (1.0, 5.0), (3.0, 5.0), (3.0, 3.0), (5.0, 3.0), (5.0, 1.0))  # an L


@pytest.mark.parametrize("east", [0, 100, 178, -181])
@pytest.mark.parametrize("order", [1, -1])
def test_a_polygon_may_have_any_shape_and_stand_across_the_180th_meridian(east, order):
    def placed(latitude, longitude):
        return latitude, (longitude + east + 180) % 360 - 180

    polygon = Polygon(corners=tuple(placed(*corner) for corner in YARD[::order]))
    inside = [(2, 2), (4, 2), (2, 4), (1.001, 4.999)]
    outside = [(4, 4), (0.999, 3), (2, 0.999), (2, 5.001), (5.001, 2), (2, 184), (-2, 182)]
    assert all(is_in(polygon, placed(*point)) for point in inside)
    assert not any(is_in(polygon, placed(*point)) for point in outside)


def fence(**more):
    area = {"circle": {"latitude": 52.52, "longitude": 13.405, "radius_m": 1_000}}
    return Evaluator(parse({"geofence": area, **more}))


def at(place):
    return {"latitude": place[0], "longitude": place[1]}


def test_a_device_that_leaves_is_told_once_it_was_outside_for_long_enough():
    left = fence(**{"is": "outside", "for": "60s"})
    state, _ = left.observe(left.start(0), 1_000, at(BERLIN))
    state, none = left.observe(state, 10_000, at(PARIS))
    state, found = left.advance(state, 100_000)
    assert (none, [(each.kind, each.at) for each in found]) == ((), [("fired", 70_000)])
    assert found[0].why["position"] == list(PARIS)
    assert found[0].why["distance_m"] == pytest.approx(877_500, rel=0.001)


@pytest.mark.parametrize("place", [{"latitude": 52.52}, at((91, 0)), at((0, 181)), at((True, 0)), at((None, 0))])
def test_without_a_position_that_exists_it_is_not_known(place):
    for where in ("inside", "outside"):
        rule = fence(**{"is": where})
        state, found = rule.observe(rule.start(0), 1, place)
        assert (found, rule.explain(state)["when"]["verdict"]) == ((), "unknown")


def test_north_and_south_of_a_fence_positions_may_be_skipped():
    rule = fence()
    state, _ = rule.observe(rule.start(0), 1, at((60, 13)))
    quiet = rule.quiet(state)
    assert quiet["latitude"] == (pytest.approx(52.529, abs=0.001), 90)
    assert quiet["longitude"] == (-180, 180)
    state, _ = rule.observe(state, 2, at(BERLIN))
    assert rule.quiet(state) == {"latitude": (inf, -inf), "longitude": (inf, -inf)}
