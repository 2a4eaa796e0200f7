import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.models import shipped
from functions.adapters.memory_shadows import merged
from functions.domain.shadows import ShadowName, delta, patch_for, wished
from functions.errors import RequestError

MACHINE = shipped()["machine"]
KEYS = st.sampled_from("abcd")
LEAVES = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", "y"]))
VALUES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3),
    lambda inner: st.dictionaries(KEYS, LEAVES | inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_a_shadow_updated_with_the_patch_holds_exactly_what_is_wanted(shadow, wanted):
    assert merged(shadow, patch_for(shadow, wanted)) == merged({}, wanted)


@given(VALUES)
def test_there_is_no_patch_for_a_shadow_that_is_as_wanted(wanted):
    assert patch_for(wanted, wanted) == {}
    assert delta(wanted, wanted) == {}


@given(VALUES, VALUES)
def test_the_delta_is_empty_exactly_when_all_that_is_desired_is_reported(desired, reported):
    def holds(wanted, told):
        if isinstance(wanted, dict) and isinstance(told, dict):
            return all(key in told and holds(value, told[key]) for key, value in wanted.items())
        return type(wanted) is type(told) and wanted == told

    assert (delta(desired, reported) == {}) == holds(desired, reported)


def test_an_actuator_is_replaced_as_a_whole_and_null_takes_it_out():
    before = {"relay": {"on": True, "for_s": 5}}
    assert wished(ShadowName.STATE, MACHINE, before, {"relay": {"on": False}}) == {"relay": {"on": False}}
    assert wished(ShadowName.STATE, MACHINE, before, {"relay": None}) == {}


@pytest.mark.parametrize(
    ("name", "patch", "field"),
    [
        (ShadowName.STATE, {"pump": {"on": True}}, "values.pump"),
        (ShadowName.STATE, {"relay": {"on": "yes"}}, "values.relay.on"),
        (ShadowName.STATE, {"relay": {}}, "values.relay.on"),
        (ShadowName.STATE, {"relay": {"on": True, "speed": 3}}, "values.relay.speed"),
        (ShadowName.STATE, {"relay": 1}, "values.relay"),
        (ShadowName.CONFIG, {"interval_ms": 1}, "values.interval_ms"),
        (ShadowName.CONFIG, {"interval_ms": 5000, "nothing": None}, "values.nothing"),
        (ShadowName.CONFIG, {"interval_ms": "5000"}, "values.interval_ms"),
    ],
)
def test_what_the_model_does_not_allow_is_named(name, patch, field):
    with pytest.raises(RequestError) as caught:
        wished(name, MACHINE, {}, patch)
    assert caught.value.field == field


def test_a_setting_that_is_taken_out_has_the_models_default_again():
    assert wished(ShadowName.CONFIG, MACHINE, {"interval_ms": 2000}, {"interval_ms": None}) == {}
