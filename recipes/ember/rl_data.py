"""Problems for ember's reinforcement: `python recipes/ember/rl_data.py DATA OUT`.

Word problems with changed numbers, and requests for poems and for what must be declined, so that these are not
forgotten.  `valid.jsonl` holds stories that reinforcement never sees, with changed numbers; the stages before have seen
the stories, so it measures what reinforcement changes and not how well ember does on new problems (the exam does).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import poems
import talk
from build_data import Data, read_known
from rich.console import Console
from solve import Node, Number, Unsolvable
from word_problems import Problem, Source, as_published, changed, restyle, wording

from huozhong.exam.lines import write_atomic
from huozhong.exam.questions import written_questions
from huozhong.verify.arithmetic import is_exam_expression

LEVELS = 3  # one, two, three or more operations


def operations(node: Node) -> int:
    return 0 if isinstance(node, Number) else 1 + operations(node.left) + operations(node.right)


def word_problem(source: Source, problem: Problem, rng: random.Random) -> dict[str, Any]:
    level = min(max(operations(source.equation), 1), LEVELS)
    answer = str(problem.solution.answer)
    return {"question": restyle(problem.question, rng), "answer": answer, "level": level}


def is_valid(source: Source) -> bool:
    """One story in 25, whatever its numbers."""
    return hashlib.sha256(wording(source.question).encode()).digest()[0] < 10


def training_problems(
    sources: list[Source], rng: random.Random, copies: int, known: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Every problem `copies` times, the first as published; what is `known` already once, with other numbers."""
    for number in range(copies):
        for source in sources:
            if number and source.question in known:
                continue
            try:
                published = number == 0 and source.question not in known
                problem = as_published(source) if published else changed(source, rng)
            except Unsolvable:
                continue
            if problem is not None and not is_exam_expression(problem.solution.equation):
                yield word_problem(source, problem, rng)


def held_out_problems(sources: list[Source], rng: random.Random) -> Iterator[dict[str, Any]]:
    """Each story once, with numbers of its own: as published it may have been learnt by heart."""
    for source in sources:
        problem = changed(source, rng)
        if problem is not None and not is_exam_expression(problem.solution.equation):
            yield word_problem(source, problem, rng)


def bare_sums(sources: list[Source], rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """What word problems come to, without their words: the sums in which a right plan goes wrong."""
    made = 0
    while made < count:
        source = rng.choice(sources)
        problem = changed(source, rng)
        if problem is not None and not is_exam_expression(problem.solution.equation) and operations(source.equation):
            made += 1
            yield word_problem(source, problem, rng) | {"question": f"{problem.solution.equation}=?"}


def poem_requests(data: Data, rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    made = 0
    while made < count:
        poem = rng.choice(data.poems)
        question = poems.request(poem, rng)[0]
        if poem.form in question:
            made += 1
            yield {"question": question, "form": poem.form, "level": rng.randint(1, LEVELS)}


def scope_questions(data: Data, rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Two thirds to be declined, one third that ember can answer; none of the exam's."""
    written = [*written_questions("in_scope"), *written_questions("out_of_scope")]
    examined = {question.question for question in written}
    made = 0
    while made < count:
        refuse = rng.random() < 0.67
        if not refuse:
            question = rng.choice((talk.small_talk(rng), talk.idiom(rng, data.idioms), talk.saying(rng)))[0]
        elif rng.random() < 0.5:
            question = talk.templated_out_of_scope(rng)[0]
        else:
            question = talk.vary(rng.choice(data.out_of_scope), rng)
        if question not in examined:
            made += 1
            yield {"question": question, "refuse": refuse, "level": rng.randint(1, LEVELS)}


def write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "".join(lines))
    return len(lines)


def build(data_folder: Path, out: Path, *, seed: int, copies: int, known: Path | None) -> None:
    console = Console(stderr=True)
    rng = random.Random(f"rl {seed}")
    data = Data(data_folder)
    kept = [source for source in data.problems if not is_valid(source)]
    valid = list(held_out_problems([source for source in data.problems if is_valid(source)], rng))
    rng.shuffle(valid)
    problems = training_problems(kept, rng, copies, read_known(known))
    for name, rows in (
        ("valid", valid),
        ("problems", (row for row in problems if not data.examined(row["question"]))),
        ("sums", bare_sums(kept, rng, 2000 * copies)),
        ("poems", poem_requests(data, rng, 2000)),
        ("scope", scope_questions(data, rng, 2000)),
    ):
        console.print(f"{name}: {write(out / f'{name}.jsonl', rows):,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--copies", type=int, default=3, help="versions of each word problem")
    parser.add_argument("--known", type=Path, help="what plans.py wrote: problems that come only once")
    build(**{("data_folder" if k == "data" else k): v for k, v in vars(parser.parse_args()).items()})


if __name__ == "__main__":
    main()
