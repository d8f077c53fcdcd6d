"""Members over lines of 20 Mbit/s: our local rounds against what sends every step, and against dense local steps.

    python benchmarks/slow_link.py                          # text that it makes, 2 members, about 0.25M parameters
    python benchmarks/slow_link.py --members 4 --size 1700000 --steps 600 --seeds 2 --data my_texts/
    python benchmarks/slow_link.py --ways ours --team "local_steps = 30" "keep = 0.2"
    python benchmarks/slow_link.py --ways ours --members 4 --kill    # one is killed in mid-round, and started again

Every way trains the same model on the same rows in the same order, in processes of this machine whose connections go
through a proxy that lets 20 Mbit/s through, each way (`benchlib.slow_line`), and counts what it carries: nothing is
counted by formula.  Ways:

    dense      every step the float32 gradients, around gloo's ring: what torch's data parallelism does
    powersgd   torch's own PowerSGD hook, rank 1
    diloco     local steps with all numbers in float32, outer Nesterov 0.7 / 0.9 (Douillard et al. 2023)
    ours       [team] as --team says, or its defaults

Seconds are those of the steps, lines included.  Members share this machine's cores, so computing takes longer than it
would on machines of their own, and ratios of time are smaller than there; the last column is what such machines would
take: processor seconds of one member, and those that its line was busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from benchlib.market_text import write
from benchlib.processes import free_port
from benchlib.slow_line import SlowLine

from huozhong.text.corpus import Corpus, prepare
from huozhong.train.dial import as_toml, muon_lr_of, shape_of_size
from huozhong.train.parallel.seat import KEY
from huozhong.train.parallel.settings import Rounds
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
    made.add_argument("--kill", action="store_true", help="ours: a member is killed half-way, and started again")
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
        carried, busy = rounds(args, path, kill=args.kill and way == "ours")
    else:
        carried, busy = every_step(args, path, way)
    records = MetricsFile(path.with_suffix("")).read()
    row = {
        "way": way,
        "members": args.members,
        "size": args.size,
        "seed": seed,
        "heldout_bpb": records[-1]["heldout_bpb"],
        "line_bytes": 2 * carried // args.members,
        "seconds": sum(record["seconds"] for record in records),
        "own_machine_seconds": sum(record["cpu_seconds"] for record in records) + busy,
        "line_seconds": busy,
        "steps": len(records),
    }
    gone = [record["step"] for record in records if "dropped" in record]
    if gone:
        ends = [record for record in records if record["step"] > gone[0] and "round_members" in record]
        back = [record["step"] for record in ends if "joined" in record]
        row |= {"gone_at": gone[0], "back_at": back[0] if back else None}
        row |= {"rounds_without": 1 + sum(record["round_members"] < args.members for record in ends)}
    return row


def rounds(args: argparse.Namespace, path: Path, *, kill: bool) -> tuple[int, float]:
    """Who leads and the others, each through a line of its own; bytes over all lines, and seconds of the busiest.

    kill: one of the others is killed in mid-round, half-way, and started again.
    """
    port, others = free_port(), args.members - 1
    command = [sys.executable, "-m", "huozhong.cli.main", "train", "pretrain", str(path)]
    env = os.environ | {KEY: SECRET, "OMP_NUM_THREADS": "1"}
    leader = subprocess.Popen([*command, "--fresh", "--with", str(others), "--port", str(port)], env=env)
    lines = [SlowLine(("127.0.0.1", port), args.mbit) for _ in range(others)]

    def start(i: int) -> subprocess.Popen[bytes]:
        words = ["--fresh", "--join", f"127.0.0.1:{lines[i].port}", "--name", f"member-{i}"]
        return subprocess.Popen([*command, *words], env=env)

    path.with_suffix("").joinpath("metrics.jsonl").unlink(missing_ok=True)  # an earlier run's
    members = [start(i) for i in range(others)]
    if kill:
        wait_for_a_round(path, leader)
        members[0].kill()
        members[0].wait()
        members[0] = start(0)
    if any(process.wait() for process in (leader, *members)):
        raise SystemExit(f"a member of {path} failed; what it said stands above.")
    for line in lines:
        line.close()
    return sum(line.carried for line in lines), max(max(line.busy) for line in lines)


def wait_for_a_round(path: Path, leader: subprocess.Popen[bytes]) -> None:
    """Until the run is half-way, and two steps into a round."""
    recipe = parse_recipe(tomllib.loads(path.read_text()), "pretrain")
    assert recipe.team is not None
    starts = {each.start for each in Rounds(recipe.team, recipe.total_steps).all if each.end - each.start > 4}
    out = path.with_suffix("")
    while leader.poll() is None:
        records = MetricsFile(out).read() if out.exists() else []
        step = records[-1]["step"] if records else 0
        if step > recipe.total_steps // 2 and step - 2 in starts:
            return
        time.sleep(0.02)
    raise SystemExit(f"{path} ended before anybody could be killed; give it more --steps.")


def every_step(args: argparse.Namespace, path: Path, way: str) -> tuple[int, float]:
    """Members of gloo; bytes over all connections, and seconds of the busiest."""
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
    told = [json.loads(text.splitlines()[-1]) for text in said]
    return sum(each["bytes"] for each in told), max(each["line_seconds"] for each in told)


def report(rows: list[dict[str, Any]]) -> str:
    """A table; ratios are against dense with the same seed."""
    dense = {row["seed"]: row for row in rows if row["way"] == "dense"}
    names = "way | members | seed | held-out bits per byte | MB a line | fewer bytes | seconds | faster"
    lines = [f"| {names} | on machines of their own | faster |", "|" + "---|" * 10]
    for row in rows:
        base = dense.get(row["seed"])
        bits, own = f"{row['heldout_bpb']:.4f}", row["own_machine_seconds"]
        ratios = ("", "", "")
        if base is not None and base is not row:
            bits += f" ({row['heldout_bpb'] / base['heldout_bpb'] - 1:+.2%})"
            fewer = f"{base['line_bytes'] / row['line_bytes']:,.0f}"
            faster = base["seconds"] / row["seconds"], base["own_machine_seconds"] / own
            ratios = (fewer, f"{faster[0]:.1f}", f"{faster[1]:.1f}")
        cells = [row["way"], row["members"], row["seed"], bits, f"{row['line_bytes'] / 1e6:,.2f}", ratios[0]]
        cells += [f"{row['seconds']:,.1f}", ratios[1], f"{own:,.1f}", ratios[2]]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
