"""Since when a certificate is valid: a moment that is certainly past."""

import asyncio
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from device_agent.clock import Clock
from device_agent.time.timekeeper import ClockSettings

TIMEOUT_S: Final = 30.0
"""Loading cryptography from a slow card."""
# In a process of its own: the library would cost the agent more memory than anything else, for one number.
_SCRIPT: Final = """
import sys
from cryptography import x509
with open(sys.argv[1], "rb") as file:
    print(round(x509.load_pem_x509_certificate(file.read()).not_valid_before_utc.timestamp() * 1000))
"""


async def floor_ms(
    certificate: Path, settings: ClockSettings, clock: Clock, log: logging.LoggerAdapter[logging.Logger]
) -> int:
    """As `not_before_ms`; 0 where the time is known, since then nobody need ask."""
    knows_time = settings.sync == "system" or clock.kernel_synced()
    return 0 if knows_time else await not_before_ms(certificate, log)


async def not_before_ms(certificate: Path, log: logging.LoggerAdapter[logging.Logger]) -> int:
    """In UTC, ms since the Unix epoch; 0 and a line in the log where it cannot be read."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SCRIPT,
            str(certificate),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        log.warning("since when the certificate is valid cannot be asked: %s", error)
        return 0
    try:
        async with asyncio.timeout(TIMEOUT_S):
            said, complaint = await process.communicate()
    except TimeoutError:
        log.warning("since when the certificate is valid cannot be read: no answer in %g s", TIMEOUT_S)
        return 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        reason = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        log.warning("since when the certificate is valid cannot be read: %s", reason)
        return 0
    return int(said)
