"""Plans to think better of: `python recipes/ember/wrong_plans.py MODEL DATA_FOLDER OUT.jsonl`.

Asks a model for plans of published problems with changed numbers and keeps the wrong ones that give themselves away
(`rethink.noticed`); `build_data.py --wrong-plans` makes solutions of them that notice it and think again.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from build_data import Data, read_known
from rethink import letters_of, noticed
from rich.progress import track
from rl_data import write as write_rows
from solve import Node, Number, Unsolvable, parse, value_of, write
from word_problems import Problem, Source, as_published, changed, in_letters, restyle

from huozhong.engine.llm import LLM, SamplingParams

AT_ONCE = 512
PLAN_TOKENS = 72
TEMPERATURES = (1.0, 1.2, 1.4)


def versions(sources: list[Source], rng: random.Random) -> Iterator[tuple[str, Problem]]:
    """Without end: questions as ember meets them, one in four with its published numbers."""
    while True:
        for source in rng.sample(sources, len(sources)):
            if isinstance(source.equation, Number) or source.percent_answer:
                continue
            problem: Problem | None = as_published(source) if rng.random() < 0.25 else changed(source, rng)
            if problem is not None:
                yield restyle(problem.question, rng), problem


def plan_said(said: str, told: str) -> Node | None:
    """The equation in numbers of a solution, if its numbers are those told and it is the plan in letters above it."""
    lines = said.split("\n")
    if len(lines) < 3 or lines[0] != told:
        return None
    try:
        plan = parse(lines[2].split("=")[0])
    except Unsolvable:
        return None
    return plan if write(plan, letters_of(told)) == lines[1] else None


def tries(llm: LLM, asked: Iterator[tuple[str, Problem]], count: int) -> Iterator[dict[str, Any]]:
    """Wrong plans for `count` questions that could be noticed: question, numbers told, right equation, wrong one."""
    for start in track(range(0, count, AT_ONCE), description="先想错的 / wrong plans"):
        batch = list(islice(asked, AT_ONCE))
        prompts = [llm.chat_tokens([{"role": "user", "content": question}]) for question, _ in batch]
        params = SamplingParams(
            temperature=TEMPERATURES[start // AT_ONCE % len(TEMPERATURES)], max_tokens=PLAN_TOKENS, seed=start
        )
        for (question, problem), answer in zip(batch, llm.generate(prompts, params), strict=True):
            told, right = in_letters(problem).split("\n")[0], problem.solution
            wrong = plan_said(answer.reasoning or answer.text, told)
            if wrong is None or isinstance(wrong, Number):
                continue
            try:
                differs = value_of(wrong) != right.answer.value
            except Unsolvable:
                continue
            if differs and noticed(wrong, right) is not None:
                yield {"question": question, "told": told, "equation": right.equation, "wrong": str(wrong)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=60_000, help="how many plans to ask for")
    parser.add_argument("--known", type=Path, help="what plans.py wrote: only these are asked")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    data = Data(arguments.data)
    known = read_known(arguments.known)
    sources = [source for source in data.problems if arguments.known is None or source.question in known]
    asked = versions(sources, random.Random(arguments.seed))
    with LLM(arguments.model) as llm:
        rows = tries(llm, asked, arguments.count)
        print(f"{write_rows(arguments.out, (row for row in rows if not data.examined(row['question']))):,}")


if __name__ == "__main__":
    main()
