"""A GGUF file of DeepSeek-V4 with llama.cpp's names is the same model as the folder it was made from."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.engine.compressed_models import KINDS, v4_config
from tests.engine.oracles import make_model

from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.packing import pack_weights
from huozhong.errors import CheckpointError
from huozhong.formats.source import open_model
from huozhong.model.architecture import CompressedAttention

TOP = {
    "embed_tokens.weight": "token_embd.weight", "head.weight": "output.weight", "norm.weight": "output_norm.weight",
    "hc_head.hc_fn": "output_hc_fn.weight", "hc_head.hc_base": "output_hc_base.weight",
    "hc_head.hc_scale": "output_hc_scale.weight",
}  # fmt: skip
LAYER = {  # as llama.cpp's converter names them
    "attn_norm.weight": "attn_norm.weight", "ffn_norm.weight": "ffn_norm.weight",
    "attn.attn_sink": "attn_sinks.weight", "attn.wq_a.weight": "attn_q_a.weight", "attn.wq_b.weight": "attn_q_b.weight",
    "attn.q_norm.weight": "attn_q_a_norm.weight", "attn.wkv.weight": "attn_kv.weight",
    "attn.norm.weight": "attn_kv_a_norm.weight",
    "attn.wo_a.weight": "attn_output_a.weight", "attn.wo_b.weight": "attn_output_b.weight",
    "attn.compressor.ape": "attn_compressor_ape.weight", "attn.compressor.wkv.weight": "attn_compressor_kv.weight",
    "attn.compressor.wgate.weight": "attn_compressor_gate.weight",
    "attn.compressor.norm.weight": "attn_compressor_norm.weight",
    "attn.indexer.wq_b.weight": "indexer.attn_q_b.weight", "attn.indexer.weights_proj.weight": "indexer.proj.weight",
    "attn.indexer.compressor.ape": "indexer_compressor_ape.weight",
    "attn.indexer.compressor.wkv.weight": "indexer_compressor_kv.weight",
    "attn.indexer.compressor.wgate.weight": "indexer_compressor_gate.weight",
    "attn.indexer.compressor.norm.weight": "indexer_compressor_norm.weight",
    "ffn.gate.weight": "ffn_gate_inp.weight", "ffn.gate.bias": "exp_probs_b.bias",
    "ffn.gate.tid2eid": "ffn_gate_tid2eid.weight", "ffn.shared_experts.w1.weight": "ffn_gate_shexp.weight",
    "ffn.shared_experts.w2.weight": "ffn_down_shexp.weight", "ffn.shared_experts.w3.weight": "ffn_up_shexp.weight",
    **{f"hc_{at}_{part}": f"hc_{at}_{part}.weight" for at in ("attn", "ffn") for part in ("fn", "base", "scale")},
}  # fmt: skip
EXPERTS = {"w1": "ffn_gate_exps.weight", "w2": "ffn_down_exps.weight", "w3": "ffn_up_exps.weight"}


def write(folder: Path, file: Path, config: Any, **changes: Any) -> None:
    writer = gguf.GGUFWriter(file, "deepseek4")
    keys = {
        "block_count": config.num_hidden_layers, "context_length": 512, "embedding_length": config.hidden_size,
        "attention.head_count": config.num_attention_heads, "attention.head_count_kv": 1,
        "attention.key_length": config.head_dim, "rope.dimension_count": config.qk_rope_head_dim,
        "attention.q_lora_rank": config.q_lora_rank, "attention.sliding_window": config.sliding_window,
        "attention.output_group_count": config.o_groups, "attention.output_lora_rank": config.o_lora_rank,
        "attention.indexer.head_count": config.index_n_heads, "attention.indexer.key_length": config.index_head_dim,
        "attention.indexer.top_k": config.index_topk, "hyper_connection.count": config.hc_mult,
        "hyper_connection.sinkhorn_iterations": config.hc_sinkhorn_iters, "hash_layer_count": 1,
        "expert_count": config.n_routed_experts, "expert_used_count": config.num_experts_per_tok,
        "expert_feed_forward_length": config.moe_intermediate_size, "expert_shared_count": 1, "expert_gating_func": 4,
        "rope.scaling.original_context_length": 32,
        "attention.compress_ratios": [0, 4, 128],
    } | changes  # fmt: skip
    numbers = {
        "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e4, "attention.compress_rope_freq_base": 16e4,
        "hyper_connection.epsilon": 1e-6, "expert_weights_scale": 1.5, "rope.scaling.factor": 16.0,
        "rope.scaling.yarn_beta_fast": 32.0, "rope.scaling.yarn_beta_slow": 1.0,
    }  # fmt: skip
    for key, value in keys.items():
        add = writer.add_array if isinstance(value, list) else writer.add_uint32
        add(f"deepseek4.{key}", value)  # type: ignore[arg-type]
    for key, number in numbers.items():
        writer.add_float32(f"deepseek4.{key}", number)
    writer.add_bool("deepseek4.expert_weights_norm", True)
    writer.add_string("deepseek4.rope.scaling.type", "yarn")
    for key in ("exp", "shexp"):
        writer.add_array(f"deepseek4.swiglu_clamp_{key}", [config.swiglu_limit] * config.num_hidden_layers)
    for name, tensor in tensors(load_file(folder / "model.safetensors"), config.n_routed_experts):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(stored: dict[str, np.ndarray], experts: int) -> list[tuple[str, np.ndarray]]:
    out = []
    for name, tensor in stored.items():
        plain = name.removeprefix("model.")
        if plain in TOP:
            out.append((TOP[plain], tensor))
        elif (found := re.fullmatch(r"layers\.(\d+)\.ffn\.experts\.(\d+)\.(w.)\.weight", plain)) is not None:
            if found[2] == "0":
                each = [stored[name.replace("experts.0.", f"experts.{i}.")] for i in range(experts)]
                out.append((f"blk.{found[1]}.{EXPERTS[found[3]]}", np.stack(each)))
        else:
            _, number, rest = plain.split(".", 2)
            out.append((f"blk.{number}.{LAYER[rest]}", tensor.astype(np.int32) if "tid2eid" in rest else tensor))
    return out


def test_a_gguf_file_is_the_same_model(tmp_path: Path) -> None:
    rates = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}
    config = v4_config(kinds=KINDS, compress_rates=rates, compress_rope_theta=16e4)
    make_model(config).save_pretrained(tmp_path / "v4")
    write(tmp_path / "v4", tmp_path / "m.gguf", config)
    folder, file = open_model(tmp_path / "v4"), open_model(tmp_path / "m.gguf")
    a, b = folder.architecture, file.architecture
    assert isinstance(a.attention, CompressedAttention)
    assert isinstance(b.attention, CompressedAttention)
    assert a.streams is not None
    eps = np.float64(np.float32(a.streams.eps))  # as GGUF keeps it
    assert b.streams == dataclasses.replace(a.streams, eps=eps)
    assert (b.family, b.experts, b.attention.kinds) == (a.family, a.experts, a.attention.kinds)
    for name in folder.names():
        if ".experts." not in name:  # which are one tensor there
            np.testing.assert_array_equal(file.tensor(name), folder.tensor(name), err_msg=name)
    tokens = np.random.default_rng(0).integers(0, 96, 140).astype(np.int32)
    chunk = Chunk(tokens, 0, np.array([1, 0], np.int32), "all", prefill=True)
    found = [Runner(pack_weights(source, "none"), 2, 128).forward([chunk])[0] for source in (folder, file)]
    np.testing.assert_array_equal(found[0], found[1])  # type: ignore[arg-type]

    write(tmp_path / "v4", tmp_path / "bad.gguf", config, **{"attention.compress_ratios": [0, 4, 64]})
    with pytest.raises(CheckpointError, match=r"compress_ratios' must be 0, 4 or 128 for each of 3 layers"):
        open_model(tmp_path / "bad.gguf")
    write(tmp_path / "v4", tmp_path / "bad.gguf", config, expert_gating_func=2)
    with pytest.raises(CheckpointError, match="expert_gating_func' is 2; only 4"):
        open_model(tmp_path / "bad.gguf")
