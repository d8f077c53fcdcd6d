"""The release gate: what a model must reach in the exam before it becomes a built-in one or a default.

    [gate]                                  # in a recipe, or in a file of its own
    math23k = { correct = 0.50 }            # a share of the answers: at least; of mistakes: at most
    in_scope = { false_refusal = 0.03 }
    perplexity = { all = 4.0 }              # bits per byte, by kind of text: at most

What was not measured has not been reached.  `Report.judged` holds a report against the demands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from huozhong.errors import ConfigError
from huozhong.exam.parts import PART_NAMES, PARTS, PERPLEXITY

if TYPE_CHECKING:
    from rich.table import Table

_KINDS = ("poem", "novel", "modern", "english", "text", "all")


@dataclass(frozen=True)
class Threshold:
    """One demand: `score` of `part` at least, or (at_most) at most, `value`."""

    part: str
    score: str
    value: float
    at_most: bool

    @property
    def is_share(self) -> bool:
        return self.part != PERPLEXITY


@dataclass(frozen=True)
class Verdict:
    """A demand and what came; found is None when it was not measured."""

    threshold: Threshold
    found: float | None

    @property
    def reached(self) -> bool:
        if self.found is None:
            return False
        return self.found <= self.threshold.value if self.threshold.at_most else self.found >= self.threshold.value

    def as_dict(self) -> dict[str, Any]:
        t = self.threshold
        kind = "at_most" if t.at_most else "at_least"
        return {"part": t.part, "score": t.score, kind: t.value, "found": self.found, "reached": self.reached}


def load_gate(path: str | Path) -> tuple[Threshold, ...]:
    """The [gate] of a TOML file, other sections aside.  Raises ConfigError, naming what is unknown or impossible."""
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"gate {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"gate {path} is not valid TOML: {error}.") from None
    parts = raw.get("gate")
    if not isinstance(parts, dict) or not parts:
        raise ConfigError(f"{path} has no [gate] section; write one such as math23k = {{ correct = 0.5 }} in it.")
    found = []
    for part, demands in parts.items():
        scores = _scores(part)
        if not scores:
            raise ConfigError(f"{path}: [gate] has no part {part!r}; known parts: {', '.join(PART_NAMES)}.")
        if not isinstance(demands, dict) or not demands:
            raise ConfigError(f"{path}: [gate] {part} must be a table such as {{ {next(iter(scores))} = 0.5 }}.")
        for score, value in demands.items():
            if score not in scores:
                raise ConfigError(f"{path}: [gate] {part} has no score {score!r}; known: {', '.join(scores)}.")
            highest = 1.0 if part != PERPLEXITY else 64.0
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
                raise ConfigError(f"{path}: [gate] {part}.{score} is {value!r}; give a number from 0 to {highest:g}.")
            found.append(Threshold(part, score, float(value), scores[score]))
    return tuple(found)


def _scores(part: str) -> dict[str, bool]:
    """The scores that a part has, and whether less of it is better."""
    if part == PERPLEXITY:
        return dict.fromkeys(_KINDS, True)
    return {mark.name: mark.lower_is_better for one in PARTS if one.name == part for mark in one.marks}


def gate_table(verdicts: Sequence[Verdict], lang: Literal["zh", "en"]) -> Table:
    """Every demand with what came, reached or not."""
    from rich.table import Table

    zh = lang == "zh"
    table = Table(title="放行线" if zh else "Release gate")
    for column in ("部分", "要求", "结果", "") if zh else ("part", "needed", "found", ""):
        table.add_column(column, justify="left" if column in ("部分", "part", "") else "right")
    titles = {part.name: part.zh if zh else part.en for part in PARTS}
    marks = {(part.name, mark.name): mark.zh if zh else mark.en for part in PARTS for mark in part.marks}
    for verdict in verdicts:
        t = verdict.threshold
        title = f"{titles.get(t.part, t.part)}: {marks.get((t.part, t.score), t.score)}"
        found = ("未测" if zh else "not measured") if verdict.found is None else _number(t, verdict.found)
        said = ("达到" if zh else "reached") if verdict.reached else ("没达到" if zh else "FELL SHORT")
        table.add_row(title, f"{'≤' if t.at_most else '≥'} {_number(t, t.value)}", found, said)
    return table


def _number(threshold: Threshold, value: float) -> str:
    return f"{100 * value:.1f}%" if threshold.is_share else f"{value:.3f}"
