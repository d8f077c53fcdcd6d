"""Make a trained ember the built-in one: `python recipes/ember/install.py runs/ember/finish/model`.

Copies the model folder to src/huozhong/models/ember, beside the model card, with what a server should know and
training does not: how to sample, how far the context reaches, and the template that shows two questions.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from build_data import CHAT_TEMPLATE

BUILT_IN = Path(__file__).resolve().parents[2] / "src" / "huozhong" / "models" / "ember"
FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
CONTEXT = 512  # trained on 256 tokens; somewhat further it still holds
SAMPLING = {"do_sample": True, "temperature": 0.3, "top_p": 0.9}  # sums want the likeliest token, poems some play


def install(model: Path) -> None:
    BUILT_IN.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(model / name, BUILT_IN / name)
    _change(BUILT_IN / "config.json", {"max_position_embeddings": CONTEXT})
    _change(BUILT_IN / "generation_config.json", SAMPLING)
    _change(BUILT_IN / "tokenizer_config.json", {"chat_template": CHAT_TEMPLATE})


def _change(path: Path, values: dict[str, Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", type=Path, help="folder of the trained model")
    install(parser.parse_args().model)


if __name__ == "__main__":
    main()
