"""What an answer is worth: small pure functions over the rules of `verify`, added with the recipe's weights.

A reward looks only at what concerns it: one about poems is 0 for every answer to a sum, so that it changes
nothing within that sum's group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from huozhong.errors import ConfigError
from huozhong.text.tokenizer import END_THINK, THINK
from huozhong.train.rl.problems import Problem
from huozhong.verify.arithmetic import check_steps, same_answer
from huozhong.verify.poem import extract_poem, matches_form, rhymes
from huozhong.verify.refusal import is_refusal


@dataclass(frozen=True)
class Attempt:
    """An answer as the rules see it.

    text: what follows the reasoning.  reasoning: what stands before </think>; None when there is none.
    tokens: how many were generated; finished: the model ended it itself.  limit: the longest answer in tokens,
    margin: from so many tokens before it the `length` reward goes down.  opened: the prompt ended in <think>.
    """

    text: str
    reasoning: str | None
    tokens: int
    finished: bool
    limit: int
    margin: int = 0
    opened: bool = True

    @classmethod
    def read(
        cls, text: str, *, tokens: int, finished: bool, limit: int, margin: int = 0, opened: bool = True
    ) -> Attempt:
        """Part the reasoning from the answer in a generated text, as serving does."""
        reasoning: str | None = None
        if not opened and text.lstrip().startswith(THINK):
            opened, text = True, text.lstrip().removeprefix(THINK)
        if opened:
            reasoning, closed, text = text.partition(END_THINK)
            if not closed:
                text = ""
        return cls(text, reasoning, tokens, finished, limit, margin, opened)


Reward = Callable[[Problem, Attempt], float]


def right_answer(problem: Problem, attempt: Attempt) -> float:
    """1 for stating exactly the right number (`verify.arithmetic.same_answer`)."""
    return float(bool(problem.answer) and same_answer(attempt.text, problem.answer))


def good_format(problem: Problem, attempt: Attempt) -> float:
    """1 for an answer that was ended by the model, after a reasoning that was closed once, where one was opened."""
    if not attempt.finished or not attempt.text.strip() or THINK in attempt.text or END_THINK in attempt.text:
        return 0.0
    return float(not attempt.opened or bool(attempt.reasoning is not None and attempt.reasoning.strip()))


def right_steps(problem: Problem, attempt: Attempt) -> float:
    """The share of calculations in the reasoning (or the answer) that are true; 0 where nothing is calculated."""
    if not problem.answer:
        return 0.0
    report = check_steps(attempt.reasoning or attempt.text)
    claims = len(report.steps) + report.unreadable
    return report.correct / claims if claims else 0.0


def short_enough(problem: Problem, attempt: Attempt) -> float:
    """0 up to `limit - margin` tokens, then evenly down to -1 at the limit (soft overlong punishment, DAPO §3.4)."""
    if not attempt.finished:
        return -1.0
    free = attempt.limit - attempt.margin
    return 0.0 if attempt.tokens <= free else (free - attempt.tokens) / attempt.margin


def poem_form(problem: Problem, attempt: Attempt) -> float:
    """1 for a poem of the form that was asked for."""
    return float(bool(problem.form) and matches_form(extract_poem(attempt.text), problem.form))


def poem_rhyme(problem: Problem, attempt: Attempt) -> float:
    """1 for a poem whose even lines rhyme."""
    return float(bool(problem.form) and rhymes(extract_poem(attempt.text), problem.form))


def honest_refusal(problem: Problem, attempt: Attempt) -> float:
    """1 for declining what must be declined, and for not declining the rest."""
    if problem.refuse is None:
        return 0.0
    return float(is_refusal(attempt.text) == problem.refuse and bool(attempt.text.strip()))


REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        "answer": right_answer,
        "format": good_format,
        "steps": right_steps,
        "length": short_enough,
        "poem_form": poem_form,
        "poem_rhyme": poem_rhyme,
        "refusal": honest_refusal,
    }
)


def reward(weights: Mapping[str, float], problem: Problem, attempt: Attempt) -> float:
    """The weighted sum of the named rewards."""
    return sum(weight * REWARDS[name](problem, attempt) for name, weight in weights.items())


def solved(problem: Problem, attempt: Attempt) -> bool:
    """Whether the answer is right in all that the problem says: what accuracy and the curriculum count."""
    if problem.answer and not right_answer(problem, attempt):
        return False
    if problem.form and not (poem_form(problem, attempt) and poem_rhyme(problem, attempt)):
        return False
    return problem.refuse is None or bool(honest_refusal(problem, attempt))


def check_weights(weights: Mapping[str, float]) -> None:
    """ConfigError for a reward that does not exist, or when none counts."""
    for name in weights:
        if name not in REWARDS:
            raise ConfigError(f"[rewards] has no key {name!r}; known rewards: {', '.join(REWARDS)}.")
    if not any(weights.values()):
        raise ConfigError("[rewards] gives no reward a weight; start with answer = 1.0.")
