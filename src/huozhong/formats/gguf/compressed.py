"""A GGUF file of DeepSeek-V4: its keys as an architecture's parts.  llama.cpp's words (`deepseek4`)."""

from __future__ import annotations

from typing import Any

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.keys import MetadataKeys
from huozhong.model.architecture import CompressedAttention, Experts, Indexer, LayerKind, Rope, Streams
from huozhong.model.config import YarnScaling

_KINDS: dict[int, LayerKind] = {0: "window", 4: "sparse", 128: "heavy"}
_SQRT_SOFTPLUS = 4  # llama.cpp's number for expert_gating_func


def compressed_parts(keys: MetadataKeys, layers: int) -> dict[str, Any]:
    """Attention, rotations, streams and experts, as `Architecture` takes them.  Raises CheckpointError."""
    dim = keys.whole("rope.dimension_count")
    attention = CompressedAttention(
        num_heads=keys.whole("attention.head_count"),
        head_dim=keys.whole("attention.key_length"),
        q_lora_rank=keys.whole("attention.q_lora_rank"),
        window=keys.whole("attention.sliding_window"),
        out_groups=keys.whole("attention.output_group_count"),
        out_rank=keys.whole("attention.output_lora_rank"),
        kinds=_kinds(keys, layers),
        indexer=Indexer(
            num_heads=keys.whole("attention.indexer.head_count"),
            head_dim=keys.whole("attention.indexer.key_length"),
            top_k=keys.whole("attention.indexer.top_k"),
            interleaved=True,
        ),
        compress_rope=_far_rope(keys, dim),
    )
    return {
        "attention": attention,
        "rope": Rope(dim=dim, theta=keys.number("rope.freq_base", 10000.0), interleaved=True),
        "streams": Streams(
            count=keys.whole("hyper_connection.count"),
            iterations=keys.whole("hyper_connection.sinkhorn_iterations"),
            eps=keys.number("hyper_connection.epsilon"),
        ),
        "experts": _experts(keys, layers),
    }


def _kinds(keys: MetadataKeys, layers: int) -> tuple[LayerKind, ...]:
    ratios = keys.every("attention.compress_ratios")
    if ratios is None or len(ratios) < layers or any(each not in _KINDS for each in ratios):
        raise CheckpointError(
            f"{keys.words('attention.compress_ratios')} must be 0, 4 or 128 for each of {layers} layers."
        )
    return tuple(_KINDS[each] for each in ratios[:layers])


def _far_rope(keys: MetadataKeys, dim: int) -> Rope:
    """Of layers with compressed entries: a base of their own, and YaRN without its magnitude."""
    theta, kind = keys.number("attention.compress_rope_freq_base"), keys.of_type("rope.scaling.type", "none")
    if kind not in ("none", "yarn"):
        raise CheckpointError(f"{keys.words('rope.scaling.type')} is {kind!r}; only 'yarn' is supported.")
    if kind == "none":
        return Rope(dim=dim, theta=theta, interleaved=True)
    yarn = YarnScaling(
        factor=keys.number("rope.scaling.factor"),
        original_max_position_embeddings=keys.whole(
            "rope.scaling.original_context_length", keys.whole("context_length")
        ),
        beta_fast=keys.number("rope.scaling.yarn_beta_fast", 32.0),
        beta_slow=keys.number("rope.scaling.yarn_beta_slow", 1.0),
        mscale=0.0,
        mscale_all_dim=0.0,
    )
    return Rope(dim=dim, theta=theta, interleaved=True, scaling=yarn, attention_factor=1.0)


def _experts(keys: MetadataKeys, layers: int) -> Experts:
    gating = keys.whole("expert_gating_func", _SQRT_SOFTPLUS)
    if gating != _SQRT_SOFTPLUS:
        raise CheckpointError(f"{keys.words('expert_gating_func')} is {gating}; only {_SQRT_SOFTPLUS} is supported.")
    if not keys.of_type("expert_weights_norm", True):
        raise CheckpointError(f"{keys.words('expert_weights_norm')} must be true; only that is supported.")
    hidden, limit = keys.whole("expert_feed_forward_length"), keys.number("swiglu_clamp_exp", 0.0)
    if keys.number("swiglu_clamp_shexp", limit) != limit:
        raise CheckpointError(f"{keys.words('swiglu_clamp_shexp')} must be swiglu_clamp_exp; only that is supported.")
    first = keys.whole("hash_layer_count", 0, 0)
    return Experts(
        count=keys.whole("expert_count"),
        per_token=keys.whole("expert_used_count"),
        hidden=hidden,
        shared_hidden=hidden * keys.whole("expert_shared_count", 0, 0),
        scoring="sqrtsoftplus",
        bias=True,
        by_token=tuple(i < first for i in range(layers)),
        limit=limit or None,
        scale=keys.number("expert_weights_scale", 0.0) or 1.0,
    )
