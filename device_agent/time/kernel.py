"""What the kernel knows of its own wall clock. Loaded only by the first question: ctypes costs half a mebibyte."""

import ctypes
import os
from functools import cache
from typing import Any

_STA_UNSYNC = 0x0040
"""include/uapi/linux/timex.h: the clock is not synchronised. Setting the clock by hand sets it, as `ntp_clear` does."""


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` as `adjtimex` has it, and room for the rest of it (208 bytes at most)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def is_synchronised() -> bool:
    """Whether a time service keeps the wall clock; asks only, so it needs no privilege.

    Raises:
        OSError: the call is forbidden here.
    """
    state = _Timex(modes=0)
    if _adjtimex()(ctypes.byref(state)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"adjtimex: {os.strerror(number)}")
    return not state.status & _STA_UNSYNC


@cache
def _adjtimex() -> Any:
    return ctypes.CDLL(None, use_errno=True).adjtimex
