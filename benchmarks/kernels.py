"""How close the kernels of each weight format come to the machine: decode against memory, prefill in GOP/s.

    python benchmarks/kernels.py [--threads N] [--seconds S]

Decode (one token) reads every weight once, so its limit is the read bandwidth, measured in the same run by
reading an array.  Prefill (64 tokens per load of weights) is limited by the integer units.  Each figure is
the best of as many short pieces of work as fit into S seconds, so that a busy machine disturbs it little;
memory and weights are visited in turn and come from no cache.  One operation is a multiplication or an
addition.  Attention is measured where it belongs, behind long prompts: serve.py and compare.py.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

import numpy as np

from huozhong.engine import kernels
from huozhong.engine.weights.quant import FLOATS, FORMATS, Format, PackedMatrix, packed_shapes

MEMORY = 192 << 20  # bytes read in turn: several times what caches hold


def best_seconds(call: Callable[[int], object], seconds: float) -> float:
    """The shortest of call(0), call(1), ...: as many as fit into `seconds`, at least ten."""
    times: list[float] = []
    while len(times) < 10 or sum(times) < seconds:
        began = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - began)
    return min(times)


def random_matrix(format: Format, size: int, count: int) -> PackedMatrix:
    """`count` square matrices of random bytes; packing real weights would take minutes."""
    rng = np.random.default_rng(0)
    (dtype, shape), (scale_type, scale_shape) = packed_shapes(format, size, size, count)
    if format in FLOATS:
        numbers = rng.random(shape, np.float32)
        data = (numbers.view(np.uint32) >> 16).astype(np.uint16) if format == "bf16" else numbers.astype(dtype)
    else:
        data = rng.integers(1, 100, shape, dtype)  # as half-precision scales inside K-quants: no NaN, nothing tiny
    scale = 0x3C24 if scale_type == np.uint16 else 0.01  # the same as bfloat16
    scales = None if scale_shape is None else np.full(scale_shape, scale, scale_type)
    return PackedMatrix(format, size, size, data, scales, count)


def measure_memory(threads: int, seconds: float) -> float:
    """GB/s of reading pieces of 4 MiB, one after the other, of an array that no cache holds."""
    pieces = np.ones((MEMORY >> 22, 1 << 20), np.float32)
    best = best_seconds(lambda i: kernels.largest(pieces[i % len(pieces)], threads), seconds)
    return pieces[0].nbytes / best / 1e9


def measure_linear(format: Format, threads: int, seconds: float) -> tuple[float, float]:
    """(GB/s of one token through matrices that no cache holds, GOP/s of 64 tokens through one)."""
    size = 2048
    matrix = random_matrix(format, size, MEMORY // (size * size))
    rng = np.random.default_rng(1)
    token, tokens = (rng.standard_normal((n, size)).astype(np.float32) for n in (1, 64))
    decode = best_seconds(lambda i: kernels.linear(token, matrix, i % matrix.count, threads), seconds)
    prefill = best_seconds(lambda i: kernels.linear(tokens, matrix, 0, threads), seconds)
    return matrix.nbytes / matrix.count / decode / 1e9, 2 * 64 * size * size / prefill / 1e9


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each figure (default 1)")
    args = parser.parse_args()
    memory = measure_memory(args.threads, args.seconds)
    print(f"threads {args.threads}   memory reads {memory:.1f} GB/s")
    result: dict[str, object] = {"benchmark": "kernels", "threads": args.threads}
    result["read_gb_s"] = round(memory, 2)
    for name in kernels.available():
        if name in ("reference", "plain"):
            continue  # they are there to be right
        kernels.use(name)
        for format in FORMATS:
            read, rate = measure_linear(format, args.threads, args.seconds)  # type: ignore[arg-type]
            share = f"{read:5.1f} GB/s ({read / memory:4.0%})"
            print(f"{name:10} {format:4} decode {share}   64 tokens {rate:5.1f} GOP/s")
            result[f"{name}_{format}"] = {"decode_gb_s": round(read, 2), "gop_s": round(rate, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
