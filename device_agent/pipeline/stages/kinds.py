"""The kinds of stages that `[pipeline]` may name. A derived metric has `derive` before them: see `derive`."""

from collections.abc import Callable, Mapping
from typing import Final

from device_agent.config.table import Table
from device_agent.pipeline.stages import StageSettings
from device_agent.pipeline.stages.scaling import parse_calibrate, parse_clamp
from device_agent.pipeline.stages.settling import parse_debounce, parse_timeout
from device_agent.pipeline.stages.smoothing import parse_average, parse_ema, parse_median
from device_agent.pipeline.stages.thinning import parse_delta, parse_heartbeat, parse_throttle
from device_agent.pipeline.stages.windows import parse_window

STAGES: Final[Mapping[str, Callable[[Table], StageSettings]]] = {
    "calibrate": parse_calibrate,
    "clamp": parse_clamp,
    "median": parse_median,
    "average": parse_average,
    "ema": parse_ema,
    "delta": parse_delta,
    "throttle": parse_throttle,
    "heartbeat": parse_heartbeat,
    "debounce": parse_debounce,
    "timeout": parse_timeout,
    "window": parse_window,
}
