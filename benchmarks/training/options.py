"""What the training benchmarks ask for on the command line, and the contest that it makes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from huozhong.errors import HuozhongError
from huozhong.text.corpus import prepare
from training.contestants import SIZES, Contest
from training.runs import Stopped


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options that all of them have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--text", nargs="+", required=True, help="files or folders: .txt, .md, .jsonl, also .xz, .gz")
    made.add_argument("--out", default="runs/cost", help="where everything lies (default: %(default)s)")
    made.add_argument("--size", choices=sorted(SIZES), default="10m", help="about so many parameters (default: 10m)")
    made.add_argument("--vocab", type=int, default=8192, help="of the tokenizer that is made (default: %(default)s)")
    made.add_argument("--megabytes", type=float, default=5.0, help="at most that much of any one file (default: 5)")
    made.add_argument("--threads", type=int, help="default: what torch takes")
    made.add_argument("--eager", action="store_true", help="without torch.compile")
    made.add_argument("--measure-again", action="store_true", help="time the steps anew")
    return made


def run(args: argparse.Namespace, work: Callable[[Contest], None]) -> None:
    """Prepare the corpus and do the work; Ctrl-C and mistakes become one sentence and an exit status."""
    out = Path(args.out)
    try:
        texts = [Path(path) for path in args.text]
        contest = Contest(
            corpus=prepare(texts, out / "corpus", vocab_size=args.vocab, megabytes_per_file=args.megabytes),
            size=args.size,
            folder=out / args.size,
            threads=args.threads or torch.get_num_threads(),
            compile=not args.eager,
            heldout_rows=64,
            evals=10,
        )
        contest.folder.mkdir(parents=True, exist_ok=True)
        work(contest)
    except Stopped:
        print("Stopped and saved; run the same command again to go on.", file=sys.stderr)
        raise SystemExit(130) from None
    except HuozhongError as error:
        raise SystemExit(str(error)) from None
