"""Members over lines of 20 Mbit/s: our local rounds against what sends every step, and against dense local steps.

    python benchmarks/slow_link.py                          # text that it makes, 2 members, about 0.25M parameters
    python benchmarks/slow_link.py --members 4 --size 1700000 --steps 600 --seeds 2 --data my_texts/
    python benchmarks/slow_link.py --ways ours --team "local_steps = 30" "keep = 0.2"

Every way trains the same model on the same rows in the same order, in processes of this machine whose connections go
through a proxy that lets 20 Mbit/s through, each way (`benchlib.slow_line`), and counts what it carries: nothing is
counted by formula.  Ways:

    dense      every step the float32 gradients, around gloo's ring: what torch's data parallelism does
    powersgd   torch's own PowerSGD hook, rank 1
    diloco     local steps with all numbers in float32, outer Nesterov 0.7 / 0.9 (Douillard et al. 2023)
    ours       [team] as --team says, or its defaults

Seconds are those of the steps, lines included.  On two cores the members share them, so computing takes longer than it
would on machines of their own, and ratios of time are smaller than there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from benchlib.market_text import write
from benchlib.processes import free_port
from benchlib.slow_line import SlowLine

from huozhong.text.corpus import Corpus, prepare
from huozhong.train.dial import as_toml, muon_lr_of, shape_of_size
from huozhong.train.parallel.seat import KEY
from huozhong.train.recipe import parse_recipe
from huozhong.train.state import MetricsFile

WAYS = ("dense", "powersgd", "diloco", "ours")
DILOCO = {"keep": 1.0, "bits": 32, "outer_lr": 0.7, "outer_momentum": 0.9}
SECRET = "for this benchmark on loopback only"
SEQ_LEN, ADAMW_LR = 128, 0.02


def main() -> None:
    args = options()
    out = Path(args.out)
    texts = [Path(path) for path in args.data] if args.data else [write(out / "text", args.megabytes)]
    corpus = prepare(texts, out / "corpus", vocab_size=args.vocab)
    rows = []
    for seed in range(1, args.seeds + 1):
        for way in args.ways:
            row = race(args, corpus, way, seed)
            rows.append(row)
            print(json.dumps(row), flush=True)
    print("\n" + report(rows))


def options() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", nargs="+", help="files or folders of text; default: text that the benchmark makes")
    made.add_argument("--megabytes", type=float, default=3.0, help="of made text (default: %(default)s)")
    made.add_argument("--out", default="runs/slow_link", help="where everything lies (default: %(default)s)")
    made.add_argument("--size", type=int, default=250_000, help="about so many parameters (default: %(default)s)")
    made.add_argument("--vocab", type=int, default=1024, help="of the tokenizer that is made (default: %(default)s)")
    made.add_argument("--members", type=int, default=2)
    made.add_argument("--steps", type=int, default=100)
    made.add_argument("--batch", type=int, default=2048, help="tokens a step, of all members together")
    made.add_argument("--mbit", type=float, default=20.0, help="of each line, each way")
    made.add_argument("--seeds", type=int, default=1)
    made.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    made.add_argument("--team", nargs="*", default=[], metavar='"KEY = VALUE"', help="of [team], for ours")
    made.add_argument("--local-steps", type=int, default=10, help="of diloco (default: %(default)s)")
    return made.parse_args()


def recipe_file(args: argparse.Namespace, corpus: Corpus, way: str, seed: int) -> Path:
    """The recipe of one run, written beside its folder."""
    out = Path(args.out) / f"{way}-{args.members}-{seed}"
    shape = shape_of_size(args.size, corpus.vocab_size)
    raw: dict[str, Any] = {
        "model": shape,
        "tokenizer": {"folder": corpus.tokenizer},
        "data": {
            "train": [{"path": corpus.train}],
            "seq_len": SEQ_LEN,
            "heldout": corpus.heldout,
            "heldout_rows": 256,
        },
        "optim": {
            "muon_lr": muon_lr_of(shape["hidden_size"]),
            "adamw_lr": ADAMW_LR,
            "momentum": 0.9,
            "batch_tokens": args.batch,
            "micro_batch": args.batch // SEQ_LEN // args.members,
            "mtp_weight": 0.0,
        },
        "schedule": {"total_steps": args.steps, "warmup_steps": max(1, args.steps // 50), "decay_fraction": 0.5},
        "run": {"out": str(out), "seed": seed, "threads": 1, "eval_every": args.steps, "device": "cpu"},
    }
    path = out.with_suffix(".toml")
    lines = ""
    if way in ("diloco", "ours"):
        chosen = {"local_steps": args.local_steps, **DILOCO} if way == "diloco" else {}
        said = [f"{key} = {value}" for key, value in chosen.items()] or args.team
        lines = "\n".join(["\n[team]", *said, ""])
    path.write_text(as_toml(raw) + lines)
    parse_recipe(tomllib.loads(path.read_text()), "pretrain", where=str(path))  # one clear sentence, before anything
    return path


def race(args: argparse.Namespace, corpus: Corpus, way: str, seed: int) -> dict[str, Any]:
    """One run.  line_bytes: over a member's line, both ways, the mean of all members: what one sends another gets."""
    path = recipe_file(args, corpus, way, seed)
    if way in ("diloco", "ours"):
        carried = rounds(args, path)
    else:
        carried = every_step(args, path, way)
    records = MetricsFile(path.with_suffix("")).read()
    return {
        "way": way,
        "members": args.members,
        "seed": seed,
        "heldout_bpb": records[-1]["heldout_bpb"],
        "line_bytes": 2 * carried // args.members,
        "seconds": sum(record["seconds"] for record in records),
        "steps": len(records),
    }


def rounds(args: argparse.Namespace, path: Path) -> int:
    """Who leads and the others, each through a line of its own; bytes over all lines."""
    port, others = free_port(), args.members - 1
    command = [sys.executable, "-m", "huozhong.cli.main", "train", "pretrain", str(path)]
    env = os.environ | {KEY: SECRET, "OMP_NUM_THREADS": "1"}
    leader = subprocess.Popen([*command, "--fresh", "--with", str(others), "--port", str(port)], env=env)
    lines = [SlowLine(("127.0.0.1", port), args.mbit) for _ in range(others)]
    members = [
        subprocess.Popen([*command, "--fresh", "--join", f"127.0.0.1:{line.port}", "--name", f"member-{i}"], env=env)
        for i, line in enumerate(lines)
    ]
    if any(process.wait() for process in (leader, *members)):
        raise SystemExit(f"a member of {path} failed; what it said stands above.")
    for line in lines:
        line.close()
    return sum(line.carried for line in lines)


def every_step(args: argparse.Namespace, path: Path, way: str) -> int:
    """Members of gloo; bytes over all connections."""
    port = free_port()
    words = [sys.executable, "-m", "benchlib.slow_peers", way, str(path)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    members = [
        subprocess.Popen(
            [*words, str(rank), str(args.members), str(port), str(args.mbit)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(args.members)
    ]
    said = [process.communicate()[0] for process in members]
    if any(process.returncode for process in members):
        raise SystemExit(f"a member of {path} failed; what it said stands above.")
    return sum(json.loads(text.splitlines()[-1])["bytes"] for text in said)


def report(rows: list[dict[str, Any]]) -> str:
    """A table; ratios are against dense with the same seed."""
    dense = {row["seed"]: row for row in rows if row["way"] == "dense"}
    lines = ["| way | members | seed | held-out bits per byte | MB a line | fewer bytes | seconds | faster |"]
    lines.append("|" + "---|" * 8)
    for row in rows:
        base = dense.get(row["seed"])
        bits, megabytes, seconds = f"{row['heldout_bpb']:.4f}", row["line_bytes"] / 1e6, row["seconds"]
        ratios = ("", "")
        if base is not None and base is not row:
            bits += f" ({row['heldout_bpb'] / base['heldout_bpb'] - 1:+.2%})"
            ratios = (f"{base['line_bytes'] / row['line_bytes']:,.0f}", f"{base['seconds'] / row['seconds']:.1f}")
        cells = [row["way"], row["members"], row["seed"], bits, f"{megabytes:,.2f}", ratios[0], f"{seconds:,.1f}"]
        lines.append("| " + " | ".join(str(cell) for cell in [*cells, ratios[1]]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
