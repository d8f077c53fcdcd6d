"""From a Hugging Face config.json to an `Architecture`, for every family that the engine runs.

A key that this file does not know is an error, and so is a value that would change the computation in a way
the engine does not follow: a model that answers nonsense helps nobody.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from huozhong.errors import ConfigError
from huozhong.formats.hf.compressed import compressed
from huozhong.formats.hf.config_keys import IGNORED, ConfigKeys, read_rope
from huozhong.formats.hf.neighbours import LLAMAS, NEIGHBOURS, as_deepseek_v3, as_llama
from huozhong.formats.hf.sparse import SPARSE, take_indexer
from huozhong.model.architecture import Architecture, Experts, Family, GroupedAttention, LatentAttention
from huozhong.model.config import ModelConfig

FAMILIES: dict[str, Family] = {family: family for family in get_args(Family)}  # by model_type
MODEL_TYPES: tuple[str, ...] = tuple(sorted([*FAMILIES, *NEIGHBOURS, *LLAMAS]))
FP8_BLOCK = 128  # rows and columns that share one scale in DeepSeek's fp8 folders


def architecture_from_hf(raw: dict[str, Any]) -> Architecture:
    """The architecture that a parsed config.json describes.  Raises ConfigError, which names the key."""
    kind = raw.get("model_type")
    if isinstance(kind, str) and kind in SPARSE:
        raw, indexer = take_indexer(raw)
        dense = architecture_from_hf(raw)
        assert isinstance(dense.attention, LatentAttention)
        attention = dataclasses.replace(dense.attention, indexer=indexer)
        return dataclasses.replace(dense, family=FAMILIES[kind], attention=attention)
    raw = as_llama(as_deepseek_v3(raw))
    kind = raw.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise ConfigError(f"config.json: model_type is {kind!r}; the engine runs {', '.join(MODEL_TYPES)}.")
    _check_quantization(raw.get("quantization_config"))
    if raw.get("quantization") is not None:
        raise ConfigError(
            "config.json: quantization is MLX's own, which is not read; take the model itself, or a GGUF file of it."
        )
    if family == "deepseek_v3":
        return _deepseek_v3(raw)
    keys = ConfigKeys(raw)
    keys.fixed("hidden_act", "silu")
    build = {
        "deepseek_v2": _deepseek_v2, "deepseek_v4": compressed, "llama": _llama, "qwen2": _qwen2, "qwen3": _qwen3,
    }  # fmt: skip
    parts = build.get(family, _qwen3_moe)(keys)
    if "intermediate_size" not in parts:
        parts["intermediate_size"] = keys.whole("intermediate_size")
    common: dict[str, Any] = {
        "family": family,
        "vocab_size": keys.whole("vocab_size"),
        "hidden_size": keys.whole("hidden_size"),
        "num_layers": keys.whole("num_hidden_layers"),
        "rms_norm_eps": keys.number("rms_norm_eps", 1e-6),
        "max_position_embeddings": keys.whole("max_position_embeddings"),
        "tie_word_embeddings": keys.flag("tie_word_embeddings", False),
        "bos_token_id": _token_id(raw.get("bos_token_id")),
        "eos_token_ids": _eos_ids(raw),
    }
    keys.refuse_rest()
    return Architecture(**common, **parts)


# -- families --------------------------------------------------------------------------------------------


def _deepseek_v3(raw: dict[str, Any]) -> Architecture:
    ours = {field.name for field in dataclasses.fields(ModelConfig)}
    raw = {key: value for key, value in raw.items() if key in ours or (key not in IGNORED and value is not None)}
    found = Architecture.from_config(ModelConfig.from_hf(raw))
    return dataclasses.replace(found, eos_token_ids=_eos_ids(raw))  # a ModelConfig knows one of them only


def _deepseek_v2(keys: ConfigKeys) -> dict[str, Any]:
    keys.fixed("attention_bias", False)
    keys.fixed("mlp_bias", False)
    keys.fixed("scoring_func", "softmax")
    keys.fixed("norm_topk_prob", False)  # DeepSeek's code and transformers disagree about what true means
    heads, layers = keys.whole("num_attention_heads"), _layers(keys)
    keys.fixed("num_key_value_heads", heads)
    keys.value("head_dim", None)  # transformers repeats the rotary width here
    attention = LatentAttention(
        num_heads=heads,
        q_lora_rank=None if keys.value("q_lora_rank", None) is None else keys.whole("q_lora_rank"),
        kv_lora_rank=keys.whole("kv_lora_rank"),
        qk_nope_head_dim=keys.whole("qk_nope_head_dim"),
        qk_rope_head_dim=keys.whole("qk_rope_head_dim"),
        v_head_dim=keys.whole("v_head_dim"),
    )
    rope = read_rope(keys, attention.qk_rope_head_dim, interleaved=True)
    parts: dict[str, Any] = {"attention": attention, "rope": rope}
    count, dense = keys.whole("n_routed_experts", 0, 0), keys.whole("first_k_dense_replace", 0, 0)
    every = keys.whole("moe_layer_freq", 1)
    keys.fixed("topk_method", "greedy", "gready", "group_limited_greedy")
    grouped = keys.raw.get("topk_method") == "group_limited_greedy"
    groups, top_groups = keys.whole("n_group", 1), keys.whole("topk_group", 1)
    per_token, hidden = keys.whole("num_experts_per_tok", 0, 0), keys.whole("moe_intermediate_size", 0, 0)
    shared, scale = keys.whole("n_shared_experts", 0, 0), keys.number("routed_scaling_factor", 1.0)
    if not count:
        return parts
    experts = Experts(
        count=count,
        per_token=per_token,
        hidden=hidden,
        shared_hidden=hidden * shared,
        scoring="softmax",
        groups=groups if grouped else 1,
        top_groups=top_groups if grouped else 1,
        group_score="max",
        normalize=False,
        scale=scale,
    )
    moe_layers = tuple(i >= dense and i % every == 0 for i in range(layers))
    return parts | {"experts": experts, "moe_layers": moe_layers}


def _llama(keys: ConfigKeys) -> dict[str, Any]:
    keys.fixed("mlp_bias", False)
    keys.fixed("rope_interleaved", False)  # SmolLM's, whose rows lie as Llama's do
    bias = keys.flag("attention_bias", False)
    return _grouped(keys, qkv_bias=bias, out_bias=bias)


def _qwen2(keys: ConfigKeys) -> dict[str, Any]:
    return _grouped(keys, qkv_bias=True)


def _qwen3(keys: ConfigKeys) -> dict[str, Any]:
    bias = keys.flag("attention_bias", False)
    return _grouped(keys, qkv_bias=bias, out_bias=bias, qk_norm=True)


def _qwen3_moe(keys: ConfigKeys) -> dict[str, Any]:
    parts, layers = _qwen3(keys), _layers(keys)
    count = keys.whole("num_experts", keys.raw.get("num_local_experts", 128), 0)
    every, hidden = keys.whole("decoder_sparse_step", 1), keys.whole("moe_intermediate_size")
    per_token, normalize = keys.whole("num_experts_per_tok", 8), keys.flag("norm_topk_prob", False)
    only = keys.value("mlp_only_layers", [])
    if not isinstance(only, list) or not all(type(i) is int for i in only):
        raise ConfigError(f"config.json: mlp_only_layers is {only!r}; it must be a list of layer numbers.")
    if not count:
        return parts
    experts = Experts(count=count, per_token=per_token, hidden=hidden, scoring="softmax", normalize=normalize)
    moe_layers = tuple(i not in only and (i + 1) % every == 0 for i in range(layers))
    return parts | {"experts": experts, "moe_layers": moe_layers}


def _grouped(keys: ConfigKeys, **choices: bool) -> dict[str, Any]:
    keys.fixed("use_sliding_window", False)
    keys.fixed("use_mrope", False)
    kinds = keys.value("layer_types", [])
    if not isinstance(kinds, list) or any(kind != "full_attention" for kind in kinds):
        raise ConfigError("config.json: layer_types asks for more than 'full_attention', which alone is supported.")
    heads = keys.whole("num_attention_heads")
    head_dim = keys.whole("head_dim", keys.whole("hidden_size") // heads)
    kv_heads = keys.whole("num_key_value_heads", heads)
    attention = GroupedAttention(num_heads=heads, num_kv_heads=kv_heads, head_dim=head_dim, **choices)
    return {"attention": attention, "rope": read_rope(keys, head_dim, interleaved=False)}


def _layers(keys: ConfigKeys) -> int:
    layers = keys.whole("num_hidden_layers")
    if layers > Architecture.MAX_LAYERS:
        raise ConfigError(f"config.json: num_hidden_layers is {layers}; no more than {Architecture.MAX_LAYERS}.")
    return layers


# -- values ----------------------------------------------------------------------------------------------


def _eos_ids(raw: dict[str, Any]) -> tuple[int, ...]:
    found = raw.get("eos_token_id")
    return tuple(i for i in (found if isinstance(found, list) else [found]) if type(i) is int)


def _token_id(value: Any) -> int | None:
    return value if type(value) is int else None


def _check_quantization(config: Any) -> None:
    """Of the ways to store a quantised folder, DeepSeek's block-wise fp8 is read."""
    if config is None:
        return
    wanted = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [FP8_BLOCK, FP8_BLOCK]}
    for key, value in wanted.items():
        if not isinstance(config, dict) or config.get(key, None if key == "quant_method" else value) != value:
            found = config.get(key) if isinstance(config, dict) else config
            raise ConfigError(
                f"config.json: quantization_config.{key} is {found!r}; only {value!r} is supported. "
                "Take this model unquantised, or as a GGUF file."
            ).in_chinese(
                f"config.json：quantization_config.{key} 是 {found!r}，这里只支持 {value!r}；"
                "请改用没有量化的版本或 GGUF 文件。"
            )
