"""What local rounds cost in held-out bits per byte, over every step's gradients with the same tokens: many settings.

    python benchmarks/rounds.py                                        # some settings, text that it makes, minutes
    python benchmarks/rounds.py --members 2 4 --seeds 1 2 --size 1700000 --steps 1000 --data my_texts/ \\
        --team "local_steps = 5; keep = 0.05" "local_steps = 10; keep = 0.1; settle = 0.2"

All members are threads of one process and their messages lie in memory, so only loss and message bytes are measured
here; `slow_link.py` measures lines and seconds.  Rates of the gradients' run are tried at half and twice too
(--rates), and its best counts: a baseline that nobody tuned is none.

Every run is a line of --out/results.jsonl, and what is there is not run again: stop, and start the same command later.
--picture FILE draws what was told.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchlib.market_text import write
from benchlib.meeting import alone, meet

from huozhong.text.corpus import Corpus, prepare
from huozhong.train.dial import MOMENTUM, muon_lr_of, shape_of_size
from huozhong.train.fields import read_section
from huozhong.train.parallel.settings import TeamRecipe
from huozhong.train.recipe import Recipe, parse_recipe

TEAMS = (
    "local_steps = 10; keep = 1.0; bits = 32",
    "local_steps = 1; keep = 0.01",
    "local_steps = 5; keep = 0.05",
    "local_steps = 10; keep = 0.1",
    "local_steps = 5; keep = 0.05; settle = 0.1; settle_steps = 10",
    "local_steps = 10; keep = 0.1; outer_lr = 0.8; outer_momentum = 0.5",
)
BF16_BITS = 16  # of each weight and step, if gradients are sent in bf16, the harder comparison


def main() -> None:
    args = options()
    out = Path(args.out)
    texts = [Path(path) for path in args.data] if args.data else [write(out / "text", args.megabytes)]
    corpus = prepare(texts, out / "corpus", vocab_size=args.vocab)
    kept, rows = Kept(out / "results.jsonl"), list[dict[str, Any]]()
    for seed in args.seeds:
        for members in args.members:
            recipe = recipe_of(args, corpus, seed, members)
            about = {"size": args.size, "vocab": corpus.vocab_size, "steps": args.steps, "batch": args.batch}
            about |= {"seed": seed, "text": str(corpus.train_bytes)}
            dense = min(gradients(kept, recipe, about, rate) for rate in args.rates)
            for said in args.team:
                for rate, momentum in itertools.product(args.team_rates, args.team_momenta):
                    asked = {"members": members, "team": said, "rate": rate, "momentum": momentum}
                    rows.append(rounds(kept, recipe, about | asked, dense))
    if args.picture:
        from benchlib.drawn import draw_rounds  # here, because it needs matplotlib

        draw_rounds(rows, Path(args.picture), f"About {args.size:,} parameters, {args.steps * args.batch:,} tokens")


class Kept:
    """Results of earlier starts, by what was asked."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self._found = {self._key(line["asked"]): line["found"] for line in map(json.loads, lines)}

    @staticmethod
    def _key(asked: dict[str, Any]) -> str:
        return json.dumps(asked, sort_keys=True)

    def find(self, asked: dict[str, Any], run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What came of it, then or now."""
        key = self._key(asked)
        if key not in self._found:
            self._found[key] = run()
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"asked": asked, "found": self._found[key]}) + "\n")
        return self._found[key]


def gradients(kept: Kept, recipe: Recipe, about: dict[str, Any], rate: float) -> float:
    """Held-out bits per byte where every step's gradients are added up."""
    asked = about | {"team": "every step's gradients", "rate": rate}
    found = kept.find(asked, lambda: {"heldout_bpb": alone(faster(recipe, rate))})
    print(json.dumps(asked | found), flush=True)
    return float(found["heldout_bpb"])


def rounds(kept: Kept, recipe: Recipe, asked: dict[str, Any], dense: float) -> dict[str, Any]:
    """One setting, told beside `dense`; the row for a picture."""
    team = read_section(TeamRecipe, values(asked["team"]), f"--team {asked['team']!r}:")
    optim = dataclasses.replace(recipe.optim, momentum=asked["momentum"])
    recipe = faster(dataclasses.replace(recipe, team=team, optim=optim), asked["rate"])

    def run() -> dict[str, Any]:
        bits, sent = meet(recipe, asked["members"])
        return {"heldout_bpb": bits, "fewer_bytes_than_bf16": round(BF16_BITS * recipe.total_steps / sent, 1)}

    found = kept.find(asked, run)
    percent = 100 * (found["heldout_bpb"] / dense - 1)
    print(json.dumps(asked | found | {"over": f"{percent:+.2f}%"}), flush=True)
    said = f"{team.local_steps} steps, {team.keep:.0%}, {team.bits} bits"
    return asked | found | {"percent": percent, "said": said}


def values(said: str) -> dict[str, Any]:
    """ "keep = 0.1; bits = 2" as [team] would be read."""
    return tomllib.loads(said.replace(";", "\n"))


def faster(recipe: Recipe, rate: float) -> Recipe:
    """The same with both learning rates times `rate`."""
    optim = recipe.optim
    return dataclasses.replace(
        recipe,
        optim=dataclasses.replace(optim, muon_lr=optim.muon_lr * rate, adamw_lr=optim.adamw_lr * rate),
    )


def recipe_of(args: argparse.Namespace, corpus: Corpus, seed: int, members: int) -> Recipe:
    """A dense model of the house's shape, all of whose layers run from the start."""
    shape = shape_of_size(args.size, corpus.vocab_size)
    raw: dict[str, Any] = {
        "model": shape,
        "tokenizer": {"folder": corpus.tokenizer},
        "data": {
            "train": [{"path": corpus.train}],
            "seq_len": args.seq_len,
            "heldout": corpus.heldout,
            "heldout_rows": 256,
        },
        "optim": {
            "muon_lr": muon_lr_of(shape["hidden_size"]),
            "adamw_lr": 0.02,
            "momentum": MOMENTUM,
            "batch_tokens": args.batch,
            "micro_batch": args.batch // args.seq_len // members,
            "mtp_weight": 0.0,
        },
        "schedule": {"total_steps": args.steps, "warmup_steps": max(1, args.steps // 50), "decay_fraction": 0.5},
        "run": {"out": str(Path(args.out) / "run"), "seed": seed, "threads": 1, "device": "cpu"},
    }
    return parse_recipe(raw, "pretrain")


def options() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", nargs="+", help="files or folders of text; default: text that the benchmark makes")
    made.add_argument("--megabytes", type=float, default=3.0, help="of made text (default: %(default)s)")
    made.add_argument("--out", default="runs/rounds", help="where corpus and results lie (default: %(default)s)")
    made.add_argument("--size", type=int, default=250_000, help="about so many parameters (default: %(default)s)")
    made.add_argument("--vocab", type=int, default=1024)
    made.add_argument("--members", type=int, nargs="+", default=[4])
    made.add_argument("--steps", type=int, default=400)
    made.add_argument("--batch", type=int, default=2048, help="tokens a step, of all members together")
    made.add_argument("--seq-len", type=int, default=128)
    made.add_argument("--seeds", type=int, nargs="+", default=[1])
    made.add_argument("--rates", type=float, nargs="+", default=[1.0], help="times the usual, of the gradients' run")
    made.add_argument("--team-rates", type=float, nargs="+", default=[1.0], help="the same, of each setting")
    made.add_argument("--picture", metavar="FILE", help="a PNG of the settings")
    made.add_argument("--team-momenta", type=float, nargs="+", default=[MOMENTUM], help="Muon's, of each setting")
    made.add_argument("--team", nargs="+", default=list(TEAMS), metavar='"KEY = VALUE; ..."')
    return made.parse_args()


if __name__ == "__main__":
    main()
