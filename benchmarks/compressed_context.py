"""What compressed attention costs at a long context: DeepSeek-V4-Flash's own three kinds of layers, one of each.

    python benchmarks/compressed_context.py [--experts 8] [--context 32768] [--rows 256] [--cache f16]

Weights and cache are random: speed depends on shapes and formats.  Every expert that a token meets is there, but fewer
to choose from, and the vocabulary is small.  By turns, in one process: a token after 2,048 and after `--context`
others, and a piece of a prompt there, of all three layers and of each alone; the streams' part is within all of them.
Ratios are of medians.  The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import replace

import numpy as np
from long_context import matrix, mixture, noise, ones, random, seconds

from huozhong.engine import kernels
from huozhong.engine.runner import Runner
from huozhong.engine.weights.layout import (
    CompressedAttentionWeights,
    CompressorWeights,
    LayerWeights,
    MixWeights,
    Weights,
)
from huozhong.model.architecture import Architecture, CompressedAttention, Experts, Indexer, LayerKind, Rope, Streams

SHORT, PAGE = 2048, 128
KINDS: tuple[LayerKind, ...] = ("window", "sparse", "heavy")


def shape(kinds: tuple[LayerKind, ...], experts: int) -> Architecture:
    """Layers of DeepSeek-V4-Flash's with so many experts."""
    return Architecture(
        family="deepseek_v4",
        vocab_size=4096,
        hidden_size=4096,
        intermediate_size=2048,
        num_layers=len(kinds),
        attention=CompressedAttention(
            num_heads=64,
            head_dim=512,
            q_lora_rank=1024,
            window=128,
            out_groups=8,
            out_rank=1024,
            kinds=kinds,
            indexer=Indexer(num_heads=64, head_dim=128, top_k=512),
            compress_rope=Rope(dim=64, theta=160000.0, interleaved=True),
        ),
        rope=Rope(dim=64, theta=10000.0, interleaved=True),
        streams=Streams(count=4, iterations=20, eps=1e-6),
        experts=Experts(
            count=experts,
            per_token=6,
            hidden=2048,
            shared_hidden=2048,
            scoring="sqrtsoftplus",
            bias=True,
            limit=10.0,
            scale=1.5,
        ),
        moe_layers=(True,) * len(kinds),
        max_position_embeddings=1 << 20,
    )


def mix(outputs: int, width: int, scales: int) -> MixWeights:
    return MixWeights(matrix(outputs, width, "f32"), 0 * ones(outputs), ones(scales))


def compressor(a: CompressedAttention, kind: LayerKind, hidden: int) -> CompressorWeights | None:
    if kind == "window":
        return None
    i, sparse = a.indexer, kind == "sparse"
    width = (2 if sparse else 1) * a.head_dim
    index = 2 * i.head_dim if sparse else 0
    return CompressorWeights(
        project=(matrix(2 * (width + index), hidden, "q8"),),
        bias=np.zeros((a.rate(kind), width), np.float32),
        norm=ones(a.head_dim),
        index_query=matrix(i.num_heads * i.head_dim, a.q_lora_rank, "q8") if sparse else None,
        index_weights=matrix(i.num_heads, hidden, "f32") if sparse else None,
        index_bias=np.zeros((a.sparse_rate, index), np.float32) if sparse else None,
        index_norm=ones(i.head_dim) if sparse else None,
    )


def layer(c: Architecture, kind: LayerKind) -> LayerWeights:
    a, e, d = c.attention, c.experts, c.hidden_size
    assert isinstance(a, CompressedAttention)
    assert e is not None
    heads = a.num_heads * a.head_dim
    return LayerWeights(
        attention_norm=ones(d),
        mlp_norm=ones(d),
        dense=None,
        attention=CompressedAttentionWeights(
            down=(matrix(a.q_lora_rank + a.head_dim, d),),
            q_norm=ones(a.q_lora_rank),
            q_up=matrix(heads, a.q_lora_rank),
            kv_norm=ones(a.head_dim),
            sinks=0 * ones(a.num_heads),
            out_groups=matrix(a.out_rank, heads // a.out_groups, count=a.out_groups),
            out=matrix(d, a.out_groups * a.out_rank),
            compressor=compressor(a, kind, d),
        ),
        moe=mixture(e, d),
        attention_mix=mix(24, 4 * d, 3),
        mlp_mix=mix(24, 4 * d, 3),
    )


def runner_of(weights: Weights, positions: int, options: argparse.Namespace) -> Runner:
    """Its cache holds noise of the right kind: rows, entries and an indexer's keys are numbers of about 1."""
    a = weights.architecture.attention
    assert isinstance(a, CompressedAttention)
    runner = Runner(weights, positions // PAGE, PAGE, cache_format=options.cache)
    kind = {"f16": np.float16, "f32": np.float32}[options.cache]
    for number, kind_of in enumerate(a.kinds):
        layout, pages = a.page_layout(kind_of, PAGE, options.cache), runner.cache.pages[number]
        rows = random.standard_normal((64, layout.keys), dtype=np.float32).astype(kind).view(np.uint8)[:, : layout.keys]
        pages[:, : layout.keys] = np.resize(rows, (len(pages), layout.keys))
        if not layout.key:
            continue
        numbers = layout.count * a.indexer.head_dim
        if options.cache == "f32":
            keys = random.standard_normal(numbers, dtype=np.float32).view(np.uint8)
        else:
            scales = np.full(numbers // 32, 0.02, np.float16).view(np.uint8)
            keys = np.concatenate([noise(numbers), scales])
        pages[:, layout.keys : layout.keys + len(keys)] = keys
    return runner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--experts", type=int, default=8, help="to choose 6 from")
    parser.add_argument("--context", type=int, default=32768)
    parser.add_argument("--rows", type=int, default=256, help="of a piece of a prompt")
    parser.add_argument("--cache", choices=("f32", "f16"), default="f16")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    if options.context < 2 * SHORT or options.context % PAGE:
        parser.error(f"--context must be a multiple of {PAGE} and at least {2 * SHORT}")
    all_of_them = shape(KINDS, options.experts)
    table = matrix(all_of_them.vocab_size, all_of_them.hidden_size, "q8")
    weights = Weights(
        architecture=all_of_them,
        format="q4",
        embedding=table,
        layers=tuple(layer(all_of_them, kind) for kind in KINDS),
        norm=ones(all_of_them.hidden_size),
        head=table,
        head_mix=mix(4, 4 * all_of_them.hidden_size, 1),
    )
    positions = options.context + 2 * PAGE
    runners = {"all": runner_of(weights, positions, options)}
    for number, kind in enumerate(KINDS):
        alone = replace(
            weights, architecture=shape((kind,), options.experts), layers=weights.layers[number : number + 1]
        )
        runners[kind] = runner_of(alone, positions, options)
    turns = {}
    for name, runner in runners.items():
        turns[f"short {name}"] = (runner, SHORT - 1, 1, False)
        turns[f"long {name}"] = (runner, options.context - 1, 1, False)
        turns[f"prompt {name}"] = (runner, options.context - options.rows, options.rows, True)
    found: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(options.repeat):
        for name, run in sorted(turns.items(), key=lambda _: random.random()):
            if "prompt" in name and turn > 2:  # long enough to be steady
                continue
            found[name].append(seconds(*run, page=PAGE))
            print(f"{name} {found[name][-1] * 1e3:.1f} ms", file=sys.stderr)
    time_of = {name: statistics.median(times) for name, times in found.items()}
    result = {
        "benchmark": "compressed_context",
        "kernels": kernels.used(),
        **vars(options),
        "ms": {name: round(1e3 * value, 1) for name, value in time_of.items()},
        "speed_long_by_short": {k: round(time_of[f"short {k}"] / time_of[f"long {k}"], 3) for k in runners},
        "a_row_of_a_prompt_by_a_token": round(time_of["prompt all"] / options.rows / time_of["long all"], 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
