"""Ape210K's test part in the form of the data folder: `python recipes/ember/ape.py test.ape.json DATA_FOLDER`.

Reads the published file (github.com/Chenny0808/ape210k, `data/test.ape.json`) and writes `ape10k/test.jsonl` beside
the validation part.  What is worded like a problem of Math23K or of the validation part is left out, whatever its
numbers: the test problems of Math23K are the exam, the others are known already.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from rl_data import write
from solve import Unsolvable, parse, value_of
from word_problems import wording

from huozhong.text.data import read_jsonl


def is_verified(equation: str, answer: str) -> bool:
    """Whether the equation gives the published answer, in exact fractions."""
    try:
        return value_of(parse(equation)) == value_of(parse(answer))
    except Unsolvable:
        return False


def converted(rows: Iterable[dict], known: set[str]) -> Iterator[dict]:
    """Rows of the published file as rows of the data folder, without those worded like one of `known`."""
    seen = set(known)
    for row in rows:
        question, equation = row["original_text"], row["equation"].removeprefix("x=")
        if (words := wording(question)) not in seen:
            seen.add(words)
            yield {
                "id": row["id"],
                "question": question,
                "equation": equation,
                "answer": row["ans"],
                "verified": is_verified(equation, row["ans"]),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("published", type=Path, help="test.ape.json")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    arguments = parser.parse_args()
    known = {
        wording(row["question"])
        for name in ("math23k/math23k", "ape10k/valid")
        for row in read_jsonl(arguments.data / f"{name}.jsonl.xz")
    }
    rows = list(converted(read_jsonl(arguments.published), known))
    write(arguments.data / "ape10k/test.jsonl", rows)
    print(f"{len(rows):,} problems, of {sum(row['verified'] for row in rows):,} the equation gives the answer")


if __name__ == "__main__":
    main()
