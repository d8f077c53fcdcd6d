"""Make a trained ember the built-in one: `python recipes/ember/install.py MODEL [MODEL ...] [--out FOLDER]`.

Writes src/huozhong/models/ember, keeping the model card there: the mean of the models' weights (model soup, Wortsman et
al. 2022, arXiv:2203.05482), and how a server should sample from it.  A mean is less sure of itself than each of its
models was; `--logit-scale` makes it as sure as held-out text says that it may be (temperature scaling, Guo et al. 2017,
arXiv:1706.04599), which changes no greedy answer but by rounding.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from chat_template import CHAT_TEMPLATE

from huozhong.exam.lines import write_atomic
from huozhong.formats.checkpoint import CheckpointReader, write_checkpoint

BUILT_IN = Path(__file__).resolve().parents[2] / "src" / "huozhong" / "models" / "ember"
FINAL_NORM = "model.norm.weight"
# Plans want the likeliest token, poems some play; "acts": code does what a label or a plan says (`huozhong.acts`).
SAMPLING = {"do_sample": True, "temperature": 0.3, "top_p": 0.9, "acts": True}


def install(models: Sequence[Path], out: Path = BUILT_IN, logit_scale: float = 1.0) -> None:
    """Replace the model in `out`, with its chat template, then its sampling defaults; each whole or not at all.

    logit_scale: a factor of all logits, put into the last norm.  Raises CheckpointError where a model cannot be read or
    `out` not be written.
    """
    readers = [CheckpointReader(model) for model in models]
    weights = {name: np.mean([r.tensor(name) for r in readers], axis=0) for name in readers[0].names()}
    weights[FINAL_NORM] = weights[FINAL_NORM] * logit_scale
    kept = [models[-1] / "tokenizer.json", models[-1] / "tokenizer_config.json", out / "model_card.md"]
    files = {file.name: file.read_bytes() for file in kept if file.exists()}
    words = json.loads(files["tokenizer_config.json"]) | {"chat_template": CHAT_TEMPLATE}
    files["tokenizer_config.json"] = (json.dumps(words, ensure_ascii=False, indent=2) + "\n").encode()
    write_checkpoint(out, readers[-1].config, weights, extra_files=files)
    generation = out / "generation_config.json"
    content = json.loads(generation.read_text(encoding="utf-8")) | SAMPLING
    write_atomic(generation, json.dumps(content, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", type=Path, nargs="+", help="folders of the trained models to average")
    parser.add_argument("--out", type=Path, default=BUILT_IN, help="another folder than the built-in model's")
    parser.add_argument("--logit-scale", type=float, default=1.0, help="a factor of all logits")
    arguments = parser.parse_args()
    if not arguments.logit_scale > 0:
        parser.error(f"--logit-scale is {arguments.logit_scale:g}; it must be above 0")
    install(arguments.models, arguments.out, arguments.logit_scale)


if __name__ == "__main__":
    main()
