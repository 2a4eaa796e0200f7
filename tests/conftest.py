"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

from tests import aws_models

aws_models.share()

# A shared machine is slow now and then: a slow example is no failure. CI repeats the same examples at each run, so
# that a red build is about its change; `HYPOTHESIS_PROFILE=search` looks for new ones.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, **_COMMON)
settings.register_profile("dev", **_COMMON)
settings.register_profile("search", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
