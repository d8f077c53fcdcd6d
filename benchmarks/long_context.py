"""What sparse attention costs at a long context: layers of DeepSeek-V3.2's own shape, as many as memory takes.

    python benchmarks/long_context.py [--layers 2] [--experts 16] [--context 32768] [--rows 256] [--cache f16]

Weights and cache are random: speed depends on shapes and formats.  Every expert that a token meets is there, but fewer
to choose from, and the vocabulary is small, so that a layer weighs what it weighs in the model and the rest little.
By turns, in one process: a token after 2,048 and after `--context` others; a piece of a prompt at `--context`, sparse,
and dense (the same weights without the indexer).  Ratios are of medians.  The last line is JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time

import numpy as np
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.layout import (
    DenseWeights,
    IndexerWeights,
    LatentAttentionWeights,
    LayerWeights,
    MoeWeights,
    Weights,
)
from huozhong.engine.weights.quant import PackedMatrix, new_array, packed_shapes
from huozhong.model.architecture import Architecture, CacheFormat, Experts, Indexer, LatentAttention, Rope

PAGE, SHORT = 64, 2048
random = np.random.default_rng(1)
NOISE = random.integers(0, 256, 1 << 24, dtype=np.uint8)  # repeated: nobody looks for patterns


def shape(layers: int, experts: int) -> Architecture:
    """`layers` of DeepSeek-V3.2's layers with so many experts."""
    return Architecture(
        family="deepseek_v32",
        vocab_size=4096,
        hidden_size=7168,
        intermediate_size=18432,
        num_layers=layers,
        attention=LatentAttention(
            num_heads=128,
            q_lora_rank=1536,
            kv_lora_rank=512,
            qk_nope_head_dim=128,
            qk_rope_head_dim=64,
            v_head_dim=128,
            indexer=Indexer(num_heads=64, head_dim=128, top_k=2048),
        ),
        rope=Rope(dim=64, theta=10000.0, interleaved=True),
        experts=Experts(count=experts, per_token=8, hidden=2048, shared_hidden=2048, bias=True, scale=2.5),
        moe_layers=(True,) * layers,
        max_position_embeddings=163840,
    )


def noise(count: int) -> NDArray[np.uint8]:
    return np.resize(np.roll(NOISE, int(random.integers(len(NOISE)))), count)


def matrix(out: int, inputs: int, format: str = "q4", count: int = 1) -> PackedMatrix:
    """Random weights of about 1/sqrt(inputs)."""
    (dtype, data_shape), (half, scale_shape) = packed_shapes(format, out, inputs, count)
    data = new_array(dtype, data_shape)
    if format == "f32":
        data[...] = random.standard_normal(data_shape, dtype=np.float32) * inputs**-0.5
        return PackedMatrix("f32", out, inputs, data, None, count)
    data.reshape(-1)[:] = noise(data.size)
    assert scale_shape is not None
    scales = new_array(half, scale_shape)
    scales[...] = inputs**-0.5 / {"q4": 4.6, "q8": 74.0}[format]
    return PackedMatrix(format, out, inputs, data, scales, count)  # type: ignore[arg-type]


def ones(width: int) -> NDArray[np.float32]:
    return np.ones(width, np.float32)


def mixture(e: Experts, hidden: int) -> MoeWeights:
    return MoeWeights(
        router=matrix(e.count, hidden, "f32"),
        router_bias=0 * ones(e.count),
        gate_up=(matrix(2 * e.hidden, hidden, count=e.count),),
        down=matrix(hidden, e.hidden, count=e.count),
        shared=DenseWeights(gate_up=(matrix(2 * e.hidden, hidden),), down=matrix(hidden, e.hidden)),
    )


def layer(a: Architecture) -> LayerWeights:
    att, e, d = a.attention, a.experts, a.hidden_size
    assert isinstance(att, LatentAttention)
    assert att.indexer is not None
    assert att.q_lora_rank is not None
    assert e is not None
    i, heads, rank = att.indexer, att.num_heads, att.kv_lora_rank
    return LayerWeights(
        attention_norm=ones(d),
        mlp_norm=ones(d),
        dense=None,
        attention=LatentAttentionWeights(
            down=(matrix(att.q_lora_rank + att.row_dim, d),),
            q_norm=ones(att.q_lora_rank),
            q_up=matrix(heads * att.qk_head_dim, att.q_lora_rank),
            kv_norm=ones(rank),
            k_up=matrix(att.qk_nope_head_dim, rank, "q8", heads),
            v_up=matrix(att.v_head_dim, rank, "q8", heads),
            q_absorb=matrix(rank, att.qk_nope_head_dim, "q8", heads),
            out=matrix(d, heads * att.v_head_dim),
            indexer=IndexerWeights(
                query=matrix(i.num_heads * i.head_dim, att.q_lora_rank, "q8"),
                key=matrix(i.head_dim, d, "q8"),
                weights=matrix(i.num_heads, d, "f32"),
                norm=ones(i.head_dim),
                bias=0 * ones(i.head_dim),
            ),
        ),
        moe=mixture(e, d),
    )


def runner_of(weights: Weights, positions: int, cache: CacheFormat) -> Runner:
    """Its cache holds random rows of the right kind."""
    a = weights.architecture
    runner = Runner(weights, positions // PAGE, PAGE, cache_format=cache)
    assert isinstance(a.attention, LatentAttention)
    latents = random.standard_normal((4096, a.attention.row_dim), dtype=np.float32)
    for start in range(0, positions, len(latents)):
        _fill(runner, latents, start)
    return runner


def _fill(runner: Runner, latents: NDArray[np.float32], start: int) -> None:
    """Latents, and behind them keys of the indexer: any bytes are int8 numbers, 0x2000 is a fair scale."""
    pages = runner.cache.pages[:, start // PAGE : (start + len(latents)) // PAGE]
    width = PAGE * latents.shape[1]
    if runner.cache.format == "q8":
        whole = noise(pages.size).reshape(pages.shape)
        for at in range(512, PAGE * 612, 612):  # scales of 512 + 64 numbers
            whole[..., at : at + 32] = np.full(16, 0.03, np.float16).view(np.uint8)
            whole[..., at + 96 : at + 100] = np.full(2, 0.03, np.float16).view(np.uint8)
        pages[...] = whole
        latent_bytes = PAGE * 612
    else:
        floats = latents.astype({"f16": np.float16, "f32": np.float32}[runner.cache.format])
        octets = floats.reshape(pages.shape[1], width).view(np.uint8)
        latent_bytes = octets.shape[1]
        pages[..., :latent_bytes] = octets
    rest = pages.shape[2] - latent_bytes
    if not rest:
        return
    if runner.cache.format == "f32":
        keys = random.standard_normal((pages.shape[1], rest // 4), dtype=np.float32)
        pages[..., latent_bytes:] = keys.view(np.uint8)
        return
    pages[..., latent_bytes:] = noise(pages.shape[0] * pages.shape[1] * rest).reshape(*pages.shape[:2], rest)
    scales = np.full(PAGE * 4, 0.02, np.float16).view(np.uint8)
    pages[..., -len(scales) :] = scales


def runners(a: Architecture, context: int, cache: CacheFormat) -> tuple[Runner, Runner]:
    """The same random weights with the indexer and without."""
    weights = Weights(
        architecture=a,
        format="q4",
        embedding=matrix(a.vocab_size, a.hidden_size, "q8"),
        layers=tuple(layer(a) for _ in range(a.num_layers)),
        norm=ones(a.hidden_size),
        head=matrix(a.vocab_size, a.hidden_size, "q8"),
    )
    assert isinstance(a.attention, LatentAttention)
    plain = dataclasses.replace(a, family="deepseek_v3", attention=dataclasses.replace(a.attention, indexer=None))
    layers = tuple(
        dataclasses.replace(one, attention=dataclasses.replace(one.attention, indexer=None))  # type: ignore[call-arg]
        for one in weights.layers
    )
    without = dataclasses.replace(weights, architecture=plain, layers=layers)
    return runner_of(weights, context + 4096, cache), runner_of(without, context + 4096, cache)


def seconds(runner: Runner, start: int, rows: int, prefill: bool, page: int = PAGE) -> float:
    tokens = random.integers(0, 4096, rows).astype(np.int32)
    pages = np.arange(-(-(start + rows) // page), dtype=np.int32)
    begin = time.perf_counter()
    runner.forward([Chunk(tokens, start, pages, "last", prefill)])
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--experts", type=int, default=16, help="to choose 8 from")
    parser.add_argument("--context", type=int, default=32768)
    parser.add_argument("--rows", type=int, default=256, help="of a piece of a prompt")
    parser.add_argument("--cache", choices=("f32", "f16", "q8"), default="f16")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    if options.context < 2 * SHORT or options.context % 4096:
        parser.error("--context must be a multiple of 4096 and at least 4096")
    sparse, dense = runners(shape(options.layers, options.experts), options.context, options.cache)
    turns = {
        "decode_short": lambda: seconds(sparse, SHORT - 1, 1, False),
        "decode_long": lambda: seconds(sparse, options.context - 1, 1, False),
        "decode_long_dense": lambda: seconds(dense, options.context - 1, 1, False),
        "prefill_long": lambda: seconds(sparse, options.context - options.rows, options.rows, True),
        "prefill_long_dense": lambda: seconds(dense, options.context - options.rows, options.rows, True),
    }
    found: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(options.repeat):
        for name, run in sorted(turns.items(), key=lambda _: random.random()):
            if "prefill" in name and turn > 2:  # long enough to be steady
                continue
            found[name].append(run())
            print(f"{name} {found[name][-1] * 1e3:.1f} ms", file=sys.stderr)
    time_of = {name: statistics.median(times) for name, times in found.items()}
    result = {
        "benchmark": "long_context",
        "kernels": kernels.used(),
        **vars(options),
        "ms": {name: round(1e3 * value, 1) for name, value in time_of.items()},
        "decode_long_by_short": round(time_of["decode_short"] / time_of["decode_long"], 3),
        "decode_sparse_by_dense": round(time_of["decode_long_dense"] / time_of["decode_long"], 2),
        "prefill_sparse_by_dense": round(time_of["prefill_long_dense"] / time_of["prefill_long"], 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
