"""Feeding a chain of stages, and the samples that properties are tried on."""

from hypothesis import strategies as st

from device_agent.pipeline.pipeline import Pipeline
from device_agent.pipeline.settings import ChainSettings, PipelineSettings
from device_agent.sensors import Reading

METRIC = "m"

moderate = st.floats(-1e6, 1e6)
any_finite = st.floats(allow_nan=False, allow_infinity=False)


def series(values=moderate, max_size=40, longest_gap=500):
    """Lists of (time, value), by rising time."""
    steps = st.lists(st.tuples(st.integers(1, longest_gap), values), max_size=max_size)

    def at_times(pairs):
        at, found = 0, []
        for gap, value in pairs:
            at += gap
            found.append((at, value))
        return found

    return steps.map(at_times)


def pipeline(*stages, metric=METRIC, others=()):
    return Pipeline(PipelineSettings((ChainSettings(metric, tuple(stages)), *others)))


def feed(stages, samples, *, until=None, ticks=()):
    """What comes out as (time, metric, value, quality); a sample is (time, value) or (time, value, quality)."""
    line, out = pipeline(*stages), []
    for at, sample in sorted(
        [(sample[0], sample) for sample in samples] + [(at, None) for at in ticks],
        key=lambda event: (event[0], event[1] is not None),
    ):
        if sample is None:
            out += line.tick(at)
        else:
            out += line.take(Reading(at, {METRIC: sample[1]}, quality=(*sample, "good")[2]))
    if until is not None:
        out += line.tick(until)
    return [(each.at, metric, value, each.quality) for each in out for metric, value in each.values.items()]


def values_of(out, metric=METRIC):
    return [(at, value) for at, name, value, _ in out if name == metric]
