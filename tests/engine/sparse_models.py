"""A DeepSeek-V3 folder of ours made sparse: the same weights, and an indexer in every layer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from huozhong.formats.source import open_model


def add_indexers(folder: Path, to: Path, *, top_k: int, heads: int = 16, width: int = 32, seed: int = 5) -> Path:
    """A copy of `folder`, prediction modules included, as a deepseek_v32 one with random indexers."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    config |= {
        "model_type": "deepseek_v32", "architectures": ["DeepseekV32ForCausalLM"], "index_topk": top_k,
        "index_n_heads": heads, "index_head_dim": width,
    }  # fmt: skip
    (to / "config.json").write_text(json.dumps(config))
    (file,) = to.glob("*.safetensors")
    source = open_model(folder)
    tensors = {name: np.ascontiguousarray(source.tensor(name)) for name in source.names()}
    random = np.random.default_rng(seed)
    for layer in range(config["num_hidden_layers"] + config.get("num_nextn_predict_layers", 0)):
        prefix = f"model.layers.{layer}.self_attn.indexer."
        shapes = {
            "wq_b.weight": (heads * width, config["q_lora_rank"]),
            "wk.weight": (width, config["hidden_size"]),
            "weights_proj.weight": (heads, config["hidden_size"]),
        }
        for name, shape in shapes.items():
            tensors[prefix + name] = random.standard_normal(shape).astype(np.float32)
        tensors[prefix + "k_norm.weight"] = random.uniform(0.5, 1.5, width).astype(np.float32)
        tensors[prefix + "k_norm.bias"] = random.uniform(-0.5, 0.5, width).astype(np.float32)
    save_file(tensors, file)
    return to
