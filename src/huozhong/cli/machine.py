"""What this machine has: memory that is free, and how fast it is read."""

from __future__ import annotations

import os
import time
from pathlib import Path

_BYTES = 256 * 2**20  # far more than any cache of an ordinary processor
_ROUNDS = 5


def available_memory() -> int | None:
    """Bytes that programs may still take; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # another system than Linux: it is asked below
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def read_bandwidth(size: int = _BYTES) -> float:
    """Bytes per second that all cores together read from memory now, the best of a few rounds."""
    import numpy as np

    from huozhong.engine import kernels

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    numbers = np.ones(size // 4, np.float32)
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        kernels.largest(numbers, threads)
        best = min(best, time.perf_counter() - start)
    return numbers.nbytes / best
