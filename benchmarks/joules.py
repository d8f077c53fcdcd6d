"""Joules to equal held-out loss, at several lengths: AdamW with cosine decay, tuned at each of them, against ours.

    python benchmarks/joules.py --text my_texts/ --size 1m --vocab 1024 --tokens-per-parameter 2.5 5 10
    python benchmarks/joules.py --text my_texts/ --size 1m --vocab 1024 --awake 0.5    # layers sleep for half of it

`training_cost.py` is the race against published recipes in short runs; this asks what is left of it in long ones.
Joules are estimated from processor time (`huozhong.cost`), or read from a GPU's counter where there is one.
Everything lies in --out and goes on from there: Ctrl-C, and start again.  Ends in one JSON line a length.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from training import options
from training.contestants import SIZES, Contest
from training.lengths import Lengths

from huozhong.train import dial
from huozhong.train.recipe import RampRecipe


def main() -> None:
    """Tune, climb, measure, print."""
    parser = options.parser(__doc__)
    parser.add_argument("--tokens-per-parameter", type=float, nargs="+", default=[2.5, 5.0, 10.0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", metavar="FILE", help="a PNG of the lengths")
    parser.add_argument("--awake", type=float, help="share of the run after which all our layers run (default: dial's)")
    args = parser.parse_args()

    def compare(contest: Contest) -> None:
        lengths = Lengths(contest, args.tokens_per_parameter, seed=args.seed, changes=changes(args.awake, contest.size))
        lengths.run()
        rows = lengths.report(again=args.measure_again)
        for row in rows:
            print(json.dumps(row))
        if args.picture:
            from benchlib.drawn import draw_joules  # here, because it needs matplotlib

            draw_joules(rows, Path(args.picture))

    options.run(args, compare)


def changes(awake: float | None, size: str) -> dict[str, Any]:
    """Of our setting: for how long most layers sleep."""
    if awake is None:
        return {}
    parts = dial.ramp_of(SIZES[size].layers) if awake > 0 else []
    return {"ramp": tuple(RampRecipe(**(part | {"share": awake})) for part in parts)}


if __name__ == "__main__":
    main()
