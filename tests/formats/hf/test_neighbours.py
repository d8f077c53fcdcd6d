"""Published configs of models that are DeepSeek-V3 under other names, and what is refused of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.tiny_models import lively_model, moe_config

from huozhong.errors import ConfigError
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.formats.hf.export import export_hf
from huozhong.formats.hf.neighbours import as_deepseek_v3
from huozhong.formats.source import open_model
from huozhong.model.architecture import Experts, LatentAttention
from huozhong.train.model_folder import save_transformer

GLM_FLASH: dict[str, Any] = {  # zai-org/GLM-4.7-Flash
    "architectures": ["Glm4MoeLiteForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
    "pad_token_id": 154820, "eos_token_id": [154820, 154827, 154829], "hidden_act": "silu", "hidden_size": 2048,
    "intermediate_size": 10240, "max_position_embeddings": 202752, "model_type": "glm4_moe_lite",
    "moe_intermediate_size": 1536, "topk_method": "noaux_tc", "norm_topk_prob": True, "num_attention_heads": 20,
    "n_group": 1, "topk_group": 1, "n_routed_experts": 64, "n_shared_experts": 1, "routed_scaling_factor": 1.8,
    "num_experts_per_tok": 4, "first_k_dense_replace": 1, "num_hidden_layers": 47, "num_key_value_heads": 20,
    "num_nextn_predict_layers": 1, "partial_rotary_factor": 1.0, "rms_norm_eps": 1e-05, "rope_scaling": None,
    "rope_theta": 1000000, "tie_word_embeddings": False, "dtype": "bfloat16", "transformers_version": "5.0.0rc0",
    "q_lora_rank": 768, "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
    "vocab_size": 154880,
}  # fmt: skip
YOUTU: dict[str, Any] = {  # tencent/Youtu-LLM-2B
    "architectures": ["YoutuForCausalLM"], "model_type": "youtu", "hidden_size": 2048, "num_attention_heads": 16,
    "num_hidden_layers": 32, "num_key_value_heads": 16, "intermediate_size": 6144, "kv_lora_rank": 512,
    "q_lora_rank": 1536, "qk_head_dim": 192, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "rope_interleave": True, "rope_parameters": {"rope_theta": 1600000, "rope_type": "default"},
    "tie_word_embeddings": True, "vocab_size": 128256,
}  # fmt: skip
MOONLIGHT: dict[str, Any] = {  # moonshotai/Moonlight-16B-A3B-Instruct
    "architectures": ["DeepseekV3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV3Config"}, "aux_loss_alpha": 0.001,
    "bos_token_id": 163584, "eos_token_id": 163586, "ep_size": 1, "first_k_dense_replace": 1, "hidden_act": "silu",
    "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 11264, "kv_lora_rank": 512,
    "max_position_embeddings": 8192, "model_type": "deepseek_v3", "moe_intermediate_size": 1408, "moe_layer_freq": 1,
    "n_group": 1, "n_routed_experts": 64, "n_shared_experts": 2, "norm_topk_prob": True, "num_attention_heads": 16,
    "num_experts_per_tok": 6, "num_hidden_layers": 27, "num_key_value_heads": 16, "num_nextn_predict_layers": 0,
    "pretraining_tp": 1, "q_lora_rank": None, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-05,
    "rope_theta": 50000.0, "routed_scaling_factor": 2.446, "scoring_func": "sigmoid", "seq_aux": True,
    "tie_word_embeddings": False, "topk_group": 1, "topk_method": "noaux_tc", "torch_dtype": "bfloat16",
    "transformers_version": "4.46.3", "use_cache": True, "v_head_dim": 128, "vocab_size": 163840,
}  # fmt: skip


def test_glm_flash() -> None:
    found = architecture_from_hf(GLM_FLASH)
    assert found.attention == LatentAttention(
        num_heads=20, q_lora_rank=768, kv_lora_rank=512, qk_nope_head_dim=192, qk_rope_head_dim=64, v_head_dim=256
    )
    assert found.experts == Experts(count=64, per_token=4, hidden=1536, shared_hidden=1536, bias=True, scale=1.8)
    assert (found.num_layers, found.num_nextn_predict_layers) == (47, 1)
    assert found.moe_layers == (False, *[True] * 47)
    assert (found.rms_norm_eps, found.rope.theta, found.rope.interleaved) == (1e-5, 1000000, True)
    assert found.eos_token_ids == (154820, 154827, 154829)


def test_a_glm_folder_with_its_module_is_the_same_model(tmp_path: Path) -> None:
    """Under either name, and again when it was exported."""
    save_transformer(lively_model(moe_config(num_nextn_predict_layers=1)), tmp_path / "v3", dtype="float32")
    expected = open_model(tmp_path / "v3")
    raw = json.loads((tmp_path / "v3" / "config.json").read_text())
    dense = raw.pop("first_k_dense_replace")
    layers = ["dense"] * dense + ["sparse"] * (raw["num_hidden_layers"] - dense)
    raw |= {"model_type": "glm4_moe_lite", "mlp_layer_types": layers, "partial_rotary_factor": 1.0}
    (tmp_path / "v3" / "config.json").write_text(json.dumps(raw))
    found = open_model(tmp_path / "v3")
    assert found.architecture == expected.architecture
    assert found.architecture.num_nextn_predict_layers == 1
    export_hf(found, tmp_path / "out", small_files={}, dtype="float32")
    again = open_model(tmp_path / "out")
    assert again.metadata["model_type"] == "glm4_moe_lite"
    assert again.architecture == expected.architecture
    for name in expected.names():
        np.testing.assert_array_equal(again.tensor(name), expected.tensor(name))


def test_a_list_of_layers_is_the_same_as_their_number() -> None:
    counted = {k: v for k, v in GLM_FLASH.items() if k != "first_k_dense_replace"}
    listed = counted | {"mlp_layer_types": ["dense", "dense", *["sparse"] * 45]}
    assert architecture_from_hf(listed) == architecture_from_hf(counted | {"first_k_dense_replace": 2})
    assert architecture_from_hf(counted) == architecture_from_hf(GLM_FLASH)
    modules_too = counted | {"mlp_layer_types": ["dense", *["sparse"] * 47]}
    assert architecture_from_hf(modules_too) == architecture_from_hf(GLM_FLASH)


def test_youtu() -> None:
    found = architecture_from_hf(YOUTU)
    assert found.experts is None
    assert not any(found.moe_layers)
    assert found.tie_word_embeddings
    assert (found.rope.theta, found.max_position_embeddings, found.row_dim) == (1600000, 131072, 576)


def test_moonlight() -> None:
    found = architecture_from_hf(MOONLIGHT)
    assert isinstance(found.attention, LatentAttention)
    assert found.attention.q_lora_rank is None
    assert found.experts == Experts(count=64, per_token=6, hidden=1408, shared_hidden=2816, bias=True, scale=2.446)


def test_null_means_none() -> None:
    """As vLLM and SGLang take it; transformers' own code fails on it."""
    nulls = MOONLIGHT | {"n_group": None, "topk_group": None, "num_key_value_heads": None}
    assert architecture_from_hf(nulls) == architecture_from_hf(MOONLIGHT)


def test_others_stay_as_they_are() -> None:
    assert as_deepseek_v3({"model_type": "qwen3", "n_group": None}) == {"model_type": "qwen3", "n_group": None}
    assert as_deepseek_v3({"model_type": ["youtu"]}) == {"model_type": ["youtu"]}


@pytest.mark.parametrize(
    ("base", "changes", "words"),
    [
        (GLM_FLASH, {"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5; only 1.0"),
        (GLM_FLASH, {"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor is 0.5; only 1.0"),
        (GLM_FLASH, {"mlp_layer_types": "dense"}, "mlp_layer_types must be a list with an entry for every layer"),
        (GLM_FLASH, {"mlp_layer_types": ["dense"]}, "an entry for every layer"),
        (GLM_FLASH, {"mlp_layer_types": ["sparse", *["dense"] * 46]}, "'dense' for the first layers"),
        (GLM_FLASH, {"mlp_layer_types": [["dense"]] * 47}, "'dense' for the first layers"),
        (GLM_FLASH, {"rope_interleave": False}, "rope_interleave is False; only True"),
        (GLM_FLASH, {"attention_bias": True}, "attention_bias is True; only False"),
        (GLM_FLASH, {"index_topk": 2048}, "unknown key 'index_topk'"),
        (YOUTU, {"n_routed_experts": 8}, "n_routed_experts is 8; only 0"),
        (YOUTU, {"mlp_bias": True}, "mlp_bias is True; only False"),
        (YOUTU, {"num_hidden_layers": None}, "num_hidden_layers"),
        (YOUTU, {"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_what_is_refused(base: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        architecture_from_hf(base | changes)


def test_mistral_is_a_llama_where_no_window_slides() -> None:
    keys = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 16,
        "vocab_size": 100,
        "rope_theta": 1e6, "head_dim": 8, "max_position_embeddings": 32768,
    }  # fmt: skip
    mistral = keys | {"model_type": "mistral", "sliding_window": None, "architectures": ["MistralForCausalLM"]}
    llama = keys | {"model_type": "llama", "num_key_value_heads": 8}
    assert architecture_from_hf(mistral) == architecture_from_hf(llama)
    assert architecture_from_hf(mistral | {"sliding_window": 32768}) == architecture_from_hf(llama)
    absent = {key: value for key, value in mistral.items() if key != "sliding_window"}
    for sliding in (absent, mistral | {"sliding_window": 4096}, mistral | {"sliding_window": "all"}):
        with pytest.raises(ConfigError, match=r"sliding_window is .*; attention to a part of the context"):
            architecture_from_hf(sliding)
