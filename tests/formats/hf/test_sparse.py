"""Published configs of models with sparse attention, what is refused of them, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.formats.hf.export import hf_config
from huozhong.model.architecture import Experts, Indexer, LatentAttention, index_bytes, row_bytes
from huozhong.model.config import YarnScaling
from huozhong.model.footprint import cache_bytes
from huozhong.model.tensors import expected_tensors

V32: dict[str, Any] = {  # deepseek-ai/DeepSeek-V3.2
    "architectures": ["DeepseekV32ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 0,
    "eos_token_id": 1, "ep_size": 1, "first_k_dense_replace": 3, "hidden_act": "silu", "hidden_size": 7168,
    "index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048, "initializer_range": 0.02,
    "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840, "model_type": "deepseek_v32",
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256, "n_shared_experts": 1,
    "norm_topk_prob": True, "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61,
    "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "quantization_config": {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0",
        "weight_block_size": [128, 128],
    },
    "rms_norm_eps": 1e-06, "rope_scaling": {
        "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
        "original_max_position_embeddings": 4096, "type": "yarn",
    },
    "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": False,
    "topk_group": 4, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "transformers_version": "4.44.2",
    "use_cache": True, "v_head_dim": 128, "vocab_size": 129280,
}  # fmt: skip
GLM: dict[str, Any] = {  # of the kind of zai-org/GLM-5
    "architectures": ["GlmMoeDsaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "dtype": "bfloat16",
    "eos_token_id": [154820, 154827, 154829], "ep_size": 1, "first_k_dense_replace": 3, "hidden_act": "silu",
    "head_dim": 64, "hidden_size": 6144, "index_head_dim": 128, "index_n_heads": 32, "index_topk": 2048,
    "indexer_rope_interleave": True, "intermediate_size": 12288, "kv_lora_rank": 512,
    "max_position_embeddings": 202752, "moe_intermediate_size": 2048, "moe_layer_freq": 1,
    "model_type": "glm_moe_dsa", "n_group": 1, "n_routed_experts": 256, "n_shared_experts": 1, "norm_topk_prob": True,
    "num_attention_heads": 64, "num_experts_per_tok": 8, "num_hidden_layers": 78, "num_key_value_heads": 64,
    "num_nextn_predict_layers": 1, "pad_token_id": 154820, "q_lora_rank": 2048, "qk_head_dim": 256,
    "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-05, "rope_interleave": True,
    "rope_parameters": {"rope_theta": 1000000, "rope_type": "default"}, "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid", "tie_word_embeddings": False, "topk_group": 1, "topk_method": "noaux_tc",
    "transformers_version": "5.0.2.dev0", "use_cache": True, "v_head_dim": 256, "vocab_size": 154880,
}  # fmt: skip


def indexer_of(config: dict[str, Any]) -> Indexer:
    attention = architecture_from_hf(config).attention
    assert isinstance(attention, LatentAttention)
    assert attention.indexer is not None
    return attention.indexer


def test_deepseek_v32() -> None:
    found = architecture_from_hf(V32)
    assert found.family == "deepseek_v32"
    assert indexer_of(V32) == Indexer(num_heads=64, head_dim=128, top_k=2048)
    assert found.experts == Experts(
        count=256, per_token=8, hidden=2048, shared_hidden=2048, bias=True, groups=8, top_groups=4, scale=2.5
    )
    assert isinstance(found.rope.scaling, YarnScaling)
    assert (found.num_layers, found.num_nextn_predict_layers) == (61, 1)
    names = dict(expected_tensors(found))
    assert names["model.layers.61.self_attn.indexer.wq_b.weight"] == (8192, 1536)
    assert names["model.layers.0.self_attn.indexer.weights_proj.weight"] == (64, 7168)


def test_the_cache_holds_the_indexers_keys_as_int8() -> None:
    found = architecture_from_hf(V32)
    assert [index_bytes(found, form) for form in ("q8", "f16", "f32")] == [136, 136, 512]  # type: ignore[arg-type]
    assert row_bytes(found, "f16") == 2 * 576 + 136
    assert cache_bytes(found, 1000) == 62 * 1000 * row_bytes(found, "f16")
    dense = architecture_from_hf({k: v for k, v in V32.items() if "index" not in k} | {"model_type": "deepseek_v3"})
    assert (index_bytes(dense, "q8"), row_bytes(dense, "f16")) == (0, 2 * 576)


def test_glm_5() -> None:
    found = architecture_from_hf(GLM)
    assert (found.family, found.rms_norm_eps, found.rope.theta) == ("glm_moe_dsa", 1e-5, 1e6)
    assert indexer_of(GLM) == Indexer(num_heads=32, head_dim=128, top_k=2048, interleaved=True)
    assert found.eos_token_ids == (154820, 154827, 154829)


@pytest.mark.parametrize("keys", [
    {"index_topk_freq": 4, "index_skip_topk_offset": 3}, {"index_topk_pattern": "FFF" + "SSSF" * 18 + "SSS"},
    {"indexer_types": ["full"] * 3 + (["shared"] * 3 + ["full"]) * 18 + ["shared"] * 3},
], ids=["every so many", "letters", "words"])  # fmt: skip
def test_layers_that_share_a_choice(keys: dict[str, Any]) -> None:
    """GLM-5.2's layers, said in three ways."""
    config = GLM | keys | {"index_share_for_mtp_iteration": True}
    assert indexer_of(config).shared_layers == tuple(i > 2 and i % 4 != 2 for i in range(78))
    names = dict(expected_tensors(architecture_from_hf(config)))
    there = [i for i in range(79) if f"model.layers.{i}.self_attn.indexer.wk.weight" in names]
    assert there == [0, 1, 2, *range(6, 78, 4), 78]


@pytest.mark.parametrize("config", [V32, GLM, GLM | {"index_topk_freq": 4, "index_skip_topk_offset": 3}])
def test_the_way_back(config: dict[str, Any]) -> None:
    found = architecture_from_hf(config)
    assert architecture_from_hf(hf_config(found)) == found


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (V32, {"index_topk": 0}, "index_topk"), (V32, {"index_n_heads": "64"}, "index_n_heads"),
        (V32, {"index_head_dim": 100}, "multiple of 32"), (V32, {"index_head_dim": 32}, "at least qk_rope_head_dim"),
        (V32, {"layer_types": ["full_attention"] * 61}, "layer_types"), (V32, {"mlp_bias": True}, "mlp_bias"),
        (V32, {"indexer_rope_interleave": True}, "indexer_rope_interleave"), (V32, {"index_sort": 1}, "unknown key"),
        (GLM, {"indexer_rope_interleave": False}, "indexer_rope_interleave"),
        (GLM, {"indexer_types": ["full", "half"]}, "indexer_types"),
        (GLM, {"indexer_types": ["full"]}, "one for each layer"),
        (GLM, {"indexer_types": ["shared"] * 78}, "first layer"), (GLM, {"index_topk_freq": "4"}, "index_topk_freq"),
        (GLM, {"index_topk_pattern": "FX" * 39}, "indexer_types"),
    ],
)  # fmt: skip
def test_refused(config: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        architecture_from_hf(config | changes)


def test_a_model_without_a_query_latent_has_nothing_to_index_by() -> None:
    a = architecture_from_hf(V32)
    assert isinstance(a.attention, LatentAttention)
    with pytest.raises(ConfigError, match="query latent"):
        type(a)(**{**vars(a), "attention": type(a.attention)(**{**vars(a.attention), "q_lora_rank": None})})
