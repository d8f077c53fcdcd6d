"""DeepSeek-V4 as the native module is told of it: the model's numbers, a layer's arrays, the streams' end."""

from __future__ import annotations

import dataclasses

import numpy as np

from huozhong.engine.weights.layout import CompressedAttentionWeights, LayerWeights, MixWeights
from huozhong.model.architecture import Architecture, CompressedAttention, LayerKind

_KINDS: dict[LayerKind, int] = {"window": 0, "sparse": 1, "heavy": 2}


def compressed_numbers(c: Architecture) -> dict[str, int | float | bool]:
    """What native.Model's config has for models of this kind alone."""
    a, e, streams = c.attention, c.experts, c.streams
    assert isinstance(a, CompressedAttention)
    assert e is not None
    assert streams is not None
    return {
        "compressed": True,
        "grouped": False,
        "dim": a.head_dim,
        "q_rank": a.q_lora_rank,
        "window": a.window,
        "out_groups": a.out_groups,
        "out_rank": a.out_rank,
        "sparse_rate": a.sparse_rate,
        "heavy_rate": a.heavy_rate,
        "index_heads": a.indexer.num_heads,
        "index_dim": a.indexer.head_dim,
        "index_top": a.indexer.top_k,
        "streams": streams.count,
        "sinkhorn": streams.iterations,
        "stream_eps": float(streams.eps),
        "sqrt_softplus": e.scoring == "sqrtsoftplus",
        "limit": float(e.limit or 0),
    }


def compressed_arrays(layer: LayerWeights, kind: LayerKind) -> dict[str, object]:
    """What add_layer reads of a layer's attention and streams."""
    w = layer.attention
    assert isinstance(w, CompressedAttentionWeights)
    arrays: dict[str, object] = {f.name: getattr(w, f.name) for f in dataclasses.fields(w) if f.name != "compressor"}
    arrays["kind"] = np.array([_KINDS[kind]], np.int32)
    if (c := w.compressor) is not None:
        arrays |= {"compress": c.project, "compress_bias": c.bias, "compress_norm": c.norm}
        arrays |= {f.name: getattr(c, f.name) for f in dataclasses.fields(c) if f.name.startswith("index_")}
    return arrays | mix_arrays("attention_mix", layer.attention_mix) | mix_arrays("mlp_mix", layer.mlp_mix)


def mix_arrays(name: str, w: MixWeights | None) -> dict[str, object]:
    """How streams are weighed at one place."""
    assert w is not None
    return {name: w.mix, f"{name}_base": w.base, f"{name}_scale": w.scale}
