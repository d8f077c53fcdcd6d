"""Which tensors a model of an `Architecture` has, by Hugging Face name, with their shapes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.model.architecture import Architecture, CompressedAttention, GroupedAttention, LatentAttention

Shape = tuple[int, ...]
TABLE = ".gate.tid2eid"  # of whole numbers: which experts a token meets


def sound(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values themselves.  Raises CheckpointError when one of them is NaN or infinite."""
    # one pass without a mask as large as the tensor: a sum is finite unless one of them is not, or it overflows
    with np.errstate(all="ignore"):
        if not np.isfinite(values.sum()) and not np.isfinite(values).all():
            raise CheckpointError(
                f"the base is damaged: {name} holds NaN or infinite numbers, so nothing can be learnt; take a "
                "whole copy of the model."
            )
    return values


def expected_tensors(architecture: Architecture, stacked_experts: bool = False) -> Iterator[tuple[str, Shape]]:
    """Names and shapes in order; an iterator, so that a nonsensical file cannot make an endless list.

    stacked_experts: routed experts as one tensor [experts, out, in] each for gate, up and down, as GGUF files have
    them; otherwise every expert has its own tensors.  MTP modules follow at layer num_layers; their duplicates of
    embedding and head are left out.
    """
    a = architecture
    yield "model.embed_tokens.weight", (a.vocab_size, a.hidden_size)
    for layer in range(a.num_layers):
        yield from _layer(a, layer, stacked_experts)
    if a.streams is not None:
        count = a.streams.count
        yield "model.hc_head.hc_fn", (count, count * a.hidden_size)
        yield "model.hc_head.hc_base", (count,)
        yield "model.hc_head.hc_scale", (1,)
    yield "model.norm.weight", (a.hidden_size,)
    if not a.tie_word_embeddings:
        yield "lm_head.weight", (a.vocab_size, a.hidden_size)
    for layer in range(a.num_layers, a.num_layers + a.num_nextn_predict_layers):
        yield from _layer(a, layer, stacked_experts)
        for norm in ("enorm", "hnorm", "shared_head.norm"):
            yield f"model.layers.{layer}.{norm}.weight", (a.hidden_size,)
        yield f"model.layers.{layer}.eh_proj.weight", (a.hidden_size, 2 * a.hidden_size)


def _layer(a: Architecture, layer: int, stacked: bool) -> Iterator[tuple[str, Shape]]:
    prefix = f"model.layers.{layer}."
    yield f"{prefix}input_layernorm.weight", (a.hidden_size,)
    yield f"{prefix}post_attention_layernorm.weight", (a.hidden_size,)
    if isinstance(a.attention, LatentAttention):
        yield from _latent(a.attention, a.hidden_size, f"{prefix}self_attn.", layer)
    elif isinstance(a.attention, CompressedAttention):
        yield from _compressed(a.attention, a.hidden_size, f"{prefix}self_attn.", layer)
        yield from _streams(a, prefix)
    else:
        yield from _grouped(a.attention, a.hidden_size, f"{prefix}self_attn.")
    if a.is_moe_layer(layer):
        yield from _moe(a, f"{prefix}mlp.", stacked, layer)
    else:
        yield from _swiglu(f"{prefix}mlp.", (), a.hidden_size, a.intermediate_size)


def _latent(a: LatentAttention, width: int, prefix: str, layer: int) -> Iterator[tuple[str, Shape]]:
    if a.q_lora_rank is None:
        yield f"{prefix}q_proj.weight", (a.num_heads * a.qk_head_dim, width)
    else:
        yield f"{prefix}q_a_proj.weight", (a.q_lora_rank, width)
        yield f"{prefix}q_a_layernorm.weight", (a.q_lora_rank,)
        yield f"{prefix}q_b_proj.weight", (a.num_heads * a.qk_head_dim, a.q_lora_rank)
    yield f"{prefix}kv_a_proj_with_mqa.weight", (a.row_dim, width)
    yield f"{prefix}kv_a_layernorm.weight", (a.kv_lora_rank,)
    yield f"{prefix}kv_b_proj.weight", (a.num_heads * (a.qk_nope_head_dim + a.v_head_dim), a.kv_lora_rank)
    yield f"{prefix}o_proj.weight", (width, a.num_heads * a.v_head_dim)
    i = a.indexer
    if i is not None and not i.is_shared(layer):
        assert a.q_lora_rank is not None
        yield f"{prefix}indexer.wq_b.weight", (i.num_heads * i.head_dim, a.q_lora_rank)
        yield f"{prefix}indexer.wk.weight", (i.head_dim, width)
        yield f"{prefix}indexer.k_norm.weight", (i.head_dim,)
        yield f"{prefix}indexer.k_norm.bias", (i.head_dim,)
        yield f"{prefix}indexer.weights_proj.weight", (i.num_heads, width)


def _compressed(a: CompressedAttention, width: int, prefix: str, layer: int) -> Iterator[tuple[str, Shape]]:
    yield f"{prefix}q_a_proj.weight", (a.q_lora_rank, width)
    yield f"{prefix}q_a_norm.weight", (a.q_lora_rank,)
    yield f"{prefix}q_b_proj.weight", (a.num_heads * a.head_dim, a.q_lora_rank)
    yield f"{prefix}kv_proj.weight", (a.head_dim, width)
    yield f"{prefix}kv_norm.weight", (a.head_dim,)
    yield f"{prefix}sinks", (a.num_heads,)
    yield f"{prefix}o_a_proj.weight", (a.out_groups * a.out_rank, a.num_heads * a.head_dim // a.out_groups)
    yield f"{prefix}o_b_proj.weight", (width, a.out_groups * a.out_rank)
    kind, i = a.kinds[layer], a.indexer
    if kind == "window":
        return
    halves = 2 if kind == "sparse" else 1
    yield from _compressor(f"{prefix}compressor.", width, halves, a.head_dim, a.rate(kind))
    if kind == "sparse":
        inner = f"{prefix}compressor.indexer."
        yield from _compressor(inner, width, halves, i.head_dim, a.sparse_rate)
        yield f"{inner}q_b_proj.weight", (i.num_heads * i.head_dim, a.q_lora_rank)
        yield f"{inner}scorer.weights_proj.weight", (i.num_heads, width)


def _compressor(prefix: str, width: int, halves: int, dim: int, rate: int) -> Iterator[tuple[str, Shape]]:
    yield f"{prefix}kv_proj.weight", (halves * dim, width)
    yield f"{prefix}gate_proj.weight", (halves * dim, width)
    yield f"{prefix}position_bias", (rate, halves * dim)
    yield f"{prefix}kv_norm.weight", (dim,)


def _streams(a: Architecture, prefix: str) -> Iterator[tuple[str, Shape]]:
    assert a.streams is not None
    count = a.streams.count
    for place in ("attn_hc", "ffn_hc"):
        yield f"{prefix}{place}.fn", ((2 + count) * count, count * a.hidden_size)
        yield f"{prefix}{place}.base", ((2 + count) * count,)
        yield f"{prefix}{place}.scale", (3,)


def _grouped(a: GroupedAttention, width: int, prefix: str) -> Iterator[tuple[str, Shape]]:
    for name, heads in (("q", a.num_heads), ("k", a.num_kv_heads), ("v", a.num_kv_heads)):
        yield f"{prefix}{name}_proj.weight", (heads * a.head_dim, width)
        if a.qkv_bias:
            yield f"{prefix}{name}_proj.bias", (heads * a.head_dim,)
    if a.qk_norm:
        yield f"{prefix}q_norm.weight", (a.head_dim,)
        yield f"{prefix}k_norm.weight", (a.head_dim,)
    yield f"{prefix}o_proj.weight", (width, a.num_heads * a.head_dim)
    if a.out_bias:
        yield f"{prefix}o_proj.bias", (width,)


def _moe(a: Architecture, prefix: str, stacked: bool, layer: int) -> Iterator[tuple[str, Shape]]:
    e = a.experts
    assert e is not None
    yield f"{prefix}gate.weight", (e.count, a.hidden_size)
    if e.looks_up(layer):
        yield prefix.removesuffix(".") + TABLE, (a.vocab_size, e.per_token)
    elif e.bias:
        yield f"{prefix}gate.e_score_correction_bias", (e.count,)
    if stacked:
        yield from _swiglu(f"{prefix}experts.", (e.count,), a.hidden_size, e.hidden)
    else:
        for expert in range(e.count):
            yield from _swiglu(f"{prefix}experts.{expert}.", (), a.hidden_size, e.hidden)
    if e.shared_hidden:
        yield from _swiglu(f"{prefix}shared_experts.", (), a.hidden_size, e.shared_hidden)


def _swiglu(prefix: str, stack: Shape, width: int, inner: int) -> Iterator[tuple[str, Shape]]:
    yield f"{prefix}gate_proj.weight", (*stack, inner, width)
    yield f"{prefix}up_proj.weight", (*stack, inner, width)
    yield f"{prefix}down_proj.weight", (*stack, width, inner)
