"""Problems worth practising: `python recipes/ember/worth.py MODEL PROBLEMS.jsonl OUT.jsonl [--limit N]`.

Reinforcement learns nothing from a question that is always answered rightly, or never.  This asks each one a few
times and keeps those with both kinds of answers: what DAPO does during a run (Yu et al. 2025, arXiv:2503.14476, §3.2,
"dynamic sampling"), once and beforehand.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.progress import track
from rl_data import write

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.text.data import read_jsonl
from huozhong.verify.arithmetic import same_answer

AT_ONCE = 512
MAX_TOKENS = 160


def mixed(llm: LLM, rows: Sequence[dict[str, Any]], samples: int, temperature: float) -> Iterator[dict[str, Any]]:
    """The rows that `llm` answers rightly at least once and wrongly at least once, of `samples` answers each."""
    for start in track(range(0, len(rows), AT_ONCE), description="练什么 / worth practising"):
        asked = rows[start : start + AT_ONCE]
        prompts = [llm.prompt([{"role": "user", "content": row["question"]}]).ids for row in asked]
        right = [0] * len(asked)
        for seed in range(samples):
            answers = llm.generate(prompts, SamplingParams(temperature=temperature, max_tokens=MAX_TOKENS, seed=seed))
            for number, (row, answer) in enumerate(zip(asked, answers, strict=True)):
                right[number] += same_answer(answer.text, row["answer"])
        for row, count in zip(asked, right, strict=True):
            if 0 < count < samples:
                yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("problems", type=Path, help="what rl_data.py wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=int, default=4, help="answers to each")
    parser.add_argument("--temperature", type=float, default=0.6, help="that of the run")
    parser.add_argument("--limit", type=int, help="ask only so many, drawn by chance")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    rows = list(read_jsonl(arguments.problems))
    random.Random(arguments.seed).shuffle(rows)
    rows = rows[: arguments.limit]
    with LLM(arguments.model) as llm:
        print(f"{write(arguments.out, mixed(llm, rows, arguments.samples, arguments.temperature)):,} of {len(rows):,}")


if __name__ == "__main__":
    main()
