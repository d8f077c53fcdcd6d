"""Make ember from the data folder in one command: `python recipes/ember/make.py DATA_FOLDER`.

    before    the weights of an earlier revision of this repository, from its history
    data      one program, two parts: for the first stage and for the others
    plans     plans.toml, from before
    acts      acts.toml, from there
    mean      of what acts made, three times, and of before
    settle    settle.toml, from the mean, slowly
    install   six parts of what settle made, three of what acts made and one of before, as the built-in model
    openings  a linear model that tells kinds of talk apart (openings.py), beside the acts' texts

What is done already is not done again, and a stage that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import build_data
import openings
from install import BUILT_IN, install

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs" / "ember"  # as the stages' recipes say
BEFORE = "b232199"  # the commit whose built-in ember the first stage goes on from
MODEL = "src/huozhong/models/ember"
LOGIT_SCALE = 1.2  # greedy lines stay what they are; poems at a temperature keep their form
STAGES = ("plans", "acts", "settle")


FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


def before(folder: Path = RUNS / "before") -> Path:
    """The earlier revision's model folder, taken out of the history."""
    if not (folder / FILES[-1]).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            command = ["git", "show", f"{BEFORE}:{MODEL}/{name}"]
            shown = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            if shown.returncode:
                sys.exit(f"历史里没有 {BEFORE}，请完整克隆。This clone's history has no {BEFORE}; clone it whole.")
            (folder / name).write_bytes(shown.stdout)
    return folder


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def trained(stage: str, processes: int) -> Path:
    """The model of a stage; trains it first, or the rest of it, by processes of one thread each."""
    model = RUNS / stage / "model"
    if not (model / FILES[-1]).exists():
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
        run(*launcher, "-m", "huozhong.cli.main", "train", "sft", str(HERE / f"{stage}.toml"))
    return model


def make(data: Path, *, processes: int, out: Path) -> None:
    start = before()
    for part, (seed, kinds) in build_data.PARTS.items():
        folder = RUNS / "data" / part
        if not (folder / "report.json").exists():
            build_data.build(data, folder, tokenizer=start, seed=seed, scale=1.0, kinds=kinds)
    trained("plans", processes)
    acts = trained("acts", processes)
    mean = RUNS / "mean" / "model"
    if not (mean / FILES[-1]).exists():
        install([acts, acts, acts, start], mean)
    settle = trained("settle", processes)
    install([settle] * 6 + [acts] * 3 + [start], out, LOGIT_SCALE)
    openings.make(data, openings.OUT)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("--processes", type=int, default=2, help="how many train together")
    parser.add_argument("--out", type=Path, default=BUILT_IN, help="another folder than the built-in model's")
    arguments = parser.parse_args()
    make(arguments.data.resolve(), processes=arguments.processes, out=arguments.out)


if __name__ == "__main__":
    main()
