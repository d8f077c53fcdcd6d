"""The shortest budget that reaches a target: whole runs of several lengths, each with its own decay."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from training.runs import Result

STEP = 2**0.5  # between rungs
RUNGS = 12  # down to 1/45 of the whole budget


@dataclass(frozen=True)
class Reached:
    """shortest: the first run from below that is as good as the target (None: not even the whole budget was).
    missed: the next shorter run, which was not.  interpolated: tokens at which a straight line between the two
    (bits per byte over the logarithm of tokens) meets the target.
    """

    target: float
    shortest: Result | None
    missed: Result | None
    interpolated: float | None


def rung_tokens(budget: int, rung: int) -> int:
    """Tokens of rung `rung`: 0 is the whole budget."""
    return round(budget / STEP**rung)


def climb(run: Callable[[int], Result], budget: int, target: float, guess: int) -> Reached:
    """Look for the rung by going up or down from `guess`; `run` trains for so many tokens.

    Loss falls with the budget, so two neighbours on both sides of the target settle it.
    """
    found: dict[int, Result] = {}

    def good(rung: int) -> bool:
        if rung not in found:
            found[rung] = run(rung_tokens(budget, rung))
        return found[rung].bpb <= target

    rung = min(max(guess, 0), RUNGS)
    if good(rung):
        while rung < RUNGS and good(rung + 1):
            rung += 1
    else:
        while rung > 0 and not good(rung - 1):
            rung -= 1
        rung -= 1
    if rung < 0:
        return Reached(target, None, found[0], None)
    shortest, missed = found[rung], found.get(rung + 1)
    return Reached(target, shortest, missed, _meet(shortest, missed, target))


def _meet(hit: Result, miss: Result | None, target: float) -> float | None:
    if miss is None or miss.bpb == hit.bpb:
        return None
    share = (target - miss.bpb) / (hit.bpb - miss.bpb)
    return math.exp(math.log(miss.tokens) + share * (math.log(hit.tokens) - math.log(miss.tokens)))
