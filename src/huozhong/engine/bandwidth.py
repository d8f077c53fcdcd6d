"""How fast this machine reads memory, which is what a generated token waits for."""

from __future__ import annotations

import os
import statistics
import time

import numpy as np

from huozhong.engine import kernels

_BYTES = 192 << 20  # several times what caches hold
_PIECE = 4 << 20


def num_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_bandwidth(size: int = _BYTES, threads: int | None = None) -> float:
    """Bytes per second that all cores together (or `threads`) read from memory now.

    Pieces of an array of `size` bytes are read in turn; the median counts: what memory gives most of the time, as
    decoding needs it.  The best piece may have been in a cache, or in a neighbour's pause.
    """
    pieces = np.ones((max(size // _PIECE, 1), _PIECE // 4), np.float32)
    threads = threads or num_threads()
    times = []
    for _ in range(4):
        for piece in pieces:
            began = time.perf_counter()
            kernels.largest(piece, threads)
            times.append(time.perf_counter() - began)
    return float(pieces[0].nbytes / statistics.median(times))
