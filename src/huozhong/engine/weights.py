"""From a model folder to packed weights in memory.

Packing costs seconds, so its result is kept in one file, which later starts memory-map in milliseconds
(`weights_cache.py`).
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.quant import FORMATS, Format, PackedMatrix, pack
from huozhong.errors import ConfigError
from huozhong.model.checkpoint import CheckpointReader
from huozhong.model.config import ModelConfig

F32 = NDArray[np.float32]
Lookup = Callable[[str], F32]  # tensor name -> float32 array


@dataclass(frozen=True, eq=False)
class AttentionWeights:
    """One layer's MLA.  The halves of kv_b_proj lie apart, one matrix per head; the keys' also turned.

    down: [query or its latent; KV latent; rotary key] x hidden.  q_up, q_norm: None without a query latent.
    k_up [H: nope x latent] and v_up [H: v x latent] expand the latent; q_absorb [H: latent x nope] is k_up
    turned.  In q4 these three are q8: they are small, and the absorbed and the un-absorbed form must stay
    close to each other.
    """

    down: PackedMatrix
    q_norm: F32 | None
    q_up: PackedMatrix | None
    kv_norm: F32
    k_up: PackedMatrix
    v_up: PackedMatrix
    q_absorb: PackedMatrix
    out: PackedMatrix


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """SwiGLU.  gate_up: [gate; up] x hidden."""

    gate_up: PackedMatrix
    down: PackedMatrix


@dataclass(frozen=True, eq=False)
class MoeWeights:
    """Experts as stacked matrices; the router stays float32, for its choices are discrete."""

    router: PackedMatrix
    router_bias: F32
    gate_up: PackedMatrix
    down: PackedMatrix
    shared: DenseWeights | None


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Exactly one of `dense` and `moe` is set."""

    attention_norm: F32
    attention: AttentionWeights
    mlp_norm: F32
    dense: DenseWeights | None
    moe: MoeWeights | None


@dataclass(frozen=True, eq=False)
class Weights:
    """A whole model, packed.  With tied embeddings `embedding` and `head` are one matrix."""

    config: ModelConfig
    format: Format
    embedding: PackedMatrix
    layers: tuple[LayerWeights, ...]
    norm: F32
    head: PackedMatrix


def load_weights(folder: str | Path, format: Format, cache_dir: str | Path | None = None) -> Weights:
    """Weights of a Hugging Face model folder in one of the packed formats.

    cache_dir: where packed weights are kept; None is `huozhong` in the user's cache folder (XDG_CACHE_HOME).
    Each folder and format has one file there, replaced when the model's files change (path, size or time).
    Where nothing can be written, they are packed in memory each time.  Raises CheckpointError, ConfigError.
    """
    from huozhong.engine import weights_cache  # it knows these classes

    if format not in FORMATS:
        raise ConfigError(f"unknown weight format {format!r}; the formats are {', '.join(FORMATS)}.")
    reader = CheckpointReader(folder)
    source = _describe_source(reader.folder, format)
    path = default_cache_dir() if cache_dir is None else Path(cache_dir)
    path /= f"{reader.folder.resolve().name}-{source['id']}-{format}.packed"
    if (found := weights_cache.read(path, source)) is not None:
        return found
    weights = pack_weights(reader.config, reader.tensor, format)
    try:
        weights_cache.write(path, weights, source)
    except OSError as error:
        warnings.warn(f"packed weights cannot be kept in {path.parent}: {error}", stacklevel=2)
        return weights
    return weights_cache.read(path, source) or weights


def default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huozhong"


def _describe_source(folder: Path, format: Format) -> dict[str, Any]:
    """What the packed weights depend on: the folder's files as they are now, and the format."""
    resolved = folder.resolve()
    names = sorted(p for p in resolved.iterdir() if p.suffix in (".safetensors", ".json"))
    return {
        "id": hashlib.sha256(str(resolved).encode()).hexdigest()[:12],
        "path": str(resolved),
        "format": format,
        "files": [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in names],
    }


def pack_weights(config: ModelConfig, tensor: Lookup, format: Format) -> Weights:
    """Pack a model whose tensors (Hugging Face deepseek_v3 names) `tensor` looks up.

    In q4 the embedding and the output head stay q8: they are used once per token and matter most.
    MTP modules (layers from num_hidden_layers on) are left out.
    """
    table_format: Format = "q8" if format == "q4" else format
    embedding = pack(tensor("model.embed_tokens.weight"), table_format)
    return Weights(
        config=config,
        format=format,
        embedding=embedding,
        layers=tuple(_layer(config, tensor, format, i) for i in range(config.num_hidden_layers)),
        norm=_vector(tensor("model.norm.weight")),
        head=embedding if config.tie_word_embeddings else pack(tensor("lm_head.weight"), table_format),
    )


def _layer(config: ModelConfig, tensor: Lookup, format: Format, index: int) -> LayerWeights:
    prefix = f"model.layers.{index}."
    mlp = prefix + "mlp."
    is_moe = config.is_moe_layer(index)
    return LayerWeights(
        attention_norm=_vector(tensor(prefix + "input_layernorm.weight")),
        attention=_attention(config, tensor, format, prefix + "self_attn."),
        mlp_norm=_vector(tensor(prefix + "post_attention_layernorm.weight")),
        dense=None if is_moe else _dense(tensor, format, mlp),
        moe=_moe(config, tensor, format, mlp) if is_moe else None,
    )


def _attention(config: ModelConfig, tensor: Lookup, format: Format, prefix: str) -> AttentionWeights:
    c = config
    finer: Format = "q8" if format == "q4" else format
    full_rank = c.q_lora_rank is None
    query = tensor(prefix + ("q_proj.weight" if full_rank else "q_a_proj.weight"))
    kv_b = tensor(prefix + "kv_b_proj.weight")
    kv_b = kv_b.reshape(c.num_attention_heads, c.qk_nope_head_dim + c.v_head_dim, c.kv_lora_rank)
    key, value = kv_b[:, : c.qk_nope_head_dim], kv_b[:, c.qk_nope_head_dim :]
    return AttentionWeights(
        down=pack(np.concatenate([query, tensor(prefix + "kv_a_proj_with_mqa.weight")]), format),
        q_norm=None if full_rank else _vector(tensor(prefix + "q_a_layernorm.weight")),
        q_up=None if full_rank else pack(tensor(prefix + "q_b_proj.weight"), format),
        kv_norm=_vector(tensor(prefix + "kv_a_layernorm.weight")),
        k_up=pack(key, finer),
        v_up=pack(value, finer),
        q_absorb=pack(key.swapaxes(1, 2), finer),
        out=pack(tensor(prefix + "o_proj.weight"), format),
    )


def _dense(tensor: Lookup, format: Format, prefix: str) -> DenseWeights:
    gate, up = tensor(prefix + "gate_proj.weight"), tensor(prefix + "up_proj.weight")
    down = tensor(prefix + "down_proj.weight")
    return DenseWeights(gate_up=pack(np.concatenate([gate, up]), format), down=pack(down, format))


def _moe(config: ModelConfig, tensor: Lookup, format: Format, prefix: str) -> MoeWeights:
    experts = [f"{prefix}experts.{j}." for j in range(config.n_routed_experts)]
    return MoeWeights(
        router=pack(tensor(prefix + "gate.weight"), "f32"),
        router_bias=_vector(tensor(prefix + "gate.e_score_correction_bias")),
        gate_up=_stack(
            [
                pack(np.concatenate([tensor(e + "gate_proj.weight"), tensor(e + "up_proj.weight")]), format)
                for e in experts
            ]
        ),
        down=_stack([pack(tensor(e + "down_proj.weight"), format) for e in experts]),
        shared=_dense(tensor, format, prefix + "shared_experts.") if config.n_shared_experts else None,
    )


def _stack(matrices: list[PackedMatrix]) -> PackedMatrix:
    first = matrices[0]
    scales = None
    if first.scales is not None:
        scales = np.concatenate([m.scales for m in matrices if m.scales is not None])
    data = np.concatenate([m.data for m in matrices])
    return PackedMatrix(first.format, first.out_features, first.in_features, data, scales, len(matrices))


def _vector(array: F32) -> F32:
    return np.ascontiguousarray(array, dtype=np.float32)
