"""Which published problems a model plans rightly: `python recipes/ember/plans.py MODEL DATA_FOLDER OUT.json`.

Asks for the plan of every solution, greedily, and compares its value with the published equation's.  What the model
knows already, `build_data.py --known` then shows half as often.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from build_data import Data
from rich.progress import track
from solve import Unsolvable, parse, value_of
from word_problems import Source

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.exam.lines import write_atomic

AT_ONCE = 512
PARAMS = SamplingParams(temperature=0.0, max_tokens=72)  # the plan; its working is not needed


def plans_rightly(said: str, source: Source) -> bool:
    """Whether the equation of a solution, which follows its numbers and letters, has the value of the published one."""
    for line in said.split("\n")[:3]:
        with contextlib.suppress(Unsolvable):
            value = value_of(parse(line.split("=")[0]))
            break
    else:
        return False
    wanted = value_of(source.equation)
    return value in (wanted, wanted * 100) if source.percent_answer else value == wanted


def known(llm: LLM, sources: list[Source]) -> Iterator[str]:
    """The questions that `llm` plans rightly."""
    for start in track(range(0, len(sources), AT_ONCE), description="规划 / plans"):
        asked = sources[start : start + AT_ONCE]
        prompts = [llm.prompt([{"role": "user", "content": source.question}]).ids for source in asked]
        for source, answer in zip(asked, llm.generate(prompts, PARAMS), strict=True):
            if plans_rightly(answer.reasoning or answer.text, source):
                yield source.question


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    sources = Data(arguments.data).problems
    with LLM(arguments.model) as llm:
        questions = list(known(llm, sources))
    write_atomic(arguments.out, json.dumps(questions, ensure_ascii=False, indent=0) + "\n")
    print(f"{len(questions):,} / {len(sources):,}")


if __name__ == "__main__":
    main()
