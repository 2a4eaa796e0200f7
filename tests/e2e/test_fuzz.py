"""Schemathesis against the laptop cloud: short in `make test`, as long as one likes in `make fuzz`."""

import os
import time

from tests.e2e.people import Asking
from tests.fuzzing import fuzz

SECONDS = int(os.environ.get("FIELDLINE_FUZZ_SECONDS", "0"))
# What would take away the rights, or the session, with which it is asked, or those of other tests.
LEFT_OUT = ("delete_user", "update_user", "replace_grants", "reset_user", "log_out", "reset_password")


def test_no_request_breaks_the_api_or_its_description(cloud, tmp_path):
    ask = Asking(cloud)
    sub = ask.add_user("fuzz", f"fuzz-{time.time_ns()}@fieldline.local", [{"role": "admin", "scope": "*"}])
    openapi = ask("nobody", "GET", "/openapi.json").document
    try:
        fuzz(
            cloud.details["api"],
            ask.token("fuzz"),
            openapi,
            tmp_path,
            examples=10_000 if SECONDS else 3,
            seconds=SECONDS or 25,
            phases=("examples", "coverage", "fuzzing", "stateful") if SECONDS else ("examples", "fuzzing"),
            leave_out=LEFT_OUT,
            seed=time.time_ns() % 2**32 if SECONDS else None,
        )
    finally:
        assert ask("root", "DELETE", f"/users/{sub}").status == 204
        ask.close()
