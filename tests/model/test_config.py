"""Configs: what is refused, what an absent key means, and the numbers derived from one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from tests.model.tiny_models import moe_config, tiny_config

from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig, YarnScaling


@pytest.mark.parametrize(
    "config",
    [
        tiny_config(first_k_dense_replace=2),
        moe_config(num_nextn_predict_layers=1, n_group=4, topk_group=2, q_lora_rank=None),
        tiny_config(
            first_k_dense_replace=2,
            rope_scaling=YarnScaling(factor=4.0, original_max_position_embeddings=64, mscale_all_dim=0.7),
        ),
    ],
)
def test_json_round_trip(config: ModelConfig) -> None:
    assert ModelConfig.from_hf(json.loads(json.dumps(config.to_hf()))) == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 0}, "hidden_size is 0; it must be at least 1"),
        ({"hidden_size": "32"}, "hidden_size is '32'; it must be of type int"),
        ({"hidden_size": 32.0}, "hidden_size is 32.0; it must be of type int"),
        ({"hidden_size": True}, "hidden_size is True; it must be of type int"),
        ({"hidden_size": None}, "hidden_size is None"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings is 1; it must be of type bool"),
        ({"rope_theta": float("nan")}, "rope_theta is nan"),
        ({"rope_theta": 0.5}, "rope_theta must be above 1"),
        ({"rms_norm_eps": 0}, "rms_norm_eps above 0"),
        ({"q_lora_rank": 0}, "q_lora_rank is 0; give a positive rank, or null"),
        ({"qk_rope_head_dim": 7}, "qk_rope_head_dim is 7; it must be even"),
        ({"num_nextn_predict_layers": -1}, "num_nextn_predict_layers is -1; it must not be negative"),
        ({"first_k_dense_replace": 9}, "first_k_dense_replace is 9"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok is 9"),
        ({"n_group": 3}, r"n_group \(3\) must divide"),
        ({"n_group": 4, "topk_group": 5}, "topk_group is 5"),
        ({"n_group": 8}, "a routing group needs at least 2 experts"),
        ({"n_group": 4, "num_experts_per_tok": 3}, "the kept groups"),
        ({"moe_intermediate_size": 0}, "moe_intermediate_size must be at least 1"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"scoring_func": "softmax"}, "scoring_func is 'softmax'; only 'sigmoid' is supported"),
        ({"num_key_value_heads": 1}, "num_key_value_heads must equal"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, "'linear' is not supported"),
        ({"rope_scaling": {"type": "yarn", "factor": 2}}, "original_max_position_embeddings is missing"),
        ({"rope_scaling": "yarn"}, "must be objects"),
        (
            {"rope_scaling": {"type": "yarn", "factor": "2", "original_max_position_embeddings": 4}},
            r"rope_scaling.factor is '2'",
        ),
        (
            {"rope_scaling": {"type": "yarn", "factor": 2, "original_max_position_embeddings": 4, "x": 1}},
            "unknown rope_scaling key 'x'",
        ),
    ],
)
def test_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ModelConfig.from_hf(moe_config().to_hf() | changes)


def test_a_missing_size_is_named() -> None:
    raw = tiny_config().to_hf()
    del raw["kv_lora_rank"]
    with pytest.raises(ConfigError, match="kv_lora_rank is missing"):
        ModelConfig.from_hf(raw)


@pytest.mark.slow  # transformers takes its time to import
def test_absent_keys_mean_what_they_mean_to_transformers() -> None:
    from transformers import DeepseekV3Config

    raw = tiny_config().to_hf()
    optional = (
        "first_k_dense_replace", "max_position_embeddings", "n_group", "n_shared_experts", "topk_group",
        "routed_scaling_factor", "tie_word_embeddings", "norm_topk_prob", "rms_norm_eps", "rope_theta",
        "initializer_range",
    )  # fmt: skip
    for key in optional:
        del raw[key]
    raw["num_hidden_layers"] = 5
    ours, theirs = ModelConfig.from_hf(raw), DeepseekV3Config(**raw)
    for key in optional:
        expected = theirs.rope_parameters["rope_theta"] if key == "rope_theta" else getattr(theirs, key)
        assert getattr(ours, key) == expected, key


def test_yarn_without_magnitudes_leaves_the_softmax_alone() -> None:
    scaling = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    config = ModelConfig.from_hf(tiny_config().to_hf() | {"rope_scaling": scaling})
    assert config.softmax_scale == config.qk_head_dim**-0.5
    yarn = YarnScaling(factor=4.0, original_max_position_embeddings=64)
    full = dataclasses.replace(config, rope_scaling=yarn)
    assert full.softmax_scale > config.softmax_scale
