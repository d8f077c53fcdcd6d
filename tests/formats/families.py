"""Models of every family to export, and how two of them compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import transformers

import huozhong
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.file import GgufFile
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.source import open_model
from huozhong.model.architecture import Architecture

EMBER = Path(huozhong.__file__).parent / "models" / "ember"


def exported(folder: Path, path: Path, type: str) -> GgufFile:
    source = open_model(folder)
    vocabulary = vocab_metadata(source.small_files(), source.architecture.vocab_size) if folder == EMBER else {}
    export_gguf(source, path, type, vocabulary=vocabulary)
    return GgufFile(path)


def rounded(architecture: Architecture, **changes: Any) -> Architecture:
    """As it is after GGUF's single precision; no layer of experts is the same as no list of them."""
    eps = float(np.float32(architecture.rms_norm_eps))
    return dataclasses.replace(architecture, rms_norm_eps=eps, latent_norm_eps=1e-6, moe_layers=(), **changes)


COMMON: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


MODELS = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**COMMON, rope_scaling=LLAMA3)),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**COMMON)),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**COMMON, head_dim=32)),
}
