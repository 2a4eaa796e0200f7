"""What happens to each metric between its sensor and the rules: corrected, smoothed, thinned out, summed up, derived.

Pure: time comes in with readings and ticks, in ms of boot time, so that a step of the wall clock touches nothing.
docs/pipeline.md says what each stage does at its edges.
"""

from device_agent.pipeline.pipeline import Pipeline
from device_agent.pipeline.settings import PipelineSettings, parse_pipeline

__all__ = ["Pipeline", "PipelineSettings", "parse_pipeline"]
