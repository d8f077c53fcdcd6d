"""Make a trained ember the built-in one: `python recipes/ember/install.py MODEL [MODEL ...]`.

Writes src/huozhong/models/ember, keeping the model card there: the mean of the models' weights (model soup, Wortsman et
al. 2022, arXiv:2203.05482), with what a server should know and training does not: how to sample, how far the context
reaches, and the template that shows two questions.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from build_data import CHAT_TEMPLATE

from huozhong.model.checkpoint import CheckpointReader, write_checkpoint

BUILT_IN = Path(__file__).resolve().parents[2] / "src" / "huozhong" / "models" / "ember"
CONTEXT = 512  # trained on 256 tokens; somewhat further it still holds
SAMPLING = {"do_sample": True, "temperature": 0.3, "top_p": 0.9}  # sums want the likeliest token, poems some play


def install(models: Sequence[Path], out: Path = BUILT_IN) -> None:
    """Write `out`, atomically.  Raises CheckpointError where a model cannot be read or `out` not be written."""
    readers = [CheckpointReader(model) for model in models]
    weights = {name: np.mean([r.tensor(name) for r in readers], axis=0) for name in readers[0].names()}
    tokenizer_config = json.loads((models[0] / "tokenizer_config.json").read_text(encoding="utf-8"))
    files = {
        "tokenizer.json": (models[0] / "tokenizer.json").read_bytes(),
        "tokenizer_config.json": _json(tokenizer_config | {"chat_template": CHAT_TEMPLATE}),
    }
    card = out / "model_card.md"
    if card.exists():
        files[card.name] = card.read_bytes()
    config = dataclasses.replace(readers[0].config, max_position_embeddings=CONTEXT)
    write_checkpoint(out, config, weights, extra_files=files)
    generation = out / "generation_config.json"
    generation.write_bytes(_json(json.loads(generation.read_text(encoding="utf-8")) | SAMPLING))


def _json(content: dict) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", type=Path, nargs="+", help="folders of the trained models to average")
    install(parser.parse_args().models)


if __name__ == "__main__":
    main()
