"""What an engine has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from huozhong.engine.kernels import IN_MEMORY, ExpertStats


@dataclass(frozen=True, kw_only=True)
class EngineStats:
    """What the engine has done since it was made, for benchmarks and for people who want to know.

    steps: forward passes.  generated_tokens: of all answers; forced_tokens of them a guide knew.
    prompt_tokens: of all requests begun; memory_hit_tokens and disk_hit_tokens of them were not computed.
    preemptions: of requests, for lack of memory; swapped_out of them with their pages.
    drafted_tokens, accepted_tokens: speculation.
    used_pages: held by requests now, of num_pages.  swap_bytes: of preempted requests, now.
    runner_seconds: spent in the forward passes themselves.
    expert_*: of experts that stay on the disk, `kernels.ExpertStats`; all 0 where they are in memory.
    """

    steps: int
    generated_tokens: int
    forced_tokens: int
    prompt_tokens: int
    memory_hit_tokens: int
    disk_hit_tokens: int
    disk_pages_written: int
    preemptions: int
    swapped_out: int
    drafted_tokens: int
    accepted_tokens: int
    speculating_steps: int
    running: int
    waiting: int
    used_pages: int
    num_pages: int
    swap_bytes: int
    runner_seconds: float
    expert_slots: int
    expert_hits: int
    expert_misses: int
    expert_guesses: int
    expert_ahead: int
    expert_reads: int
    expert_read_bytes: int
    expert_wait_seconds: float
    expert_busy_seconds: float
    expert_reading_seconds: float


def expert_counters(told: ExpertStats | None) -> dict[str, Any]:
    """The fields of `EngineStats` that are about experts on the disk; None: all are in memory."""
    e = told or IN_MEMORY
    return {
        "expert_slots": e.slots,
        "expert_hits": e.hits,
        "expert_misses": e.misses,
        "expert_guesses": e.guesses,
        "expert_ahead": e.ahead,
        "expert_reads": e.reads,
        "expert_read_bytes": e.bytes,
        "expert_wait_seconds": e.waited,
        "expert_busy_seconds": e.busy,
        "expert_reading_seconds": e.reading,
    }
