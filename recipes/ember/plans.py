"""How likely a model finds each published plan: `python recipes/ember/plans.py MODEL DATA_FOLDER OUT.json`.

Reads question, numbers and plan once through the model and adds up the plan's log probability: far cheaper than asking
for answers.  What stays unlikely after dozens of versions is wrong as published or beyond 7.5 million parameters;
`build_data.py --known` leaves it out (docs/log/ember-solutions.md).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from plan_text import plan_of
from sources import Sources
from word_problems import Source

from huozhong.exam.lines import write_atomic
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer

AT_ONCE = 48


@torch.no_grad()
def plan_costs(folder: Path, sources: Sequence[Source]) -> Iterator[tuple[str, float]]:
    """Each question and its plan's negative log probability in nats."""
    tokenizer = Tokenizer.load(folder)
    template = ChatTemplate.load(folder, tokenizer)
    model = load_transformer(folder, dtype=torch.bfloat16).eval()
    rows = []
    for source in sources:
        found = plan_of(source.question, source.equation)
        if found is not None:
            start = template.tokens([{"role": "user", "content": source.question}]) + tokenizer.encode(f"{found[0]}\n")
            rows.append((source.question, start, tokenizer.encode(f"{found[1]}\n")))
    rows.sort(key=lambda row: len(row[1]) + len(row[2]))
    for at in range(0, len(rows), AT_ONCE):
        part = rows[at : at + AT_ONCE]
        length = max(len(start) + len(plan) for _, start, plan in part)
        tokens = torch.tensor([start + plan + [0] * (length - len(start) - len(plan)) for _, start, plan in part])
        hidden = model(tokens)
        for row, (question, start, plan) in enumerate(part):
            logits = model.logits(hidden[row, len(start) - 1 : len(start) + len(plan) - 1])
            yield question, float(F.cross_entropy(logits.float(), torch.tensor(plan), reduction="sum"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", type=Path, help="the folder of a model")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    costs = {
        question: round(cost, 2) for question, cost in plan_costs(arguments.model, Sources(arguments.data).problems)
    }
    write_atomic(arguments.out, json.dumps(costs, ensure_ascii=False, indent=0) + "\n")
    print(f"{len(costs):,}")


if __name__ == "__main__":
    main()
