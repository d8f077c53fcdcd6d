"""Our engine, measured like llama-bench measures: random tokens, in a process of its own.

    python benchmarks/benchlib/ours.py JSON      (benchmarks/compare.py does that)

JSON: {"model", "quantization" or null, "depths", "prompt", "tokens"}.  Prints one JSON object.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":  # its folder is on the path then, not the one above
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchlib.processes import memory_mb
from huozhong.engine.bandwidth import read_bandwidth
from huozhong.engine.llm import LLM
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.errors import HuozhongError

FILL = 512  # tokens per forward while a depth is being filled
# Not read for a generated token: a row of the embedding is nothing, k_up is for prompts, MTP for speculation, and the
# mapped file holds all of it once more.
UNREAD = {"embedding", "k_up", "prediction", "mapped"}


def main() -> None:
    wanted = json.loads(sys.argv[1])
    try:
        print(json.dumps(measure(**wanted)))
    except HuozhongError as error:
        sys.exit(str(error))


def measure(model: str, quantization: str | None, depths: list[int], prompt: int, tokens: int) -> dict[str, Any]:
    """Rates by test, memory, the machine's read bandwidth and what decode reads of it."""
    before = read_bandwidth()
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory counts from here: proc(5)
    given = {} if quantization is None else {"quantization": quantization}
    room = max(depths) + max(prompt, tokens)
    began = time.perf_counter()
    # a short context, because the cache must hold one whole; the runner below takes any position of the cache
    with LLM(model, cache_tokens=room + 64, max_context=256, **given) as llm:
        loaded = time.perf_counter() - began
        runner = llm.runner
        bench = Bench(runner)
        bench.prefill(0, min(prompt, 64))  # warm: pages of the weights are in memory
        bench.decode(0, 2)
        rates = bench.rates(sorted(depths), prompt, tokens)
        memory = memory_mb(os.getpid())
        read = bytes_per_token(runner.weights, share_of_experts(runner))
        cache = runner.cache.pages
    return {
        "rates": rates,
        "memory": memory,
        "load_s": loaded,
        "read_gb_s": (before + read_bandwidth()) / 2e9,
        "bytes_per_token": read,
        "cache_mb": cache.nbytes / 2**20,
        "file_mb": size_mb(Path(model)),
    }


class Bench:
    """One sequence of random tokens whose cache pages are simply all of the runner's, in order."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._pages = np.arange(runner.num_pages, dtype=np.int32)
        self._dice = np.random.default_rng(0)
        self._vocab = runner.architecture.vocab_size

    def _forward(self, start: int, count: int, *, prefill: bool) -> None:
        ids = self._dice.integers(0, self._vocab, count, np.int32)
        self._runner.forward([Chunk(ids, start, self._pages, "last", prefill)])

    def prefill(self, start: int, count: int) -> float:
        """Tokens per second of `count` prompt tokens in one forward."""
        began = time.perf_counter()
        self._forward(start, count, prefill=True)
        return count / (time.perf_counter() - began)

    def decode(self, start: int, count: int) -> float:
        """Tokens per second, one by one."""
        began = time.perf_counter()
        for position in range(start, start + count):
            self._forward(position, 1, prefill=False)
        return count / (time.perf_counter() - began)

    def rates(self, depths: list[int], prompt: int, tokens: int) -> dict[str, float]:
        filled = 0
        rates: dict[str, float] = {}
        for depth in depths:
            while filled < depth:
                count = min(FILL, depth - filled)
                self.prefill(filled, count)
                filled += count
            rates[f"prefill@{depth}"] = self.prefill(depth, prompt)
            rates[f"decode@{depth}"] = self.decode(depth, tokens)
        return rates


def share_of_experts(runner: Runner) -> float:
    """Which share of the routed experts one token meets."""
    experts = runner.architecture.experts
    return 1.0 if experts is None else experts.per_token / experts.count


def bytes_per_token(part: Any, experts: float) -> float:
    """Bytes of weights that one generated token reads."""
    if isinstance(part, PackedMatrix):
        return float(part.nbytes)
    if isinstance(part, tuple | list):
        return sum(bytes_per_token(each, experts) for each in part)
    if not dataclasses.is_dataclass(part):
        return float(part.nbytes) if isinstance(part, np.ndarray) else 0.0
    total = 0.0
    routed = type(part).__name__ == "MoeWeights"
    for field in dataclasses.fields(part):
        if field.name not in UNREAD:
            size = bytes_per_token(getattr(part, field.name), experts)
            total += size * experts if routed and field.name in ("gate_up", "down") else size
    return total


def size_mb(path: Path) -> float:
    return path.stat().st_size / 2**20 if path.is_file() else 0.0


if __name__ == "__main__":
    main()
