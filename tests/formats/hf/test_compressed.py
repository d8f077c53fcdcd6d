"""DeepSeek-V4's published config, what is refused of it, and its folders: names, float8, experts of four bits."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.compressed_models import v4_config
from tests.engine.oracles import make_model

from huozhong.engine.weights.packing import pack_weights
from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.formats.hf.deepseek_names import named_here
from huozhong.formats.hf.export import hf_config
from huozhong.formats.hf.fp4 import Fp4Rows
from huozhong.formats.source import open_model
from huozhong.model.architecture import CompressedAttention, page_bytes, page_size_for, row_bytes
from huozhong.model.families import check_trainable
from huozhong.model.footprint import footprint
from huozhong.model.rope import rope_table
from huozhong.model.tensors import expected_tensors

FLASH: dict[str, Any] = {  # deepseek-ai/DeepSeek-V4-Flash
    "architectures": ["DeepseekV4ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 0,
    "eos_token_id": 1, "expert_dtype": "fp4", "hc_eps": 1e-06, "hc_mult": 4, "hc_sinkhorn_iters": 20, "head_dim": 512,
    "hidden_act": "silu", "hidden_size": 4096, "index_head_dim": 128, "index_n_heads": 64, "index_topk": 512,
    "initializer_range": 0.02, "max_position_embeddings": 1048576, "model_type": "deepseek_v4",
    "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "norm_topk_prob": True,
    "num_attention_heads": 64, "num_experts_per_tok": 6, "num_hidden_layers": 43, "num_hash_layers": 3,
    "num_key_value_heads": 1, "num_nextn_predict_layers": 1, "o_groups": 8, "o_lora_rank": 1024, "q_lora_rank": 1024,
    "qk_rope_head_dim": 64, "quantization_config": {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0",
        "weight_block_size": [128, 128],
    },
    "rms_norm_eps": 1e-06, "rope_scaling": {
        "beta_fast": 32, "beta_slow": 1, "factor": 16, "original_max_position_embeddings": 65536, "type": "yarn",
    },
    "rope_theta": 10000, "routed_scaling_factor": 1.5, "scoring_func": "sqrtsoftplus", "sliding_window": 128,
    "swiglu_limit": 10.0, "tie_word_embeddings": False, "topk_method": "noaux_tc", "torch_dtype": "bfloat16",
    "transformers_version": "4.57.1", "use_cache": True, "vocab_size": 129280, "compress_rope_theta": 160000,
    "compress_ratios": [0, 0, *[4, 128] * 20, 4, 0],
}  # fmt: skip


def test_the_published_config() -> None:
    a = architecture_from_hf(FLASH)
    c = a.attention
    assert isinstance(c, CompressedAttention)
    assert (a.family, a.num_layers, len(c.kinds)) == ("deepseek_v4", 43, 43)
    assert (c.kinds[:4], c.kinds.count("sparse"), c.kinds.count("heavy")) == (
        ("window", "window", "sparse", "heavy"), 21, 20,
    )  # fmt: skip
    assert (c.window, c.sparse_rate, c.heavy_rate, page_size_for(a)) == (128, 4, 128, 128)
    assert (a.rope.dim, a.rope.theta, c.compress_rope.theta) == (64, 10000, 160000)
    assert a.experts is not None
    assert [a.experts.looks_up(i) for i in range(4)] == [True, True, True, False]
    assert (a.experts.limit, a.experts.scale, a.experts.shared_hidden) == (10.0, 1.5, 2048)
    total = sum(int(np.prod(shape)) for _, shape in expected_tensors(a))
    assert 283e9 < total < 286e9  # "284B"
    for format, size in (("f16", 1024), ("q8", 544)):  # of a row, an entry of 4 positions, a key, and the open state
        needed = 128 * size + 32 * (size + 136) + 16 * 4 * 4 * (512 + 128)
        assert needed <= page_bytes(a, 128, format) <= needed + 128  # type: ignore[arg-type]
        assert row_bytes(a, format) == -(-page_bytes(a, 128, format) // 128)  # type: ignore[arg-type]


def test_words_and_numbers_say_the_same() -> None:
    """What transformers saves of the published numbers."""
    from transformers import DeepseekV4Config

    saved = json.loads(DeepseekV4Config(**FLASH).to_json_string())
    a, b = architecture_from_hf(FLASH), architecture_from_hf(saved)
    assert isinstance(a.attention, CompressedAttention)
    assert isinstance(b.attention, CompressedAttention)
    for ours, theirs in ((a.rope, b.rope), (a.attention.compress_rope, b.attention.compress_rope)):
        np.testing.assert_array_equal(rope_table(ours, 100), rope_table(theirs, 100))
    attention = dataclasses.replace(b.attention, compress_rope=a.attention.compress_rope)
    assert dataclasses.replace(b, rope=a.rope, attention=attention) == a


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scoring_func": "sigmoid"}, "scoring_func is 'sigmoid'; only 'sqrtsoftplus'"),
        ({"compress_ratios": [0, 8]}, "compress_ratios must be a list of 0, 4 and 128"),
        ({"compress_ratios": None}, "compress_ratios is missing"),
        ({"layer_types": ["full_attention"] * 43}, "layer_types must be a list of 'sliding_attention'"),
        ({"mlp_layer_types": ["dense"] * 43}, "mlp_layer_types must be a list of 'hash_moe'"),
        ({"compress_rate_csa": 8}, "must lie between 1 and 4"),
        ({"num_key_value_heads": 2}, "num_key_value_heads is 2; only 1"),
        ({"o_groups": 7}, "must divide num_attention_heads"),
        ({"qk_rope_head_dim": 256}, "256 numbers of a head of 512 cannot be rotated"),
        ({"index_head_dim": 100}, "multiple of 32"),
        ({"partial_rotary_factor": 2.0}, "partial_rotary_factor is 2.0"),
        ({"rope_scaling": {"type": "dynamic"}}, "'dynamic' is not supported"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"n_group": 8}, "n_group is 8"),
        ({"gate_temp": 1.0}, "unknown key 'gate_temp'"),
        ({"num_hidden_layers": 100000}, "no more than 4096"),
    ],
)
def test_what_is_not_supported_is_told(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        architecture_from_hf(FLASH | change)


def test_they_are_run_and_neither_trained_nor_written() -> None:
    a = architecture_from_hf(FLASH)
    with pytest.raises(ConfigError, match="not trained further"):
        check_trainable(a)
    with pytest.raises(ConfigError, match="not written"):
        hf_config(a)


# -- folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model(v4_config(hidden_size=64, moe_intermediate_size=32, num_nextn_predict_layers=1)).save_pretrained(
        tmp_path
    )
    return tmp_path


def test_a_folder_has_deepseeks_names(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    assert "model.layers.0.attn.wq_a.weight" in stored or "layers.0.attn.wq_a.weight" in stored
    source = open_model(folder)
    assert len(source.names()) == len(stored)
    sizes = footprint(source)
    assert sizes.total == sum(tensor.numel() for tensor in stored.values())
    assert sizes.types == ("F32",)
    before = {name: source.tensor(name) for name in source.names()}
    plain = {}  # transformers gives back some of DeepSeek's names; these are all of them
    for name, tensor in stored.items():
        name = name.removeprefix("model.").replace("embed_tokens", "embed").replace("hc_head.hc", "hc_head")
        plain[name.replace("attn.norm.", "attn.kv_norm.")] = tensor
    plain["mtp.0.attn.wq_a.weight"] = torch.zeros(3, 3)
    save_file(plain, folder / "model.safetensors")
    again = open_model(folder)
    assert again.names() == source.names()
    assert (source.modules_left_out, again.modules_left_out) == (0, 1)
    for name in again.names():
        np.testing.assert_array_equal(again.tensor(name), before[name], err_msg=name)


def test_float8_and_four_bits_are_read_as_stored(folder: Path) -> None:
    """A folder as DeepSeek publishes it: matrices of float8, experts of four bits, scales that are powers of two."""
    file = folder / "model.safetensors"
    tensors, random = load_file(file), np.random.default_rng(0)
    matrix = next(name for name in tensors if name.endswith("layers.1.attn.wq_b.weight"))
    expert = next(name for name in tensors if name.endswith("layers.1.ffn.experts.3.w2.weight"))
    rows, width = tensors[expert].shape
    bits = torch.from_numpy(random.integers(0, 120, tensors[matrix].shape, np.uint8))
    tensors[matrix] = bits.view(torch.float8_e4m3fn)
    tensors[matrix.replace(".weight", ".scale")] = torch.full((1, 1), 126, dtype=torch.uint8).view(torch.float8_e8m0fnu)
    packed = random.integers(0, 256, (rows, width // 2), np.uint8)
    tensors[expert] = torch.from_numpy(packed.view(np.int8))
    scales = torch.from_numpy(random.integers(120, 130, (rows, width // 32), np.uint8))
    tensors[expert.replace(".weight", ".scale")] = scales.view(torch.float8_e8m0fnu)
    save_file(tensors, file)

    source = open_model(folder)
    name = "model.layers.1.self_attn.q_b_proj.weight"
    np.testing.assert_array_equal(source.tensor(name), bits.view(torch.float8_e4m3fn).float().numpy() / 2)
    name = "model.layers.1.mlp.experts.3.down_proj.weight"
    assert (source.stored(name).type, source.stored(name).shape) == ("MXFP4", (rows, width))
    values = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
    expected = np.stack([values[packed & 15], values[packed >> 4]], axis=2).reshape(rows, width)
    expected = expected * np.repeat(2.0 ** (scales.numpy().astype(np.float32) - 127), 32, axis=1)
    np.testing.assert_array_equal(source.tensor(name), expected)
    np.testing.assert_array_equal(source.rows(name, slice(3, 9)), expected[3:9])
    for other in range(8):  # a layer's experts are of one kind
        for part in ("w1", "w2", "w3"):
            name = expert.replace("experts.3.w2", f"experts.{other}.{part}")
            shape = tensors[name].shape if name != expert else (rows, width)
            tensors[name] = torch.from_numpy(random.integers(-128, 128, (shape[0], shape[1] // 2), np.int8))
            full = torch.full((shape[0], shape[1] // 32), 125, dtype=torch.uint8)
            tensors[name.replace(".weight", ".scale")] = full.view(torch.float8_e8m0fnu)
    save_file(tensors, file)
    moe = pack_weights(open_model(folder), "none").layers[1].moe
    assert moe is not None
    assert [matrix.format for matrix in (*moe.gate_up, moe.down)] == ["mxfp4", "mxfp4"]

    tensors[expert.replace(".weight", ".scale")] = torch.zeros(2, 1, dtype=torch.uint8).view(torch.float8_e8m0fnu)
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"of four bits is .* with scales \[2, 1\]"):
        open_model(folder)


def test_a_table_that_names_no_expert_is_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    table = next(name for name in tensors if name.endswith("tid2eid"))
    tensors[table][5, 1] = 8
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match="names an expert that is not among the 8"):
        pack_weights(open_model(folder), "q8")


def test_names_of_prediction_modules_are_left_out_and_others_stay() -> None:
    found = named_here(dict.fromkeys(["mtp.0.attn.wq_a.weight", "layers.2.attn.attn_sink", "what.is.this"]))  # type: ignore[arg-type]
    assert list(found) == ["model.layers.2.self_attn.sinks", "what.is.this"]


def test_rows_of_four_bits_in_any_order() -> None:
    random = np.random.default_rng(1)
    rows = Fp4Rows(random.integers(0, 256, (5, 32), np.uint8), random.integers(0, 256, (5, 2), np.uint8))
    assert (len(rows), rows.shape, rows.nbytes) == (5, (5, 34), 5 * 34)
    np.testing.assert_array_equal(rows[np.array([3, 1])], rows[:][[3, 1]])
