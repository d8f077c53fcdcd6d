"""From a Hugging Face config.json to an `Architecture`, for every family that the engine runs.

A key that this file does not know is an error, and so is a value that would change the computation in a way
the engine does not follow: a model that answers nonsense helps nobody.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_args

from huozhong.errors import ConfigError
from huozhong.formats.hf.neighbours import NEIGHBOURS, as_deepseek_v3
from huozhong.formats.hf.sparse import SPARSE, take_indexer
from huozhong.formats.keys import REQUIRED, Keys, positive
from huozhong.model.architecture import (
    Architecture,
    Experts,
    Family,
    GroupedAttention,
    LatentAttention,
    LinearScaling,
    Llama3Scaling,
    Rope,
)
from huozhong.model.config import ModelConfig, YarnScaling

FAMILIES: dict[str, Family] = {family: family for family in get_args(Family)}  # by model_type
MODEL_TYPES: tuple[str, ...] = tuple(sorted([*FAMILIES, *NEIGHBOURS]))
FP8_BLOCK = 128  # rows and columns that share one scale in DeepSeek's fp8 folders
# Keys that say nothing about the computation, or say again what other keys say.
_IGNORED = {
    "architectures", "auto_map", "torch_dtype", "dtype", "transformers_version", "use_cache", "_name_or_path",
    "model_type", "attention_dropout", "initializer_range", "pretraining_tp", "pad_token_id", "bos_token_id",
    "eos_token_id", "return_dict", "output_hidden_states", "output_attentions", "output_router_logits",
    "chunk_size_feed_forward", "is_encoder_decoder", "id2label", "label2id", "problem_type", "qk_head_dim",
    "router_aux_loss_coef", "aux_loss_alpha", "seq_aux", "ep_size", "max_window_layers", "sliding_window",
    "quantization_config", "num_local_experts", "_attn_implementation",
    # How a program that saved the model ran or fetched it.
    "_attn_implementation_autoset", "_attn_implementation_internal", "_flash_attn_2_enabled", "_commit_hash",
    "_experts_implementation", "_experts_implementation_internal", "gradient_checkpointing", "torchscript",
    "use_bfloat16", "tf_legacy_loss", "transformers.js_config", "unsloth_fixed", "unsloth_version",
    # Where it came from: a Llama under another name, its tokenizer's class, what it was tuned for.
    "is_llama_config", "tokenizer_class", "finetuning_task", "task_specific_params", "neftune_noise_alpha",
    # Encoders' and classifiers' keys that every config of transformers 4 had; a decoder does not read them.
    "is_decoder", "add_cross_attention", "cross_attention_hidden_size", "tie_encoder_decoder", "pruned_heads",
    "decoder_start_token_id", "sep_token_id", "num_labels", "_num_labels", "prefix",
    # How answers were sampled before there was a generation_config.json, where it belongs.
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
    "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores",
    "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
    "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "max_new_tokens",
}  # fmt: skip


def architecture_from_hf(raw: dict[str, Any]) -> Architecture:
    """The architecture that a parsed config.json describes.  Raises ConfigError, which names the key."""
    kind = raw.get("model_type")
    if isinstance(kind, str) and kind in SPARSE:
        raw, indexer = take_indexer(raw)
        dense = architecture_from_hf(raw)
        assert isinstance(dense.attention, LatentAttention)
        attention = dataclasses.replace(dense.attention, indexer=indexer)
        return dataclasses.replace(dense, family=FAMILIES[kind], attention=attention)
    raw = as_deepseek_v3(raw)
    kind = raw.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise ConfigError(f"config.json: model_type is {kind!r}; the engine runs {', '.join(MODEL_TYPES)}.")
    _check_quantization(raw.get("quantization_config"))
    if family == "deepseek_v3":
        return _deepseek_v3(raw)
    keys = _ConfigKeys(raw)
    keys.fixed("hidden_act", "silu")
    build = {"deepseek_v2": _deepseek_v2, "llama": _llama, "qwen2": _qwen2, "qwen3": _qwen3}
    parts = build.get(family, _qwen3_moe)(keys)
    common: dict[str, Any] = {
        "family": family,
        "vocab_size": keys.whole("vocab_size"),
        "hidden_size": keys.whole("hidden_size"),
        "intermediate_size": keys.whole("intermediate_size"),
        "num_layers": keys.whole("num_hidden_layers"),
        "rms_norm_eps": keys.number("rms_norm_eps", 1e-6),
        "max_position_embeddings": keys.whole("max_position_embeddings"),
        "tie_word_embeddings": keys.flag("tie_word_embeddings", False),
        "bos_token_id": _token_id(raw.get("bos_token_id")),
        "eos_token_ids": _eos_ids(raw),
    }
    keys.refuse_rest()
    return Architecture(**common, **parts)


class _ConfigKeys(Keys):
    """The keys of a config.json, type by type; it remembers which were asked for."""

    error = ConfigError

    def __init__(self, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self.raw = raw
        self.asked: set[str] = set()

    def words(self, key: str) -> str:
        return f"config.json: {key}"

    def value(self, key: str, default: Any = REQUIRED) -> Any:
        self.asked.add(key)
        return super().value(key, default)

    def flag(self, key: str, default: bool) -> bool:
        found = self.value(key, default)
        if not isinstance(found, bool):
            raise ConfigError(f"config.json: {key} is {found!r}; it must be true or false.")
        return found

    def fixed(self, key: str, *allowed: Any) -> None:
        """The key is absent or has one of the values that the engine follows."""
        if (found := self.value(key, allowed[0])) not in allowed:
            names = " or ".join(repr(value) for value in allowed)
            raise ConfigError(f"config.json: {key} is {found!r}; only {names} is supported.")

    def refuse_rest(self) -> None:
        if unknown := sorted(set(self.raw) - self.asked - _IGNORED):
            known = ", ".join(sorted(self.asked))
            raise ConfigError(f"config.json: unknown key {unknown[0]!r}; known keys: {known}.")


# -- families --------------------------------------------------------------------------------------------


def _deepseek_v3(raw: dict[str, Any]) -> Architecture:
    ours = {field.name for field in dataclasses.fields(ModelConfig)}
    raw = {key: value for key, value in raw.items() if key in ours or key not in _IGNORED}
    found = Architecture.from_config(ModelConfig.from_hf(raw))
    return dataclasses.replace(found, eos_token_ids=_eos_ids(raw))  # a ModelConfig knows one of them only


def _deepseek_v2(keys: _ConfigKeys) -> dict[str, Any]:
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
    rope = _rope(keys, attention.qk_rope_head_dim, interleaved=True)
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


def _llama(keys: _ConfigKeys) -> dict[str, Any]:
    keys.fixed("mlp_bias", False)
    keys.fixed("rope_interleaved", False)  # SmolLM's, whose rows lie as Llama's do
    bias = keys.flag("attention_bias", False)
    return _grouped(keys, qkv_bias=bias, out_bias=bias)


def _qwen2(keys: _ConfigKeys) -> dict[str, Any]:
    return _grouped(keys, qkv_bias=True)


def _qwen3(keys: _ConfigKeys) -> dict[str, Any]:
    bias = keys.flag("attention_bias", False)
    return _grouped(keys, qkv_bias=bias, out_bias=bias, qk_norm=True)


def _qwen3_moe(keys: _ConfigKeys) -> dict[str, Any]:
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


def _grouped(keys: _ConfigKeys, **choices: bool) -> dict[str, Any]:
    keys.fixed("use_sliding_window", False)
    keys.fixed("use_mrope", False)
    kinds = keys.value("layer_types", [])
    if not isinstance(kinds, list) or any(kind != "full_attention" for kind in kinds):
        raise ConfigError("config.json: layer_types asks for more than 'full_attention', which alone is supported.")
    heads = keys.whole("num_attention_heads")
    head_dim = keys.whole("head_dim", keys.whole("hidden_size") // heads)
    kv_heads = keys.whole("num_key_value_heads", heads)
    attention = GroupedAttention(num_heads=heads, num_kv_heads=kv_heads, head_dim=head_dim, **choices)
    return {"attention": attention, "rope": _rope(keys, head_dim, interleaved=False)}


def _layers(keys: _ConfigKeys) -> int:
    layers = keys.whole("num_hidden_layers")
    if layers > Architecture.MAX_LAYERS:
        raise ConfigError(f"config.json: num_hidden_layers is {layers}; no more than {Architecture.MAX_LAYERS}.")
    return layers


# -- rotary position embedding ---------------------------------------------------------------------------


def _rope(keys: _ConfigKeys, dim: int, interleaved: bool) -> Rope:
    """Both spellings: `rope_theta` and `rope_scaling`, or transformers 5's `rope_parameters`."""
    new, old = keys.value("rope_parameters", {}), keys.value("rope_scaling", {})
    if not isinstance(new, dict) or not isinstance(old, dict):
        raise ConfigError("config.json: rope_scaling and rope_parameters must be objects.")
    theta = _positive(new.get("rope_theta", keys.value("rope_theta", 10000.0)), "rope_theta")
    if new.get("partial_rotary_factor", keys.value("partial_rotary_factor", 1.0)) != 1.0:
        raise ConfigError("config.json: partial_rotary_factor must be 1; rotating a part of a head is not supported.")
    settings = dict(old or new)
    for key in ("rope_theta", "partial_rotary_factor"):
        settings.pop(key, None)
    kind = settings.pop("rope_type", None)
    kind = settings.pop("type", None) if kind is None else kind
    settings.pop("type", None)
    if kind in (None, "default"):
        return Rope(dim=dim, theta=theta, interleaved=interleaved)
    known = {"linear": _LINEAR, "llama3": _LLAMA3, "yarn": _YARN}.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise ConfigError(f"config.json: rope scaling type {kind!r} is not supported; linear, llama3 and yarn are.")
    if unknown := sorted(set(settings) - known):
        raise ConfigError(f"config.json: unknown rope_scaling key {unknown[0]!r} for type {kind!r}.")
    settings.setdefault("original_max_position_embeddings", keys.whole("max_position_embeddings"))
    factor = settings.get("factor")
    if factor is None and kind == "yarn":
        factor = keys.whole("max_position_embeddings") / settings["original_max_position_embeddings"]
    settings["factor"] = _positive(factor, "rope_scaling.factor")
    if kind == "linear":
        return Rope(dim=dim, theta=theta, interleaved=interleaved, scaling=LinearScaling(factor=settings["factor"]))
    if kind == "llama3":
        return Rope(dim=dim, theta=theta, interleaved=interleaved, scaling=_llama3(settings))
    yarn = _yarn(settings)
    return Rope(
        dim=dim, theta=theta, interleaved=interleaved, scaling=yarn, attention_factor=_attention_factor(settings, yarn)
    )


_LINEAR = {"factor"}
_LLAMA3 = {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}
_YARN = {
    "factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
    "attention_factor", "attn_factor", "truncate", "finetuned",
}  # fmt: skip


def _llama3(settings: dict[str, Any]) -> Llama3Scaling:
    numbers = {key: _positive(settings.get(key), f"rope_scaling.{key}") for key in _LLAMA3}
    if numbers["high_freq_factor"] <= numbers["low_freq_factor"]:
        raise ConfigError("config.json: rope_scaling.high_freq_factor must be above low_freq_factor.")
    original = int(numbers.pop("original_max_position_embeddings"))
    return Llama3Scaling(original_max_position_embeddings=original, **numbers)


def _yarn(settings: dict[str, Any]) -> YarnScaling:
    if settings.get("truncate", True) is not True:
        raise ConfigError("config.json: rope_scaling.truncate is not supported; leave it out.")
    names = ("factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")
    values = {key: settings[key] for key in names if settings.get(key) is not None}
    # Absent magnitudes stay out of the softmax scale and leave YaRN's own factor, in transformers as here.
    return YarnScaling(**({"mscale": 0.0, "mscale_all_dim": 0.0} | values))


def _attention_factor(settings: dict[str, Any], yarn: YarnScaling) -> float | None:
    """What cosines and sines are multiplied by, where the file says so.

    attention_factor replaces YaRN's own; attn_factor (DeepSeek-R1-0528-Qwen3-8B) multiplies it, as in vLLM and
    llama.cpp.
    """
    if (explicit := settings.get("attention_factor")) is not None:
        return _positive(explicit, "rope_scaling.attention_factor")
    if (extra := settings.get("attn_factor")) is not None:
        return _positive(extra, "rope_scaling.attn_factor") * (0.1 * math.log(yarn.factor) + 1.0)
    return None


# -- values ----------------------------------------------------------------------------------------------


def _positive(value: Any, key: str) -> float:
    return positive(value, f"config.json: {key}", ConfigError)


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
            raise ConfigError(f"config.json: quantization_config.{key} is {found!r}; only {value!r} is supported.")
