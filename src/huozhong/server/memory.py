"""Memory that a large request has used goes back to the machine when the request is over."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim, which other C libraries do not have (and do not need so badly)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


def give_back() -> None:
    """Return what was freed and is kept for later: glibc keeps as much as there ever was in use at once, per thread.

    Takes some milliseconds, without holding the interpreter's lock.
    """
    trim = _trim()
    if trim is not None:
        trim(0)
