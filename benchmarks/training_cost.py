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

import torch

sys.path.insert(0, str(Path(__file__).parent))

from training.contestants import SIZES, Contest
from training.race import Race
from training.report import report
from training.runs import Stopped

from huozhong.errors import HuozhongError
from huozhong.text.corpus import prepare


def main() -> None:
    """Prepare, race, measure, print."""
    args = _arguments()
    out = Path(args.out)
    try:
        texts = [Path(path) for path in args.text]
        corpus = prepare(texts, out / "corpus", vocab_size=args.vocab, megabytes_per_file=args.megabytes)
        contest = Contest(
            corpus=corpus,
            size=args.size,
            folder=out / args.size,
            threads=args.threads or torch.get_num_threads(),
            compile=not args.eager,
            heldout_rows=64,
            evals=10,
        )
        contest.folder.mkdir(parents=True, exist_ok=True)
        race = Race(contest, args.tokens, short=args.short, seeds=args.seeds, second=args.baseline_tokens)
        race.run()
        print(json.dumps(report(race, again=args.measure_again), ensure_ascii=False))
    except Stopped:
        print("Stopped and saved; run the same command again to go on.", file=sys.stderr)
        raise SystemExit(130) from None
    except HuozhongError as error:
        raise SystemExit(str(error)) from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", required=True, help="files or folders: .txt, .md, .jsonl, also .xz, .gz")
    parser.add_argument("--out", default="runs/cost", help="where everything lies (default: %(default)s)")
    parser.add_argument("--size", choices=sorted(SIZES), help="about so many parameters (default: 10m, --short: 1m)")
    parser.add_argument("--tokens", type=float, help="the whole budget (default: 1.5e6, --short: 3e5)")
    parser.add_argument("--baseline-tokens", type=float, help="the baseline's whole run (default: the budget)")
    parser.add_argument("--seeds", type=int, default=1, help="so often everything but the sweep (default: 1)")
    parser.add_argument("--vocab", type=int, default=8192, help="of the tokenizer that is made (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=5.0, help="at most that much of any one file (default: 5)")
    parser.add_argument("--threads", type=int, help="default: what torch takes")
    parser.add_argument("--short", action="store_true", help="minutes: the smallest size, two learning rates")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--measure-again", action="store_true", help="time the steps anew")
    args = parser.parse_args()
    args.size = args.size or ("1m" if args.short else "10m")
    args.tokens = int(args.tokens or (3e5 if args.short else 1.5e6))
    args.baseline_tokens = int(args.baseline_tokens or args.tokens)
    return args


if __name__ == "__main__":
    main()
