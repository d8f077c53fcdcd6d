"""The keys of a Hugging Face config.json, type by type, and what its rotation keys mean.

A key that nobody asked for is an error, and so is a value that would change the computation in a way the engine does
not follow: a model that answers nonsense helps nobody.
"""

from __future__ import annotations

import math
from typing import Any

from huozhong.errors import ConfigError
from huozhong.formats.keys import REQUIRED, Keys, positive
from huozhong.model.architecture import LinearScaling, Llama3Scaling, Rope
from huozhong.model.config import YarnScaling

# Keys that say nothing about the computation, or say again what other keys say.
IGNORED = {
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
    "unsloth_tiled_mlp", "attn_implementation", "_flash_attn", "use_flash_attn", "use_flash_attention",
    "use_liger_kernel", "gradient_checkpointing_kwargs", "use_reentrant", "cache_implementation", "name_or_path",
    "base_model_tp_plan", "base_model_pp_plan", "tp_plan", "generation_config", "num_logits_to_keep",
    "logits_to_keep",
    # Where it came from: a Llama under another name, its tokenizer's class, what it was tuned for.
    "is_llama_config", "tokenizer_class", "finetuning_task", "task_specific_params", "neftune_noise_alpha",
    # Encoders' and classifiers' keys that every config of transformers 4 had; a decoder does not read them.
    "is_decoder", "add_cross_attention", "cross_attention_hidden_size", "tie_encoder_decoder", "pruned_heads",
    "decoder_start_token_id", "sep_token_id", "num_labels", "_num_labels", "prefix",
    # What is dropped at random in training, and nothing is when a model answers.
    "attn_pdrop", "embd_pdrop", "resid_pdrop", "hidden_dropout", "hidden_dropout_prob", "classifier_dropout",
    "attention_probs_dropout_prob", "residual_dropout", "loss_type",
    # Tokens that a decoder's computation does not know, and words about the file.
    "unk_token_id", "mask_token_id", "cls_token_id", "license", "language", "model_name",
    # How answers were sampled before there was a generation_config.json, where it belongs.
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
    "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores",
    "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
    "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "max_new_tokens",
}  # fmt: skip


class ConfigKeys(Keys):
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
        said = {key for key, value in self.raw.items() if value is not None}  # null: nobody chose anything
        if unknown := sorted(said - self.asked - IGNORED):
            known = ", ".join(sorted(self.asked))
            raise ConfigError(f"config.json: unknown key {unknown[0]!r}; known keys: {known}.")


# -- rotary position embedding ---------------------------------------------------------------------------


def read_rope(keys: ConfigKeys, dim: int, interleaved: bool) -> Rope:
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


def _positive(value: Any, key: str) -> float:
    return positive(value, f"config.json: {key}", ConfigError)
