"""A drafter of the DSpark kind with random weights, in the published form or in ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.train.draft.block import BlockLearner
from huozhong.train.draft.settings import DraftSettings


def random_dspark(base: Path, folder: Path, guessed: tuple[int, ...], spread: float = 0.15) -> BlockLearner:
    """Write one; returns it in torch, float32."""
    view = HuggingFaceView(open_model(base))
    settings = DraftSettings(base=base.name, base_mark="", data=base, data_content="", out=folder)
    learner = BlockLearner(view, np.array(guessed, np.int32), settings, torch.bfloat16)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in learner.net.named_parameters():
            weight.uniform_(0.5, 1.5) if "norm" in name else weight.normal_(0.0, spread)
            weight.copy_(weight.to(torch.bfloat16))  # as the file keeps it
    learner.write(folder)
    learner.embedding, learner.head = learner.embedding.float(), learner.head.float()
    learner.net.eval()
    return learner


def published(folder: Path, base: Path) -> None:
    """Turn a folder of ours, whose every token is guessed, into the published form: with the model's own tables."""
    view = HuggingFaceView(open_model(base))
    config = json.loads((folder / "config.json").read_text())
    for name in ("base", "base_name", "guessed"):
        del config[name]
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    tied = view.architecture.tie_word_embeddings
    for name, own in (("embed_tokens", "model.embed_tokens"), ("lm_head", "model.embed_tokens" if tied else "lm_head")):
        tensors[f"{name}.weight"] = torch.from_numpy(view.tensor(f"{own}.weight")).to(torch.bfloat16)
    save_file(tensors, folder / "model.safetensors")
