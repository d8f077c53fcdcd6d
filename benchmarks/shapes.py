"""Write a GGUF file with random weights of a known model's shape: the speed of a model without its weights.

    python benchmarks/shapes.py SHAPE [SHAPE ...] --out FOLDER [--pure]

Speed depends on shapes and formats, not on what a model has learnt, so these files stand in for 1 to 9 GB of
downloads.  Tensors have the formats that `llama-quantize ... Q4_0` chooses: Q4_0, the output head Q6_K, norms,
biases and routers F32.  (--pure: the head is Q4_0 too.)  Scales keep activations near 1 in every layer.  The
tokenizer is real but knows only bytes: every other token is filler, so one ASCII character is one token.
Needs the `gguf` package.  The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}A:{{ message['content'] }}"
    "{{ eos_token }}{% else %}U:{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}A:{% endif %}"
)


@dataclass(frozen=True, kw_only=True)
class Mla:
    """DeepSeek-V2's latent attention; q_lora_rank is always absent here, as in V2-Lite."""

    kv_lora_rank: int
    nope: int
    rope: int
    v: int


@dataclass(frozen=True, kw_only=True)
class Moe:
    experts: int
    per_token: int
    shared: int
    hidden: int
    leading_dense: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model as GGUF metadata names it.  kv_heads and head_dim: of grouped attention, when mla is None."""

    family: Literal["qwen2", "llama", "deepseek2"]
    layers: int
    hidden: int
    heads: int
    ffn: int
    vocab: int
    context: int
    pre: str
    kv_heads: int = 0
    head_dim: int = 0
    mla: Mla | None = None
    moe: Moe | None = None
    tied: bool = False
    theta: float = 10000.0
    yarn: tuple[float, int, float] | None = None  # factor, original context, log multiplier


QWEN_1_5B = Shape(
    family="qwen2",
    layers=28,
    hidden=1536,
    heads=12,
    kv_heads=2,
    head_dim=128,
    ffn=8960,
    vocab=151936,
    context=131072,
    pre="deepseek-r1-qwen",
)
V2_LITE = Shape(
    family="deepseek2",
    layers=27,
    hidden=2048,
    heads=16,
    ffn=10944,
    vocab=102400,
    context=163840,
    pre="deepseek-llm",
    mla=Mla(kv_lora_rank=512, nope=128, rope=64, v=128),
    moe=Moe(experts=64, per_token=6, shared=2, hidden=1408, leading_dense=1),
    yarn=(40.0, 4096, 0.0707),
)
LLAMA_1B = Shape(
    family="llama",
    layers=16,
    hidden=2048,
    heads=32,
    kv_heads=8,
    head_dim=64,
    ffn=8192,
    vocab=128256,
    context=131072,
    pre="llama-bpe",
    tied=True,
    theta=500000.0,
)
SHAPES: dict[str, Shape] = {
    "deepseek-r1-distill-qwen-1.5b": QWEN_1_5B,
    "deepseek-v2-lite": V2_LITE,
    "llama-3.2-1b": LLAMA_1B,
    # experts as wide and as many as DeepSeek-V4-Flash's, in two layers: for models larger than memory
    "v4-flash-experts": replace(
        V2_LITE, layers=3, hidden=4096, heads=16, ffn=8192, vocab=4096, context=4096, yarn=None,
        moe=Moe(experts=256, per_token=6, shared=1, hidden=2048, leading_dense=1),
    ),
    # the same experts in as many bytes as half of that, but eight layers of them: a pass has a next layer to read for
    "v4-flash-layers": replace(
        V2_LITE, layers=9, hidden=4096, heads=16, ffn=8192, vocab=4096, context=4096, yarn=None,
        moe=Moe(experts=32, per_token=6, shared=1, hidden=2048, leading_dense=1),
    ),
    "tiny-experts": replace(
        V2_LITE, layers=4, hidden=512, heads=4, ffn=1024, vocab=1024, context=4096, yarn=None,
        moe=Moe(experts=128, per_token=6, shared=1, hidden=512, leading_dense=1),
    ),
    # the same families with little in them, for trying things out; llama.cpp tells V2-Lite by its 27 layers
    "tiny-qwen2": replace(
        QWEN_1_5B, layers=2, hidden=256, heads=4, kv_heads=2, head_dim=64, ffn=512, vocab=1024, context=8192
    ),
    "tiny-deepseek2": replace(
        V2_LITE, hidden=256, heads=4, ffn=512, vocab=1024, context=8192,
        mla=Mla(kv_lora_rank=128, nope=64, rope=32, v=64),
        moe=Moe(experts=8, per_token=2, shared=1, hidden=128, leading_dense=1), yarn=(2.0, 4096, 0.0707),
    ),
    "tiny-llama": replace(
        LLAMA_1B, layers=2, hidden=256, heads=4, kv_heads=2, head_dim=64, ffn=512, vocab=1024, context=8192
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """dims: outermost first.  std: of the values; a norm is all ones."""

    name: str
    dims: tuple[int, ...]
    type: Type
    std: float

    @property
    def nbytes(self) -> int:
        block, size = gguf.GGML_QUANT_SIZES[self.type]
        return int(np.prod(self.dims)) // block * size


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("shapes", nargs="+", choices=sorted(SHAPES), metavar="SHAPE", help=", ".join(sorted(SHAPES)))
    parser.add_argument("--out", type=Path, required=True, help="folder for the files (1 to 9 GB for the big ones)")
    parser.add_argument("--pure", action="store_true", help="Q4_0 for the output head as well")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    written: dict[str, Any] = {"benchmark": "shapes"}
    for name in options.shapes:
        path = options.out / f"{name}-random-{'pure-' if options.pure else ''}Q4_0.gguf"
        began = time.perf_counter()
        write(path, SHAPES[name], pure=options.pure)
        size = path.stat().st_size
        seconds = time.perf_counter() - began
        print(f"{path}: {size / 1e9:.2f} GB in {seconds:.0f} s", file=sys.stderr, flush=True)
        written[name] = {"path": str(path), "bytes": size, "seconds": round(seconds, 1)}
    print(json.dumps(written))


def write(path: Path, shape: Shape, *, pure: bool = False, seed: int = 0) -> None:
    """The whole file; it has its name only when it is complete.  Memory: the largest tensor, twice."""
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, shape.family)
    add_metadata(writer, shape)
    add_tokenizer(writer, shape)
    listed = list(tensors(shape, pure=pure))
    for tensor in listed:
        dtype: Any = np.float32 if tensor.type == Type.F32 else np.float16  # not uint8, which would mean bytes
        writer.add_tensor_info(tensor.name, tensor.dims, np.dtype(dtype), tensor.nbytes, raw_dtype=tensor.type)
    dice = np.random.Generator(np.random.SFC64(seed))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in listed:
            writer.write_tensor_data(random_blocks(tensor, dice))
        writer.close()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def add_metadata(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(shape.theta)
    writer.add_vocab_size(shape.vocab)
    if shape.mla is None:
        writer.add_head_count_kv(shape.kv_heads)
        writer.add_rope_dimension_count(shape.head_dim)
    else:  # as one key-value head: the latent and the shared rotary key
        writer.add_head_count_kv(1)
        writer.add_rope_dimension_count(shape.mla.rope)
        writer.add_kv_lora_rank(shape.mla.kv_lora_rank)
        writer.add_key_length(shape.mla.kv_lora_rank + shape.mla.rope)
        writer.add_value_length(shape.mla.kv_lora_rank)
        writer.add_key_length_mla(shape.mla.nope + shape.mla.rope)
        writer.add_value_length_mla(shape.mla.v)
    if shape.moe is not None:
        writer.add_expert_count(shape.moe.experts)
        writer.add_expert_used_count(shape.moe.per_token)
        writer.add_expert_shared_count(shape.moe.shared)
        writer.add_expert_feed_forward_length(shape.moe.hidden)
        writer.add_leading_dense_block_count(shape.moe.leading_dense)
        writer.add_expert_weights_scale(1.0)
        writer.add_expert_weights_norm(False)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)
    if shape.yarn is not None:
        factor, original, log_multiplier = shape.yarn
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(factor)
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_yarn_log_mul(log_multiplier)


def add_tokenizer(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Byte-level BPE: the bytes, one merge, and fillers that no text spells, so that a character is a token."""
    shown = bytes_as_letters()
    words = ["<bos>", "<eos>", *shown, shown[ord("~")] * 2]
    special = 2
    words += [f"<{number}>" for number in range(len(words), shape.vocab)]
    kinds = [gguf.TokenType.CONTROL] * special + [gguf.TokenType.NORMAL] * (shape.vocab - special)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(shape.pre)
    writer.add_token_list(words)
    writer.add_token_types(kinds)
    writer.add_token_merges(["~ ~"])  # readers expect the list to be there
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def bytes_as_letters() -> list[str]:
    """GPT-2's letter for each byte: printable ones stand for themselves, the others take letters from 256 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tensors(shape: Shape, *, pure: bool) -> Iterator[Tensor]:
    """Every tensor in the order of the file.  Standard deviations keep a layer's output near 1."""
    hidden = shape.hidden

    def matrix(name: str, *dims: int, scale: float = 1.0, type: Type = Type.Q4_0) -> Tensor:
        return Tensor(f"{name}.weight", dims, type, scale * dims[-1] ** -0.5)

    def norm(name: str, width: int) -> Tensor:
        return Tensor(f"{name}.weight", (width,), Type.F32, 0.0)

    head_type = Type.Q4_0 if pure or hidden % 256 else Type.Q6_K
    yield Tensor("token_embd.weight", (shape.vocab, hidden), head_type if shape.tied else Type.Q4_0, 1.0)
    yield norm("output_norm", hidden)
    if not shape.tied:
        yield matrix("output", shape.vocab, hidden, type=head_type)
    add = (2 * shape.layers) ** -0.5  # what each part adds to the stream, so that its sum stays near 1
    for index in range(shape.layers):
        block = f"blk.{index}"
        yield norm(f"{block}.attn_norm", hidden)
        if shape.mla is None:
            for part, heads in (("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)):
                yield matrix(f"{block}.attn_{part}", heads * shape.head_dim, hidden)
                if shape.family == "qwen2":
                    yield Tensor(f"{block}.attn_{part}.bias", (heads * shape.head_dim,), Type.F32, 0.1)
            yield matrix(f"{block}.attn_output", hidden, shape.heads * shape.head_dim, scale=add)
        else:
            m, heads = shape.mla, shape.heads
            yield matrix(f"{block}.attn_q", heads * (m.nope + m.rope), hidden)
            yield matrix(f"{block}.attn_kv_a_mqa", m.kv_lora_rank + m.rope, hidden)
            yield norm(f"{block}.attn_kv_a_norm", m.kv_lora_rank)
            # transposed, so its inputs are the other axis
            yield replace(matrix(f"{block}.attn_k_b", heads, m.kv_lora_rank, m.nope), std=m.kv_lora_rank**-0.5)
            yield matrix(f"{block}.attn_v_b", heads, m.v, m.kv_lora_rank)
            yield matrix(f"{block}.attn_output", hidden, heads * m.v, scale=add)
        yield norm(f"{block}.ffn_norm", hidden)
        if shape.moe is None or index < shape.moe.leading_dense:
            yield from (matrix(f"{block}.ffn_{part}", shape.ffn, hidden) for part in ("gate", "up"))
            yield matrix(f"{block}.ffn_down", hidden, shape.ffn, scale=add)
            continue
        moe = shape.moe
        yield matrix(f"{block}.ffn_gate_inp", moe.experts, hidden, type=Type.F32)
        for stack, dims, width in (("exps", (moe.experts,), moe.hidden), ("shexp", (), moe.shared * moe.hidden)):
            yield from (matrix(f"{block}.ffn_{part}_{stack}", *dims, width, hidden) for part in ("gate", "up"))
            yield matrix(f"{block}.ffn_down_{stack}", *dims, hidden, width, scale=add)


def random_blocks(tensor: Tensor, dice: np.random.Generator) -> np.ndarray:
    """The tensor's bytes.  Numbers inside a block are evenly spread, and its scale makes their deviation `std`."""
    if tensor.type == Type.F32:
        if not tensor.std:
            return np.ones(tensor.dims, np.float32)
        return (tensor.std * dice.standard_normal(tensor.dims)).astype(np.float32)
    block, size = gguf.GGML_QUANT_SIZES[tensor.type]
    count = int(np.prod(tensor.dims)) // block
    data = np.frombuffer(dice.bytes(count * size), np.uint8).reshape(count, size).copy()
    sign = 1 - 2 * dice.integers(0, 2, count).astype(np.float32)  # numbers in a block lean to one side: -8 to 7
    if tensor.type == Type.Q4_0:  # value = scale * (0..15 - 8)
        scale = sign * tensor.std / np.sqrt(np.mean((np.arange(16) - 8.0) ** 2))
        data[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(count, 2)
    else:
        assert tensor.type == Type.Q6_K  # value = scale * int8 of 16 * (0..63 - 32)
        spread = np.sqrt(np.mean((np.arange(64) - 32.0) ** 2))
        data[:, 192:208] = dice.integers(64, 128, (count, 16), np.uint8)
        scale = sign * tensor.std / (spread * np.sqrt(np.mean(np.arange(64, 128.0) ** 2)))
        data[:, 208:210] = scale.astype(np.float16).view(np.uint8).reshape(count, 2)
    return data


if __name__ == "__main__":
    main()
