"""How fast this machine's disk gives parts of a large file, which is what a model larger than memory waits for."""

from __future__ import annotations

import mmap
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from huozhong.engine.weights.streaming import READERS

_PIECE = 4 << 20  # bytes; about an expert
_SECONDS = 1.0  # that are measured at most
_LEAST = 4  # pieces that a file must have


def read_rate(file: Path, piece: int = _PIECE, seconds: float = _SECONDS) -> float | None:
    """Bytes per second that several readers get from places all over `file`, past the page cache where that can be.

    None where the file is too small to tell, or cannot be read.
    """
    try:
        size = file.stat().st_size
        direct = getattr(os, "O_DIRECT", 0)
        try:
            opened = os.open(file, os.O_RDONLY | direct)
        except OSError:  # a file system that knows no direct reads
            opened = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        places = [n * piece for n in range(size // piece)]
        if len(places) < _LEAST:
            return None
        random.Random(0).shuffle(places)
        return _rate(opened, places, piece, seconds)
    except OSError:
        return None
    finally:
        os.close(opened)


def _rate(opened: int, places: list[int], piece: int, seconds: float) -> float:
    began = time.perf_counter()
    left = iter(places)

    def reader() -> int:
        got = 0
        with mmap.mmap(-1, piece) as room:  # direct reads want memory that begins at a page
            for place in left:
                got += os.preadv(opened, [room], place)
                if time.perf_counter() - began > seconds:
                    break
        return got

    with ThreadPoolExecutor(READERS) as pool:
        total = sum(task.result() for task in [pool.submit(reader) for _ in range(READERS)])
    return total / (time.perf_counter() - began)
