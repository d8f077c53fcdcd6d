"""Less of the machine's memory: what a large request has used goes back to it, and threads keep little apart."""

from __future__ import annotations

import ctypes
import functools
import gc
from collections.abc import Callable

_M_ARENA_MAX = -8  # in glibc's malloc.h
_ARENAS = 2


def share_arenas() -> None:
    """Let all threads take their memory from two pools: glibc gives every thread its own, which is kept half empty.

    Before the threads are started.  Python's lock lets few of them ask at the same time anyway.
    """
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(ctypes.c_int(_M_ARENA_MAX), ctypes.c_int(_ARENAS))


def set_aside() -> None:
    """Let the search for what nobody uses any more pass over all that is there now: the program, not its data.

    Every so many objects Python looks through all of them with its lock held: 100 ms for the program alone, again and
    again while large requests are read, and 8 ms once that is set aside.
    """
    gc.freeze()


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
