"""Who trains for how long, in which order: the sweep, the whole budgets, the ladders."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from training.contestants import BASELINE, GPT2, Contest, Setting, Who, ours
from training.ladder import STEP, Reached, climb
from training.runs import Result, run

FIRST_RATE = 1e-3  # of the sweep, which goes by factors of two until the best has a worse neighbour on either side
SHORT_RATES = (1e-3, 2e-3)
SWEEP_SHARE = 2  # the sweep's runs have half of the second budget


@dataclass(frozen=True)
class Heat:
    """Everything that one seed ran.  first: the baseline's way to GPT-2's score; ours: our way there;
    again: our way to the baseline's score.
    """

    seed: int
    gpt2: Result
    baseline: Result
    first: Reached
    ours: Reached
    again: Reached


class Race:
    """All runs of one size and budget; `run` trains what is not there yet."""

    def __init__(self, contest: Contest, budget: int, *, short: bool, seeds: int, second: int | None = None) -> None:
        """second: tokens of the second comparison, the baseline's whole run; None = `budget`, as GPT-2's."""
        self.contest, self.budget, self.short, self.seeds = contest, budget, short, seeds
        self.second = second or budget
        self.settings: dict[str, tuple[Who, Setting]] = {}  # by the run's name
        self.results: dict[str, Result] = {}
        self.sweep: list[tuple[str, Result]] = []
        self.heats: list[Heat] = []
        self.baseline = BASELINE
        self.ours = ours(contest.size)
        self._guesses = {"first": 3, "ours": 6, "again": 2}

    def run(self) -> None:
        """Raises Stopped after Ctrl-C."""
        published = self._train("gpt2", GPT2, self.budget, 1)
        self.baseline = self._tune()
        for seed in range(1, self.seeds + 1):
            published = self._train("gpt2", GPT2, self.budget, seed)
            reached = self._climb("ours", "ours", self.ours, published.bpb, seed)
            tuned = self._train("baseline", self.baseline, self.second, seed)
            again = self._climb("again", "ours", self.ours, tuned.bpb, seed)
            first = self._climb("first", "baseline", self.baseline, published.bpb, seed)
            self.heats.append(Heat(seed, published, tuned, first, reached, again))

    def _train(self, who: Who, setting: Setting, tokens: int, seed: int) -> Result:
        result = run(self.contest, who, setting, tokens=tokens, seed=seed)
        self.settings[result.name] = (who, setting)
        self.results[result.name] = result
        return result

    def _climb(self, name: str, who: Who, setting: Setting, target: float, seed: int) -> Reached:
        def train(tokens: int) -> Result:
            return self._train(who, setting, tokens, seed)

        found = climb(train, self.budget, target, self._guesses[name])
        if found.shortest is not None:  # the next seed begins where this one ended
            self._guesses[name] = round(math.log(self.budget / found.shortest.asked) / math.log(STEP))
        return found

    def _tune(self) -> Setting:
        """Learning rates; at the best another batch and another decay; at the best of those learning rates again."""
        if self.short:
            rated = (dataclasses.replace(BASELINE, rate=rate) for rate in SHORT_RATES)
            return min((self._score(setting) for setting in rated), key=lambda pair: pair[0])[1]
        best = lowest(lambda rate: self._score(dataclasses.replace(BASELINE, rate=rate)), FIRST_RATE)
        others = [
            self._score(dataclasses.replace(best[1], batch_tokens=2 * BASELINE.batch_tokens)),
            self._score(dataclasses.replace(best[1], shape="linear", decay=0.5)),
        ]
        best = min([best, *others], key=lambda pair: pair[0])
        return lowest(lambda rate: self._score(dataclasses.replace(best[1], rate=rate)), best[1].rate)[1]

    def _score(self, setting: Setting) -> tuple[float, Setting]:
        result = self._train("baseline", setting, self.second // SWEEP_SHARE, 1)
        name = f"{'cosine' if setting.shape == 'cosine' else 'WSD'}, batch {setting.batch_tokens}"
        if all(result.name != other.name for _, other in self.sweep):
            self.sweep.append((name, result))
        return result.bpb, setting


def lowest(score: Callable[[float], tuple[float, Setting]], first: float) -> tuple[float, Setting]:
    """The best of `first` · 2^k, with its setting: both neighbours of the best are tried and are worse."""
    found = {0: score(first)}
    while True:
        best = min(found, key=lambda k: found[k][0])
        missing = [k for k in (best - 1, best + 1) if k not in found]
        if not missing:
            return found[best]
        found[missing[0]] = score(first * 2.0 ** missing[0])
