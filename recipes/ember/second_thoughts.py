"""What to think after a plan that cannot be: `python recipes/ember/second_thoughts.py MODEL DATA_FOLDER OUT.jsonl`.

A model plans problems greedily.  Where its plan takes something from less (`rethink.cannot_be`) it is asked for more of
them by chance: what it then says that could be, best of all the right one, is what it should have thought of next.  So
a search of many samples becomes one line of thought (`build_data.py --second-thoughts`).

Problems come from two sides: those whose plan it does not know, with other numbers, and those that it knows, with
numbers that make the right plan impossible, so that its favourite one is not the answer.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from build_data import Data, read_known
from rethink import cannot_be, plan_of
from rich.progress import track
from rl_data import write as write_rows
from solve import Node, Number, Unsolvable, value_of
from word_problems import Problem, Source, as_published, changed, restyle, shaken, told_in

from huozhong.engine.llm import LLM, SamplingParams

AT_ONCE = 512
SAMPLES = 10
SHARE_OF_KNOWN = 0.4  # of the known problems; of what is thought of next there nothing is known to be right
FIRST = SamplingParams(temperature=0.0, max_tokens=32, stop=("\n",))


def versions(sources: list[Source], known: set[str], rng: random.Random) -> Iterator[tuple[str, str, Problem | None]]:
    """Without end: question, its numbers and letters, and the problem if its plan could still be right."""
    while True:
        for source in rng.sample(sources, len(sources)):
            if isinstance(source.equation, Number) or source.percent_answer:
                continue
            if source.question in known:
                made = shaken(source, rng, cannot_be) if rng.random() < SHARE_OF_KNOWN else None
                if made is not None:
                    yield restyle(made[0], rng), told_in(made[0]), None
                continue
            problem = as_published(source) if rng.random() < 0.3 else changed(source, rng)
            if problem is not None:
                yield restyle(problem.question, rng), told_in(problem.question), problem


def tries(llm: LLM, asked: Iterator[tuple[str, str, Problem | None]], count: int) -> Iterator[dict[str, Any]]:
    """Of `count` questions those whose first plan cannot be and that have another: `plan` is that, `right` or not."""
    newline = llm.tokenizer.encode("\n")
    for start in track(range(0, count, AT_ONCE), description="再想想 / second thoughts"):
        batch = list(islice(asked, AT_ONCE))
        prompts = [
            [*llm.prompt([{"role": "user", "content": question}]).ids, *llm.tokenizer.encode(told), *newline]
            for question, told, _ in batch
        ]
        stuck = []
        for (question, told, problem), prompt, first in zip(batch, prompts, llm.generate(prompts, FIRST), strict=True):
            plan = plan_of(first.text, told)
            if plan is not None and cannot_be(plan):
                stuck.append((question, told, problem, prompt, plan))
        more = [
            SamplingParams(temperature=0.8, max_tokens=32, stop=("\n",), seed=start + number)
            for number in range(SAMPLES)
        ]
        said = [llm.generate([prompt for *_, prompt, _ in stuck], params) for params in more] if stuck else []
        for (question, told, problem, _, plan), *others in zip(stuck, *said, strict=True):
            found = _next(problem, [plan_of(other.text, told) for other in others])
            if found is not None:
                yield {"question": question, "told": told, "first": str(plan), **found}


def _next(problem: Problem | None, plans: list[Node | None]) -> dict[str, Any] | None:
    """The plan to go on with, and others on the way that cannot be either."""
    real = [plan for plan in plans if plan is not None]
    impossible = list(dict.fromkeys(str(plan) for plan in real if cannot_be(plan)))
    if problem is not None and any(_value(plan) == problem.solution.answer.value for plan in real):
        return {"plan": problem.solution.equation, "right": True, "impossible": impossible}
    could = Counter(str(plan) for plan in real if not cannot_be(plan) and (value := _value(plan)) and value > 0)
    best, times = could.most_common(1)[0] if could else ("", 0)
    return {"plan": best, "right": False, "impossible": impossible} if times > 1 else None


def _value(plan: Node) -> Fraction | None:
    try:
        return value_of(plan)
    except Unsolvable:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("out", type=Path)
    parser.add_argument("--known", type=Path, required=True, help="what plans.py wrote of this model")
    parser.add_argument("--count", type=int, default=40_000, help="how many questions to ask")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    data = Data(arguments.data)
    asked = versions(data.problems, read_known(arguments.known), random.Random(arguments.seed))
    with LLM(arguments.model) as llm:
        rows = tries(llm, asked, arguments.count)
        print(f"{write_rows(arguments.out, (row for row in rows if not data.examined(row['question']))):,}")


if __name__ == "__main__":
    main()
