"""Which model for how much memory, with the sizes of the published files.

A file is about what its weights take in memory.  Beside it stand the program, the cache (of 4,096 tokens: 0.1 to
1.4 GB; latent attention's is the small one), the system and a browser.  Of a mixture of experts a token reads a few: it
takes the memory of all and runs at the speed of those.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Advised:
    """A model that is worth its memory.  name: a short name.  size: bytes of its file.  active: parameters a token
    reads, in thousands of millions.  chinese, english: what it is for, in a few words."""

    name: str
    size: int
    active: float
    chinese: str
    english: str


# Gigabytes of the whole machine -> models, the first choice first.
BY_MEMORY: dict[int, tuple[Advised, ...]] = {
    8: (
        Advised("qwen3:4b", 2_497_000_000, 4.0, "日常问答、工具调用", "everyday questions, tool calls"),
        Advised("deepseek-r1:1.5b", 1_117_000_000, 1.8, "最快，会推理", "the fastest that reasons"),
    ),
    16: (
        Advised("deepseek-r1-0528:8b", 5_028_000_000, 8.2, "推理、数学", "reasoning, mathematics"),
        Advised("qwen3:14b", 9_002_000_000, 14.8, "更细致，更慢", "more careful, slower"),
        Advised("moonlight:16b", 10_541_000_000, 3.0, "混合专家，快", "a mixture of experts, fast"),
    ),
    32: (
        Advised("glm-4.7-flash:30b", 18_312_000_000, 3.0, "编程、智能体、推理", "code, agents, reasoning"),
        Advised("qwen3:30b-a3b", 18_557_000_000, 3.3, "日常问答，快", "everyday questions, fast"),
    ),
    64: (
        Advised(
            "glm-4.7-flash:30b-q8", 31_842_000_000, 3.0, "编程、智能体，8 位，更准", "code, agents; 8 bits, more exact"
        ),
        Advised("deepseek-r1:70b", 42_520_000_000, 70.6, "推理，慢", "reasoning, slow"),
    ),
}
GB = 10**9
ROOM = 3 * GB // 2  # this program, and the cache of 4,096 tokens of any of them


def advised(free: int) -> tuple[int, tuple[Advised, ...]] | None:
    """Of the largest class with a model that fits into so many free bytes: the class, and what of it fits."""
    for size in sorted(BY_MEMORY, reverse=True):
        if fitting := tuple(model for model in BY_MEMORY[size] if model.size + ROOM <= free):
            return size, fitting
    return None


@dataclass(frozen=True)
class Offer:
    """A model to bring to this machine.  tokens_per_second: about, as its memory is read."""

    model: Advised
    tokens_per_second: float


READING = 6.0  # tokens a second: about as fast as people read
_BYTES_PER_WEIGHT = {True: 8.5 / 8, False: 4.9 / 8}  # of files of 8 bits a weight, and of Q4_K_M


def offers(free: int, bandwidth: float, here: Collection[str] = ()) -> list[Offer]:
    """What is worth bringing, the best first: of what fits into so many free bytes and is not here.

    bandwidth: bytes of memory that this machine reads a second.  Better means of a larger class, as long as it
    answers as fast as people read; where none does, the fastest is first.
    """
    found = [
        Offer(model, bandwidth / _read_per_token(model))
        for size in sorted(BY_MEMORY, reverse=True)
        for model in BY_MEMORY[size]
        if model.size + ROOM <= free and model.name not in here
    ]
    quick = [offer for offer in found if offer.tokens_per_second >= READING]
    slow = [offer for offer in found if offer.tokens_per_second < READING]
    return quick + sorted(slow, key=lambda offer: -offer.tokens_per_second)


def _read_per_token(model: Advised) -> float:
    """Bytes that a token reads: all of a dense model, of experts those that it meets."""
    return min(model.size, model.active * 1e9 * _BYTES_PER_WEIGHT[model.name.endswith("q8")])
