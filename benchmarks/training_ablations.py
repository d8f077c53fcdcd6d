"""What each technique of our training recipe is worth: the recipe of `training_cost.py`, one thing changed at a time.

    python benchmarks/training_ablations.py --text my_texts/ --size 10m --tokens 3e5

Every variant trains for the same tokens from the same seed on the same rows.  The recipe itself also trains for √2
times fewer and more, which says how much a difference in bits per byte costs: a variant's `cost` is its seconds times
what it would take to make up for its bits, over the recipe's own seconds.  Above 1 the change makes training dearer, so
what the recipe does instead is kept; differences of 2 or 3% are noise.  Everything lies in --out and goes on from there
after Ctrl-C.  Ends in one JSON line.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from training import options
from training.bill import cost
from training.contestants import SIZES, Contest, Setting, ours
from training.ladder import STEP
from training.runs import Result, run
from training.speeds import paces

from huozhong.train.recipe import RampRecipe
from huozhong.train.state import MetricsFile


def variants(size: str) -> Iterator[tuple[str, Setting]]:
    """(what is different, the setting); the recipe itself is not among them."""
    mine = ours(size)
    layers = SIZES[size].layers
    first = mine.ramp[0]
    change = dataclasses.replace
    noise = change(mine, counts=False)
    yield "a table that starts as noise", noise
    yield "all layers from the start", change(mine, ramp=())
    yield "fewer layers for half of the run", change(mine, ramp=(change(first, share=0.5),))
    yield "fewer layers for 90% of the run", change(mine, ramp=(change(first, share=0.9),))
    yield "half of the layers for 40% of the run", change(mine, ramp=(RampRecipe(share=0.4, layers=layers // 2),))
    yield "decay over the last 50%", change(mine, decay=0.5)
    yield "decay over all that follows the warm-up", change(mine, decay=1.0)
    yield "Muon at twice the rate", change(mine, muon=2 * mine.muon)
    yield "Muon at half the rate", change(mine, muon=mine.muon / 2)
    yield "tables and norms at twice the rate", change(mine, rate=2 * mine.rate)
    yield "tables and norms at half the rate", change(mine, rate=mine.rate / 2)
    experts = change(mine, model=_experts(size))
    yield "8 experts, 2 active, 1 shared, as wide together", experts
    yield "such experts, balanced in steps of 0.01", change(experts, optim={**mine.optim, "balance_rate": 1e-2})
    module = change(mine, model={"num_nextn_predict_layers": 1}, optim={**mine.optim, "mtp_weight": 0.3})
    yield "a prediction module (MTP, 0.3)", module
    later = change(module, ramp=(change(first, mtp_weight=0.0),))
    yield "a prediction module that joins when all layers wake", later
    yield "averaged weights (0.98)", change(mine, optim={**mine.optim, "ema": 0.98})
    yield "rows of 128 while layers sleep", change(mine, ramp=(change(first, seq_len=128),))
    yield "half batches while layers sleep", change(mine, ramp=(change(first, batch_tokens=1024),))
    yield "batches of 4,096", change(mine, batch_tokens=4096)
    yield "Muon's momentum 0.95", change(mine, optim={"momentum": 0.95})
    yield "no weight decay", change(mine, weight_decay=0.0)
    yield "decay by 1 - sqrt", change(mine, shape="sqrt")
    yield "cosine", change(mine, shape="cosine", decay=1.0)
    steady = change(noise, muon=2 * mine.muon, decay=0.5, ramp=(change(first, share=0.5),))
    # at 10m the recipe until layers slept for longer
    yield "twice Muon's rate, decay and fewer layers for 50%, a table that starts as noise", steady


def _experts(size: str) -> dict[str, Any]:
    """A mixture whose active width is the dense layers'; the first layer stays dense."""
    inner = int(SIZES[size].ours["intermediate_size"]) // 3 // 8 * 8
    return {
        "first_k_dense_replace": 1,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "moe_intermediate_size": inner,
    }


def main() -> None:
    """Train the recipe and its variants, time their steps by turns, print a table and the JSON line."""
    parser = options.parser(__doc__)
    parser.add_argument("--tokens", type=float, default=3e5, help="of each variant (default: 3e5)")
    parser.add_argument("--skip", type=int, default=0, help="so many variants at the beginning of the list")
    parser.add_argument("--only", type=int, help="so many variants, from there")
    args = parser.parse_args()

    def compare(contest: Contest) -> None:
        asked = list(variants(contest.size))[args.skip :][: args.only]
        found = ablate(contest, int(args.tokens), asked, again=args.measure_again)
        print(json.dumps(found, ensure_ascii=False))

    options.run(args, compare)


def ablate(
    contest: Contest, tokens: int, changed: Sequence[tuple[str, Setting]], *, again: bool = False
) -> dict[str, Any]:
    """Everything but the corpus.  changed: what `variants` gives, or some of it."""
    mine = ours(contest.size)
    asked = [("ours", mine, tokens)]
    asked += [("ours, less", mine, round(tokens / STEP)), ("ours, more", mine, round(tokens * STEP))]
    asked += [(name, setting, tokens) for name, setting in changed]
    results = {name: run(contest, "ours", setting, tokens=count, seed=1) for name, setting, count in asked}
    recipes = {
        name: contest.recipe("ours", setting, tokens=count, seed=1, name=results[name].name)
        for name, setting, count in asked
    }
    folder = contest.folder / "ablations"
    folder.mkdir(exist_ok=True)
    table = paces(contest, [("ours", recipe) for recipe in recipes.values()], folder, again=again)
    seconds = {name: cost("ours", recipe, table).seconds for name, recipe in recipes.items()}
    slope = (results["ours, less"].bpb - results["ours, more"].bpb) / math.log(
        seconds["ours, more"] / seconds["ours, less"]
    )
    rows = []
    for name, result in results.items():
        made_up = math.exp((result.bpb - results["ours"].bpb) / slope)
        rows.append(
            {
                "variant": name,
                "bpb": round(result.bpb, 4),
                "seconds": round(seconds[name], 1),
                "cost": round(seconds[name] / seconds["ours"] * made_up, 3),
                **_balance(contest, result),
            }
        )
    _show(rows)
    return {
        "benchmark": "training_ablations",
        "size": contest.size,
        "tokens": tokens,
        "threads": contest.threads,
        "bpb_per_e_fold": round(slope, 4),
        "rows": rows,
    }


def _balance(contest: Contest, result: Result) -> dict[str, float]:
    """The busiest expert's load over the mean; {} without experts.

    max_load: of a step's batch, on average over the last tenth of them; window_max_load: of all their tokens together.
    """
    records = MetricsFile(contest.folder / result.name).read()
    loads = [r["max_load"] for r in records if "max_load" in r]
    last = loads[-max(1, len(loads) // 10) :]
    found = {"max_load": round(sum(last) / len(last), 3)} if last else {}
    together = [r["window_max_load"] for r in records if "window_max_load" in r]
    return found | ({"window_max_load": round(together[-1], 3)} if together else {})


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("variant", "bits/byte", "seconds", "cost", "busiest expert")
    for row in rows:
        load = f"{row['window_max_load']:.2f}×" if "window_max_load" in row else ""
        table.add_row(row["variant"], f"{row['bpb']:.4f}", f"{row['seconds']:.1f}", f"{row['cost']:.2f}", load)
    Console(stderr=True, width=100).print(table)


if __name__ == "__main__":
    main()
