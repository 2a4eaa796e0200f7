"""Schemathesis against an API that runs: requests made from its OpenAPI, answers compared with it."""

import json
import subprocess
import sys
from pathlib import Path

ST = Path(sys.executable).parent / "st"
_SHOWN_CHARS = 2_000
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "ignored_auth",
)


def fuzz(url, token, openapi, folder, *, examples, seconds, phases, leave_out=(), seed=None):
    """Fails with what Schemathesis found, each with the request as a curl command."""
    described = folder / "openapi.json"
    described.write_text(json.dumps(openapi))
    done = subprocess.run(
        [
            *(ST, "run", described, "--url", url, "--header", f"Authorization: Bearer {token}"),
            *("--checks", ",".join(CHECKS), "--phases", ",".join(phases), "--max-examples", str(examples)),
            *("--max-time", str(seconds), "--no-shrink", "--no-color"),
            *("--request-timeout", "30", "--warnings", "off", "--suppress-health-check", "all"),
            *(
                ("--generation-deterministic",)
                if seed is None
                else ("--seed", str(seed), "--generation-database", "none")
            ),
            *(part for operation in leave_out for part in ("--exclude-operation-id", operation)),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds * 3 + 60,
    )
    # Some requests are long, and what matters is at both ends of what is said of them.
    lines = [line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}…" for line in done.stdout.splitlines()]
    assert done.returncode == 0, "\n".join(lines) + done.stderr[-4_000:]
    return done.stdout
