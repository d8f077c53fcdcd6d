"""Who pays for a step: its time and energy are shared among the requests in it, and every answer shows its bill."""

from __future__ import annotations

import time

from huozhong.cost import JOULES_PER_KWH, Bill, Meter
from huozhong.engine.requests import Reading, Usage
from huozhong.engine.scheduler import Slice
from huozhong.engine.sequence import Sequence
from huozhong.engine.tasks import GenerateTask


def charge(slices: list[Slice], meter: Meter) -> None:
    """Share what passed since the last charge among a step's requests, by the tokens computed for each."""
    bill = meter.lap()
    total = sum(s.count for s in slices)
    for slice_ in slices:
        share = slice_.count / total
        slice_.sequence.seconds += share * bill.seconds
        slice_.sequence.joules += share * bill.joules


def reading(sequence: Sequence) -> Reading:
    """How far the request's prompt is read."""
    return Reading(
        total=sequence.prompt_len,
        cached=sequence.cache_hit_tokens,
        done=min(sequence.num_computed, sequence.prompt_len),
        seconds=time.perf_counter() - sequence.submitted_at,
    )


def usage(sequence: Sequence, meter: Meter) -> Usage:
    """What the request has used until now."""
    first, task = sequence.first_token_at, sequence.task
    total = meter.snapshot()
    return Usage(
        prompt_tokens=sequence.prompt_len,
        completion_tokens=len(sequence.generated),
        reasoning_tokens=task.output.reasoning_tokens if isinstance(task, GenerateTask) else 0,
        cache_hit_tokens=sequence.cache_hit_tokens,
        seconds_to_first_token=None if first is None else first - sequence.submitted_at,
        seconds=time.perf_counter() - sequence.submitted_at,
        bill=Bill(
            tokens=sequence.num_tokens,
            seconds=sequence.seconds,
            joules=sequence.joules,
            money=sequence.joules / JOULES_PER_KWH * meter.price_per_kwh,
            currency=total.currency,
            source=total.source,
            how=f"{total.how}; a step's cost is shared by tokens",
        ),
    )
