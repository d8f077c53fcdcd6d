"""Joules to equal held-out loss at several lengths: AdamW with cosine decay, tuned at each, against ours.

Lengths are tokens a parameter.  At each of them the baseline's rate is searched by whole runs of that length, by
factors of two from the best of the length before, until its best has a worse neighbour on either side; then ours looks
for its shortest run, decay included, that is at least as good.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from training.bill import cost
from training.contestants import BASELINE, Contest, Setting, Who, ours
from training.ladder import Reached, climb
from training.race import lowest
from training.runs import Result, run
from training.speeds import paces

FIRST_RATE = 4e-3
GUESS = 3  # rungs below the baseline's length at which ours is looked for first


@dataclass(frozen=True)
class Length:
    """One length's outcome.  tried: rate and bits of each of the baseline's runs."""

    per_parameter: float
    baseline: Result
    tried: tuple[tuple[float, float], ...]
    reached: Reached


class Lengths:
    """All runs of one size; `run` trains what is not there yet."""

    def __init__(self, contest: Contest, per_parameter: list[float], *, seed: int, changes: dict[str, Any]) -> None:
        """changes: of our setting, e.g. {"ramp": ()}."""
        self.contest, self.per_parameter, self.seed = contest, sorted(per_parameter), seed
        self.ours = dataclasses.replace(ours(contest.size), **changes)
        self.found: list[Length] = []
        self._ran: dict[str, tuple[Who, Setting, Result]] = {}

    def run(self) -> None:
        """Raises Stopped after Ctrl-C."""
        recipe = self.contest.recipe("baseline", BASELINE, tokens=10**6, seed=self.seed, name="size")
        parameters = self.contest.parameters("baseline", recipe)
        rate, guess = FIRST_RATE, GUESS
        for per_parameter in self.per_parameter:
            tokens, tried = round(per_parameter * parameters), dict[float, Result]()

            def score(rate: float, tokens: int = tokens, tried: dict[float, Result] = tried) -> tuple[float, Setting]:
                setting = dataclasses.replace(BASELINE, rate=rate)
                tried[rate] = self.train("baseline", setting, tokens)
                return tried[rate].bpb, setting

            rate = lowest(score, rate)[1].rate
            best = tried[rate]
            reached = climb(lambda tokens: self.train("ours", self.ours, tokens), tokens, best.bpb, guess)
            bits = tuple((tried_rate, result.bpb) for tried_rate, result in sorted(tried.items()))
            self.found.append(Length(per_parameter, best, bits, reached))

    def train(self, who: Who, setting: Setting, tokens: int) -> Result:
        """One whole run, made once."""
        return self.keep(who, setting, run(self.contest, who, setting, tokens=tokens, seed=self.seed))

    def keep(self, who: Who, setting: Setting, result: Result) -> Result:
        """For the report."""
        self._ran[result.name] = (who, setting, result)
        return result

    def report(self, *, again: bool) -> list[dict[str, Any]]:
        """Of each length what both needed; every kind of step is timed first, by turns, unless it was."""
        recipes = {
            name: (who, self.contest.recipe(who, setting, tokens=result.asked, seed=result.seed, name=name))
            for name, (who, setting, result) in self._ran.items()
        }
        table = paces(self.contest, list(recipes.values()), self.contest.folder, again=again)
        rows = []
        for length in self.found:
            theirs = cost(*recipes[length.baseline.name], table)
            row: dict[str, Any] = {
                "size": self.contest.size,
                "parameters": {who: self.contest.parameters(who, recipe) for who, recipe in recipes.values()},
                "tokens_per_parameter": length.per_parameter,
                "seed": self.seed,
                "baseline": self._said(length.baseline, recipes, table),
                "rates": length.tried,
                "ours": None,
            }
            if length.reached.shortest is not None:
                own = cost(*recipes[length.reached.shortest.name], table)
                row["ours"] = self._said(length.reached.shortest, recipes, table)
                row["fewer_joules"] = round(1 - own.joules / theirs.joules, 3)
                row["fewer_seconds"] = round(1 - own.seconds / theirs.seconds, 3)
                if length.reached.interpolated is not None:
                    share = length.reached.interpolated / length.reached.shortest.tokens
                    row["fewer_joules_interpolated"] = round(1 - own.joules * share / theirs.joules, 3)
            rows.append(row)
        return rows

    @staticmethod
    def _said(result: Result, recipes: dict[str, Any], table: dict[str, Any]) -> dict[str, float]:
        own = cost(*recipes[result.name], table)
        return {
            "bpb": round(result.bpb, 4),
            "tokens": result.tokens,
            "joules": round(own.joules, 1),
            "seconds": round(own.seconds, 2),
        }
