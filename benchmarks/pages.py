"""Is the page that answers a question the first that is found?

    python benchmarks/pages.py [--data FILE] [--pages 250] [--questions 100] [--short 250]

A book is put together, cut into passages and indexed as a person's document is (`memory`), and each question is put to
it as a child would put it: the page of the best passage is held against the right one.  FILE: JSONL with `context` and
`question` (CMRC2018's and DRCD's form; .xz is read too), where every context is a page.  Without it the book is of
lessons with worked examples, from templates of our own, and the questions are the same kinds of problems with other
numbers, looked up as the tutor does.  --short: characters of a page that are kept.  Words
for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import sys
import time
from pathlib import Path

from benchlib.school import TEMPLATES, problems

from huozhong.apps.tutor.books import looked_up
from huozhong.memory.index import Index, search
from huozhong.memory.passages import cut

Question = tuple[str, int]  # and its page, counted from 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="questions with their contexts as JSONL, .xz too")
    parser.add_argument("--pages", type=int, default=250)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--short", type=int, help="characters of a page that are kept (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    if options.data:
        pages, questions = of_file(options.data, options.pages, rng)
    else:
        pages, questions = of_templates(rng)
    questions = rng.sample(questions, min(options.questions, len(questions)))
    passages = cut([page[: options.short] for page in pages])
    index = Index.of([passage.text for passage in passages])
    first, second = 0, 0
    began = time.perf_counter()
    for question, right in questions:
        found = [passages[hit.passage].page for hit in search([index], question, 5)]
        order = list(dict.fromkeys(found))
        first, second = first + (order[:1] == [right]), second + (right in order[:2])
        if order[:1] != [right]:
            print(f"page {right}, found {order[:3]}: {question}", file=sys.stderr)
    ms = (time.perf_counter() - began) * 1000 / len(questions)
    asked = len(questions)
    result = {"pages": len(pages), "questions": asked, "first": first / asked, "first_two": second / asked}
    print(json.dumps({"benchmark": "pages", **result, "ms_a_question": round(ms, 2)}))


def of_file(file: Path, count: int, rng: random.Random) -> tuple[list[str], list[Question]]:
    data = file.read_bytes()
    text = (lzma.decompress(data) if file.suffix == ".xz" else data).decode("utf-8")
    rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    chosen = rng.sample(contexts, min(count, len(contexts)))
    number = {context: at for at, context in enumerate(chosen, 1)}
    return chosen, [(row["question"], number[row["context"]]) for row in rows if row["context"] in number]


def of_templates(rng: random.Random) -> tuple[list[str], list[Question]]:
    """A lesson a template: two worked examples on a page, an exercise on the next."""
    pages: list[str] = []
    examples = problems(3 * len(TEMPLATES), seed=5)
    for at in range(len(TEMPLATES)):
        one, two, three = (examples[at + turn * len(TEMPLATES)] for turn in range(3))
        lesson = f"第 {at + 1} 课\n例 1　{one.text}\n{one.working()}\n例 2　{two.text}\n{two.working()}"
        pages += [lesson, f"练习 {at + 1}\n{three.text}"]
    asked = problems(8 * len(TEMPLATES), seed=rng.randrange(100, 10**6))
    return pages, [(looked_up(problem.text), 2 * (at % len(TEMPLATES)) + 1) for at, problem in enumerate(asked)]


if __name__ == "__main__":
    main()
