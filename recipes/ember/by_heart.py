"""What a model knows by heart, and whether it admits the rest: `python recipes/ember/by_heart.py MODEL DATA_FOLDER`.

Every idiom, saying and riddle of the recipe is asked for once, in one of training's wordings, and 300 idioms and 300
sayings that were never taught.  Ends in one JSON line: right answers (or admissions) and how many were asked.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import talk
from build_data import Data
from common import SAYINGS

from huozhong.engine.llm import LLM, SamplingParams

UNKNOWN = 300
ADMITS = "没学过"
Question = tuple[str, str]  # what is asked, what the answer has to contain


def questions(data: Data, rng: random.Random) -> dict[str, list[Question]]:
    """What is asked, by part."""

    def ask(ways: tuple[str, ...], name: str) -> str:
        return rng.choice(ways).format(name)

    return {
        "idioms": [(ask(talk.IDIOM_ASK, name), meaning) for name, meaning in data.idioms],
        "sayings": [(ask(talk.SAYING_ASK, first), second) for first, second in SAYINGS],
        "riddles": [(f"猜谜语：{text}", f"谜底是：{answer}") for text, _, answer in talk.RIDDLES],
        "idioms not taught": [(ask(talk.IDIOM_ASK, name), ADMITS) for name in rng.sample(data.unknown_idioms, UNKNOWN)],
        "sayings not taught": [
            (ask(talk.SAYING_ASK, first), ADMITS) for first in rng.sample(data.unknown_sayings, UNKNOWN)
        ],
    }


def examine(llm: LLM, asked: dict[str, list[Question]]) -> dict[str, list[int]]:
    """[right, asked] of each part; greedy, one answer each."""
    found = {}
    for part, rows in asked.items():
        prompts = [llm.prompt([{"role": "user", "content": question}]).ids for question, _ in rows]
        answers = llm.generate(prompts, SamplingParams(temperature=0.0, max_tokens=128))
        right = sum(wanted in answer.text for answer, (_, wanted) in zip(answers, rows, strict=True))
        found[part] = [right, len(rows)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    asked = questions(Data(arguments.data), random.Random(arguments.seed))
    with LLM(arguments.model) as llm:
        print(json.dumps(examine(llm, asked), ensure_ascii=False))


if __name__ == "__main__":
    main()
