"""Make ember from the data folder in one command: `python recipes/ember/make.py DATA_FOLDER`.

    before    the weights of an earlier revision of this repository, from its history
    data      one program, two parts: for the first stage and for the others
    stages    plans.toml, acts.toml
    install   the last model as the built-in one

What is done already is not done again, and a stage that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import build_data
from install import install

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs" / "ember"  # as the stages' recipes say
BEFORE = "b232199"  # the commit whose built-in ember the first stage goes on from
MODEL = "src/huozhong/models/ember"
STAGES = ("plans", "acts")


def before() -> Path:
    """The earlier revision's model folder, taken out of the history."""
    folder = RUNS / "before"
    if not (folder / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in (
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors",
        ):
            shown = subprocess.run(
                ["git", "show", f"{BEFORE}:{MODEL}/{name}"], cwd=ROOT, check=True, capture_output=True
            )
            (folder / name).write_bytes(shown.stdout)
    return folder


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def make(data: Path, *, threads: int, out: Path | None, stages: Sequence[str] = STAGES) -> None:
    model = before()
    for part, (seed, kinds) in build_data.PARTS.items():
        if not (RUNS / "data" / part / "report.json").exists():
            folder = RUNS / "data" / part
            build_data.build(data, folder, tokenizer=model, seed=seed, scale=1.0, kinds=kinds)
    for stage in stages:
        if not (RUNS / stage / "model" / "model.safetensors").exists():
            command = ["-m", "huozhong.cli.main", "train", "sft", str(HERE / f"{stage}.toml")]
            if threads > 1:  # processes with one thread each: see `train.parallel.team`
                launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(threads)]
                run(*launcher, *command)
            else:
                run(*command)
    install([RUNS / stages[-1] / "model"], **({} if out is None else {"out": out}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("--processes", type=int, default=2, help="how many train together")
    parser.add_argument("--out", type=Path, help="another folder than the built-in model's")
    arguments = parser.parse_args()
    make(arguments.data.resolve(), threads=arguments.processes, out=arguments.out)


if __name__ == "__main__":
    main()
