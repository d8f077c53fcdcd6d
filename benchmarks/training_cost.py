"""What the same quality costs: seconds, operations and joules to equal held-out bits per byte.

    python benchmarks/training_cost.py --text my_texts/ --short
    python benchmarks/training_cost.py --text my_texts/ --size 10m --tokens 1500000 --seeds 2

1. The published GPT-2 recipe trains for the whole budget; its last held-out score is the first target.
2. The baseline (RoPE, RMSNorm, SwiGLU, AdamW) is tuned at half of its budget (learning rates, batch sizes, decay),
   then trains for the whole of it; its last score is the second target.
3. Baseline and ours look for the shortest run, decay included, that reaches the first target, and ours for the second.
4. Every kind of step is timed, by turns.  A run costs its steps × that time; the wall clock that it took is kept too.

Everything lies in --out and goes on from there: Ctrl-C, and start again.  --measure-again repeats step 4 alone, on a
quiet machine.  Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from training import options
from training.contestants import Contest
from training.race import Race
from training.report import report


def main() -> None:
    """Prepare, race, measure, print."""
    args = _arguments()

    def compare(contest: Contest) -> None:
        race = Race(contest, args.tokens, short=args.short, seeds=args.seeds, second=args.baseline_tokens)
        race.run()
        print(json.dumps(report(race, again=args.measure_again), ensure_ascii=False))

    options.run(args, compare)


def _arguments() -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.set_defaults(size=None)
    parser.add_argument("--tokens", type=float, help="the whole budget (default: 1.5e6, --short: 3e5)")
    parser.add_argument("--baseline-tokens", type=float, help="the baseline's whole run (default: the budget)")
    parser.add_argument("--seeds", type=int, default=1, help="so often everything but the sweep (default: 1)")
    parser.add_argument("--short", action="store_true", help="minutes: size 1m unless told, two learning rates")
    args = parser.parse_args()
    args.size = args.size or ("1m" if args.short else "10m")
    args.tokens = int(args.tokens or (3e5 if args.short else 1.5e6))
    args.baseline_tokens = int(args.baseline_tokens or args.tokens)
    return args


if __name__ == "__main__":
    main()
