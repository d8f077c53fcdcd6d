"""An app's examples are its tests.  In `## Examples`, each is a list item: what is filled in, and what must come out.

    - name: 小明
      born: 1988-08-08
      → 戊辰
      → not 彩票

A line with an arrow (→ or ->) is something that the answer holds, with `not` (不含) does not hold; and `error` (报错)
says that what was filled in is refused.  `language: en` is no field: so the example's reader reads English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huozhong.errors import HuozhongError, SkillError
from huozhong.skills.fields import Language
from huozhong.skills.run import Ask, run
from huozhong.skills.sandbox import Tools
from huozhong.skills.skill import LANGUAGES, Skill
from huozhong.skills.tools import keep_in

MOST_EXAMPLES = 50
_ARROW = re.compile(r"(?:→|->|=>)\s*(.*)")
_NOT = re.compile(r"(?:not|不含)\s+(.+)")


@dataclass(frozen=True)
class Example:
    """given: key and text of each field.  holds, lacks: what the answer holds and does not; refused: it is an error."""

    given: dict[str, str]
    holds: tuple[str, ...]
    lacks: tuple[str, ...]
    refused: bool


@dataclass(frozen=True)
class Outcome:
    """How an example went.  problems: empty where it is as it should be."""

    example: Example
    answer: str
    problems: tuple[str, ...]


def read_examples(skill: Skill) -> list[Example]:
    """The examples of an app; `SkillError` where they cannot be understood."""
    examples = []
    for item in re.split(r"^(?=[-*][ \t])", skill.examples, flags=re.M):
        lines = [line.strip() for line in item.strip().removeprefix("-").removeprefix("*").splitlines() if line.strip()]
        if not lines or not re.match(r"[-*][ \t]", item.strip()):
            continue  # words between the examples
        examples.append(_example(lines))
    if len(examples) > MOST_EXAMPLES:
        raise SkillError(f"最多 {MOST_EXAMPLES} 个例子。", f"An app has at most {MOST_EXAMPLES} examples.")
    return examples


def check_examples(skill: Skill, ask: Ask, tools: Tools | None = None) -> Iterator[Outcome]:
    """Runs the examples one after the other.

    What the app remembers of people is neither seen nor changed: the first example is as on the first day, and a later
    one finds what those before it kept.
    """
    with TemporaryDirectory() as folder:
        fresh = {**(tools or {}), "keep": keep_in(Path(folder) / "kept.json")}
        for example in read_examples(skill):
            yield _outcome(skill, example, ask, fresh)


def _outcome(skill: Skill, example: Example, ask: Ask, tools: Tools) -> Outcome:
    answer, refused = "", None
    given, language = _read_by(skill, example.given)
    try:
        for piece in run(skill, given, ask, tools, language=language):
            if piece.kind in ("done", "rule"):
                answer = piece.text
                # What the app shows instead of a failed answer is what its reader gets, and what the example is about.
                refused = piece.problem if piece.by_model else None
    except HuozhongError as error:
        refused = str(error)
    if example.refused:
        problems = [] if refused is not None else [f"it should be refused, and answered: {answer[:100]}"]
    else:
        problems = [refused] if refused else []
        problems += [f"'{wanted}' is missing" for wanted in example.holds if wanted not in answer]
        problems += [f"'{unwanted}' stands there" for unwanted in example.lacks if unwanted in answer]
    return Outcome(example, answer, tuple(problems))


def _read_by(skill: Skill, given: dict[str, str]) -> tuple[dict[str, str], Language]:
    """The fields of an example, and its reader's language."""
    if any(one.key == "language" for one in skill.fields):
        return given, "zh"
    wanted = given.get("language", "zh")
    for language in LANGUAGES:
        if wanted == language:
            return {key: value for key, value in given.items() if key != "language"}, language
    raise SkillError(
        f"例子里的 language 是 {' 或 '.join(LANGUAGES)}，不是“{wanted[:20]}”。",
        f"An example's language is {' or '.join(LANGUAGES)}, not '{wanted[:20]}'.",
    )


def _example(lines: list[str]) -> Example:
    given: dict[str, str] = {}
    holds, lacks, refused = [], [], False
    for line in lines:
        if found := _ARROW.match(line):
            wanted = found[1].strip()
            if wanted.lower() in ("error", "报错"):
                refused = True
            elif unwanted := _NOT.match(wanted):
                lacks.append(unwanted[1].strip())
            elif wanted:
                holds.append(wanted)
            continue
        key, colon, value = re.sub("：", ":", line, count=1).partition(":")
        if not colon:
            raise SkillError(
                f"例子里的“{line[:60]}”读不懂；写成「栏目: 内容」或「→ 回答里要有的话」。",
                f"The example's line '{line[:60]}' is neither 'field: value' nor '→ what the answer holds'.",
            )
        given[key.strip()] = value.strip()
    return Example(given, tuple(holds), tuple(lacks), refused)
