"""What a reinforcement run asks, and how the answers did: everything between the recipe and the gradient.

Which problems a step has, and with which seeds they are answered, depends on the recipe's seed, the step and the
curriculum alone.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.errors import ConfigError
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.rl.problems import ARITHMETIC, Arithmetic, Curriculum, Listed, Mixture, Problem, read_problems
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.rl.rewards import Attempt, reward, solved
from huozhong.train.rl.rollout import Ask, Drawn, Sampler


@dataclass(frozen=True)
class Group:
    """One question, its answers and what they earned."""

    problem: Problem
    prompt: tuple[int, ...]
    drawn: tuple[Drawn, ...]
    attempts: tuple[Attempt, ...]
    rewards: tuple[float, ...]

    @property
    def solved(self) -> list[bool]:
        return [solved(self.problem, attempt) for attempt in self.attempts]


class Practice:
    """The recipe's problems, asked in the words of the model's chat template."""

    def __init__(self, recipe: RlRecipe, tokenizer: Tokenizer) -> None:
        self.recipe, self.tokenizer = recipe, tokenizer
        self.template = ChatTemplate.load(recipe.base, tokenizer)
        self.opened = self.template.opens_thinking(thinking=recipe.rollout.thinking)
        self.problems = _mixture(recipe)
        curriculum = recipe.curriculum
        self.curriculum = Curriculum(
            self.problems.levels, threshold=curriculum.threshold, window=curriculum.window, focus=curriculum.focus
        )
        self.valid = self._read_valid()

    @property
    def levels(self) -> list[int]:
        return self.problems.levels

    def _read_valid(self) -> list[tuple[Problem, tuple[int, ...]]]:
        """Held-out problems with their prompts; those that are too long for a row are left out."""
        if self.recipe.problems.valid is None:
            return []
        problems = read_problems(self.recipe.problems.valid)[: self.recipe.problems.valid_rows]
        prompts = [(problem, self._prompt(problem)) for problem in problems]
        fitting = [(problem, prompt) for problem, prompt in prompts if prompt is not None]
        if not fitting:
            raise ConfigError(f"no problem of {self.recipe.problems.valid} leaves room for an answer in seq_len.")
        return fitting

    def _prompt(self, problem: Problem) -> tuple[int, ...] | None:
        """None when prompt and answer would not fit a row."""
        messages = [{"role": "user", "content": problem.question}]
        ids = self.template.tokens(messages, thinking=self.recipe.rollout.thinking)
        room = self.recipe.rollout.seq_len - self.recipe.rollout.max_tokens
        return tuple(ids) if len(ids) <= room else None

    def ask(self, sampler: Sampler, step: int) -> list[Group]:
        """Problems for step `step` (from 0), each answered several times."""
        rollout, seed = self.recipe.rollout, self.recipe.run.seed
        rng = random.Random(f"problems {seed} {step}")
        chosen = [self._draw(rng) for _ in range(rollout.questions)]
        asks = [
            Ask(prompt, seed_of(seed, step, number, sample))
            for number, (_, prompt) in enumerate(chosen)
            for sample in range(rollout.samples)
        ]
        drawn = sampler.generate(asks, max_tokens=rollout.max_tokens)
        groups = []
        for number, (problem, prompt) in enumerate(chosen):
            answers = drawn[number * rollout.samples : (number + 1) * rollout.samples]
            attempts = tuple(self._attempt(answer) for answer in answers)
            rewards = tuple(reward(self.recipe.rewards, problem, attempt) for attempt in attempts)
            groups.append(Group(problem, prompt, tuple(answers), attempts, rewards))
        return groups

    def _draw(self, rng: random.Random) -> tuple[Problem, tuple[int, ...]]:
        for _ in range(1000):
            problem = self.problems.draw(self.curriculum.draw(rng), rng)
            prompt = self._prompt(problem)
            if prompt is not None:
                return problem, prompt
        raise ConfigError(
            f"[rollout] seq_len {self.recipe.rollout.seq_len} leaves hardly any problem room for max_tokens "
            f"({self.recipe.rollout.max_tokens}); raise the one or lower the other."
        )

    def _attempt(self, drawn: Drawn) -> Attempt:
        ids = drawn.token_ids[:-1] if drawn.finished else drawn.token_ids
        rollout = self.recipe.rollout
        return Attempt.read(
            self.tokenizer.decode(ids, skip_special=False),
            tokens=len(drawn.token_ids),
            finished=drawn.finished,
            limit=rollout.max_tokens,
            margin=rollout.margin,
            opened=self.opened,
        )

    def judge(self, groups: Sequence[Group]) -> dict[str, Any]:
        """What is recorded of a step's answers."""
        rewards = [value for group in groups for value in group.rewards]
        right = [flag for group in groups for flag in group.solved]
        drawn = [answer for group in groups for answer in group.drawn]
        logprobs = [value for answer in drawn for value in answer.logprobs]
        return {
            "level": self.curriculum.level,
            "reward": sum(rewards) / len(rewards),
            "solved": sum(right) / len(right),
            "length": sum(len(answer.token_ids) for answer in drawn) / len(drawn),
            "cut": sum(not answer.finished for answer in drawn) / len(drawn),
            # the mean of -log p over what was drawn from p is an unbiased estimate of the entropy
            "entropy": -sum(logprobs) / len(logprobs),
        }

    def record(self, groups: Sequence[Group]) -> None:
        """Tell the curriculum how the answers did."""
        for group in groups:
            self.curriculum.record(group.problem.level, group.solved)

    def validate(self, sampler: Sampler) -> float:
        """Share of the held-out problems that one greedy answer solves."""
        asks = [Ask(prompt, 0) for _, prompt in self.valid]
        drawn = sampler.generate(asks, max_tokens=self.recipe.rollout.max_tokens, greedy=True)
        pairs = zip(self.valid, drawn, strict=True)
        return sum(solved(problem, self._attempt(answer)) for (problem, _), answer in pairs) / len(drawn)

    def shown(self, groups: Sequence[Group], step: int) -> list[dict[str, Any]]:
        """A few questions with their answers, the best first, as `rl_show.write_samples` takes them."""
        chosen = random.Random(f"show {step}").sample(groups, min(self.recipe.rollout.show_groups, len(groups)))
        told = []
        for group in chosen:
            order = sorted(range(len(group.drawn)), key=lambda n, g=group: -g.rewards[n])  # type: ignore[misc]
            answers = [
                {
                    "reward": group.rewards[n],
                    "tokens": group.attempts[n].tokens,
                    "finished": group.attempts[n].finished,
                    "text": self.tokenizer.decode(group.drawn[n].token_ids, skip_special=False),
                }
                for n in order
            ]
            gold = group.problem.answer or group.problem.form or str(group.problem.refuse)
            told.append({"question": group.problem.question, "gold": gold, "answers": answers})
        return told


def seed_of(*parts: int) -> int:
    """A seed for one answer, from where in the run it belongs."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def _mixture(recipe: RlRecipe) -> Mixture:
    return Mixture(
        [
            (Arithmetic() if source.path == ARITHMETIC else Listed(read_problems(source.path)), source.weight)
            for source in recipe.problems.train
        ]
    )
