"""config.json -> Architecture: published models, both spellings of rotation, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import transformers
from tests.model.tiny_models import moe_config

from huozhong.errors import ConfigError
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.model.architecture import (
    Architecture,
    Experts,
    GroupedAttention,
    LatentAttention,
    LinearScaling,
    Llama3Scaling,
)
from huozhong.model.config import YarnScaling

V2_LITE: dict[str, Any] = {  # deepseek-ai/DeepSeek-V2-Lite-Chat
    "architectures": ["DeepseekV2ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV2Config"}, "aux_loss_alpha": 0.001,
    "bos_token_id": 100000, "eos_token_id": 100001, "first_k_dense_replace": 1, "hidden_act": "silu",
    "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 10944, "kv_lora_rank": 512,
    "max_position_embeddings": 163840, "model_type": "deepseek_v2", "moe_intermediate_size": 1408,
    "moe_layer_freq": 1, "n_group": 1, "n_routed_experts": 64, "n_shared_experts": 2, "norm_topk_prob": False,
    "num_attention_heads": 16, "num_experts_per_tok": 6, "num_hidden_layers": 27, "num_key_value_heads": 16,
    "pretraining_tp": 1, "q_lora_rank": None, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "rms_norm_eps": 1e-06, "rope_theta": 10000, "routed_scaling_factor": 1.0, "scoring_func": "softmax",
    "rope_scaling": {
        "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707,
        "original_max_position_embeddings": 4096, "type": "yarn",
    },
    "seq_aux": True, "tie_word_embeddings": False, "topk_group": 1, "topk_method": "greedy",
    "torch_dtype": "bfloat16", "transformers_version": "4.33.1", "use_cache": True, "v_head_dim": 128,
    "vocab_size": 102400,
}  # fmt: skip
R1_QWEN: dict[str, Any] = {  # deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B
    "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151643,
    "hidden_act": "silu", "hidden_size": 1536, "initializer_range": 0.02, "intermediate_size": 8960,
    "max_position_embeddings": 131072, "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 12,
    "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 10000,
    "sliding_window": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0", "use_cache": True, "use_mrope": False, "use_sliding_window": False,
    "vocab_size": 151936,
}  # fmt: skip
R1_LLAMA: dict[str, Any] = {  # deepseek-ai/DeepSeek-R1-Distill-Llama-8B
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "bos_token_id": 128000, "eos_token_id": [128001, 9],
    "head_dim": 128, "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "llama", "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
    "rope_scaling": {
        "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "tie_word_embeddings": False, "vocab_size": 128256,
}  # fmt: skip
R1_QWEN3: dict[str, Any] = {  # deepseek-ai/DeepSeek-R1-0528-Qwen3-8B
    "attention_bias": False, "head_dim": 128, "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 12288,
    "max_position_embeddings": 131072, "max_window_layers": 36, "model_type": "qwen3", "num_attention_heads": 32,
    "num_hidden_layers": 36, "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_theta": 1000000,
    "rope_scaling": {
        "attn_factor": 0.8782488562869419, "factor": 4.0, "original_max_position_embeddings": 32768,
        "rope_type": "yarn",
    },
    "sliding_window": None, "tie_word_embeddings": False, "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
QWEN3_MOE: dict[str, Any] = {k: v for k, v in R1_QWEN3.items() if k != "rope_scaling"} | {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 4,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "norm_topk_prob": True,
    "decoder_sparse_step": 2,
    "mlp_only_layers": [3],
    "router_aux_loss_coef": 0.001,
    "output_router_logits": False,
}


def test_deepseek_v2_lite() -> None:
    found = architecture_from_hf(V2_LITE)
    assert found.attention == LatentAttention(
        num_heads=16, q_lora_rank=None, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128
    )
    assert found.experts == Experts(
        count=64, per_token=6, hidden=1408, shared_hidden=2816, scoring="softmax", group_score="max", normalize=False
    )
    assert found.moe_layers == (False, *[True] * 26)
    assert found.rope.scaling == YarnScaling(
        factor=40.0, original_max_position_embeddings=4096, mscale=0.707, mscale_all_dim=0.707
    )
    assert found.rope.interleaved
    assert found.row_dim == 576
    assert found.softmax_scale == pytest.approx(192**-0.5 * (0.1 * 0.707 * 3.6888794541139363 + 1) ** 2)


def test_distilled_models() -> None:
    found = architecture_from_hf(R1_QWEN)
    assert found.attention == GroupedAttention(num_heads=12, num_kv_heads=2, head_dim=128, qkv_bias=True)
    assert not found.rope.interleaved
    assert found.eos_token_ids == (151643,)
    found = architecture_from_hf(R1_LLAMA)
    assert found.attention == GroupedAttention(num_heads=32, num_kv_heads=8, head_dim=128)
    assert found.rope.scaling == Llama3Scaling(
        factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192
    )
    assert found.eos_token_ids == (128001, 9)
    found = architecture_from_hf(R1_QWEN3)
    assert found.attention == GroupedAttention(num_heads=32, num_kv_heads=8, head_dim=128, qk_norm=True)
    assert found.rope.attention_factor == pytest.approx(1.0)  # what attn_factor is chosen for


def test_qwen3_moe_layers() -> None:
    found = architecture_from_hf(QWEN3_MOE)
    assert found.moe_layers == (False, True, False, False)
    assert found.experts is not None
    assert found.experts.normalize


def test_both_spellings_of_rotation_are_one() -> None:
    old = R1_LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0}}
    new = {k: v for k, v in R1_LLAMA.items() if k not in ("rope_theta", "rope_scaling")}
    new["rope_parameters"] = {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}
    assert architecture_from_hf(old) == architecture_from_hf(new)
    assert architecture_from_hf(old).rope.scaling == LinearScaling(factor=2.0)


def test_our_own_config_is_the_same_either_way() -> None:
    config = moe_config(n_group=4, topk_group=2, num_nextn_predict_layers=1, eos_token_id=7)
    assert architecture_from_hf(json.loads(json.dumps(config.to_hf()))) == Architecture.from_config(config)


@pytest.mark.parametrize(
    "kind", ["DeepseekV2", "DeepseekV3", "Glm4MoeLite", "Llama", "Mistral", "Qwen2", "Qwen3", "Qwen3Moe", "Youtu"]
)
def test_every_key_that_transformers_writes_is_known(kind: str) -> None:
    needed: dict[str, Any] = {"DeepseekV2": {"num_experts_per_tok": 6}, "Mistral": {"sliding_window": None}}
    config = getattr(transformers, f"{kind}Config")(**needed.get(kind, {}))
    architecture_from_hf(json.loads(config.to_json_string(use_diff=False)))


def test_keys_that_change_nothing() -> None:
    """What unsloth, transformers 4 and transformers.js leave in a config.json."""
    more: dict[str, Any] = {
        "unsloth_fixed": True, "unsloth_version": "2025.1.1", "_attn_implementation_autoset": True,
        "transformers.js_config": {"dtype": "q4"}, "tokenizer_class": "PreTrainedTokenizerFast", "top_k": 50,
        "is_decoder": False, "torchscript": False, "task_specific_params": None, "use_liger_kernel": True,
        "attn_implementation": "sdpa", "embd_pdrop": 0.1, "unk_token_id": 0, "base_model_tp_plan": {},
        "peft_type": None,
        "generation_config": {"top_p": 0.9}, "loss_type": "ForCausalLM", "license": "mit",
    }  # fmt: skip
    llama = more | {"is_llama_config": True, "rope_interleaved": False}
    assert architecture_from_hf(R1_LLAMA | llama) == architecture_from_hf(R1_LLAMA)
    for base in (R1_QWEN, V2_LITE, moe_config().to_hf()):
        assert architecture_from_hf(base | more) == architecture_from_hf(base)


@pytest.mark.parametrize(
    ("base", "changes", "words"),
    [
        (R1_QWEN, {"model_type": "mamba"}, "model_type is 'mamba'; the engine runs deepseek_v2"),
        (R1_QWEN, {"model_type": ["qwen2"]}, "model_type"),
        (R1_QWEN, {"colour": 1}, "unknown key 'colour'; known keys: .*vocab_size"),
        (R1_QWEN, {"use_sliding_window": True}, "use_sliding_window is True; only False is supported"),
        (R1_QWEN, {"use_mrope": True}, "use_mrope is True; only False"),
        (R1_QWEN, {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        (R1_QWEN, {"hidden_act": "gelu"}, "hidden_act is 'gelu'; only 'silu'"),
        (R1_QWEN, {"vocab_size": None}, "vocab_size is missing"),
        (R1_QWEN, {"vocab_size": 1.5}, "vocab_size is 1.5; it must be a whole number"),
        (R1_QWEN, {"num_hidden_layers": True}, "num_hidden_layers is True"),
        (R1_QWEN, {"num_hidden_layers": 10**8}, "layers"),
        (R1_QWEN, {"num_key_value_heads": 5, "use_mrope": None}, r"num_key_value_heads \(5\) must divide"),
        (R1_QWEN, {"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
        (R1_QWEN, {"rope_scaling": {"type": "dynamic", "factor": 2}}, "'dynamic' is not supported; linear, llama3"),
        (R1_QWEN, {"rope_scaling": {"type": "linear"}}, "rope_scaling.factor is None"),
        (R1_QWEN, {"rope_scaling": {"type": "linear", "factor": 2, "x": 1}}, "unknown rope_scaling key 'x'"),
        (R1_QWEN, {"rope_scaling": "yarn"}, "must be objects"),
        (R1_QWEN, {"rope_scaling": {"type": ["yarn"]}}, "is not supported"),
        (R1_QWEN, {"partial_rotary_factor": 0.5}, "partial_rotary_factor must be 1"),
        (R1_QWEN, {"quantization_config": {"quant_method": "gptq"}}, "quant_method is 'gptq'; only 'fp8'"),
        (R1_QWEN, {"quantization_config": {"quant_method": "fp8", "weight_block_size": [64, 64]}}, "weight_block_size"),
        (R1_QWEN, {"quantization_config": 4}, "quantization_config"),
        (R1_QWEN, {"quantization": {"group_size": 64, "bits": 4}}, "quantization is MLX's own"),
        (R1_LLAMA, {"mlp_bias": True}, "mlp_bias is True; only False"),
        (R1_LLAMA, {"rope_interleaved": True}, "rope_interleaved is True; only False"),
        (R1_LLAMA, {"residual_multiplier": 2.0}, "unknown key 'residual_multiplier'"),
        (R1_LLAMA, {"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes'; it must be true or false"),
        (R1_LLAMA, {"rope_scaling": R1_LLAMA["rope_scaling"] | {"low_freq_factor": 4.0}}, "high_freq_factor must be"),
        (V2_LITE, {"norm_topk_prob": True}, "norm_topk_prob is True"),
        (V2_LITE, {"scoring_func": "sigmoid"}, "scoring_func is 'sigmoid'; only 'softmax'"),
        (V2_LITE, {"topk_method": "noaux_tc"}, "topk_method is 'noaux_tc'; only 'greedy'"),
        (V2_LITE, {"num_key_value_heads": 2}, "num_key_value_heads is 2; only 16"),
        (V2_LITE, {"qk_rope_head_dim": 63}, "cannot be rotated"),
        (V2_LITE, {"num_experts_per_tok": 65}, "num_experts_per_tok is 65"),
        (V2_LITE, {"topk_method": "group_limited_greedy", "n_group": 7}, r"n_group \(7\) must divide"),
        (QWEN3_MOE, {"mlp_only_layers": "3"}, "mlp_only_layers is '3'"),
        (QWEN3_MOE, {"num_experts_per_tok": 200}, "num_experts_per_tok is 200"),
    ],
)
def test_what_is_refused(base: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        architecture_from_hf(base | changes)
