"""Models that compute what DeepSeek-V3 or Llama do and say it in other words: their config.json as one of those.

glm4_moe_lite (GLM-4.7-Flash): latent attention and experts; which layers are dense may be a list.
youtu (Youtu-LLM): latent attention, every layer dense.
mistral (Mistral, Ministral 2410, Nemo): a Llama where no window slides.

What an absent key means is each one's own affair, in its transformers class as here.  Moonlight and GigaChat 3 call
themselves deepseek_v3; all that some such files need is null read as "none".
"""

from __future__ import annotations

from typing import Any

from huozhong.errors import ConfigError

_GLM: dict[str, Any] = {
    "first_k_dense_replace": 1, "n_routed_experts": 64, "n_shared_experts": 1, "num_experts_per_tok": 4, "n_group": 1,
    "topk_group": 1, "norm_topk_prob": True, "routed_scaling_factor": 1.8, "moe_intermediate_size": 1536,
    "q_lora_rank": 768, "rms_norm_eps": 1e-5, "max_position_embeddings": 202752, "tie_word_embeddings": False,
}  # fmt: skip
_YOUTU: dict[str, Any] = {
    "q_lora_rank": 1536, "rms_norm_eps": 1e-6, "max_position_embeddings": 131072, "tie_word_embeddings": True,
}  # fmt: skip
NEIGHBOURS: dict[str, dict[str, Any]] = {"glm4_moe_lite": _GLM, "youtu": _YOUTU}  # what absent keys mean, by model_type
_MISTRAL: dict[str, Any] = {
    "num_key_value_heads": 8, "rms_norm_eps": 1e-6, "max_position_embeddings": 131072, "sliding_window": 4096,
}  # fmt: skip
LLAMAS: dict[str, dict[str, Any]] = {"mistral": _MISTRAL}
_LAYERS = "mlp_layer_types"


def as_deepseek_v3(raw: dict[str, Any]) -> dict[str, Any]:
    """A neighbour's config.json as deepseek_v3's; any other one as it is.  Raises ConfigError, which names the key."""
    kind = raw.get("model_type")
    if kind == "deepseek_v3":
        return _without_nulls(raw)
    if not isinstance(kind, str) or kind not in NEIGHBOURS:
        return raw
    out = _without_nulls(NEIGHBOURS[kind] | raw) | {"model_type": "deepseek_v3"}
    _whole_head(out)
    if kind == "youtu":
        _fixed(out, "mlp_bias", False)
        _fixed(out, "n_routed_experts", 0, None)
        out.pop("embedding_initializer_range", None)  # how training began
        return out | {"n_routed_experts": 0, "first_k_dense_replace": out.get("num_hidden_layers")}
    if (kinds := out.pop(_LAYERS, None)) is not None:
        out["first_k_dense_replace"] = _dense_layers(kinds, out.get("num_hidden_layers"))
    return out


def as_llama(raw: dict[str, Any]) -> dict[str, Any]:
    """A neighbour's config.json as llama's; any other one as it is.  Raises ConfigError."""
    kind = raw.get("model_type")
    if not isinstance(kind, str) or kind not in LLAMAS:
        return raw
    out = LLAMAS[kind] | raw | {"model_type": "llama"}
    window, context = out.pop("sliding_window"), out.get("max_position_embeddings")
    if window is not None and not (type(window) is type(context) is int and window >= context):
        raise ConfigError(
            f"config.json: sliding_window is {window!r}; attention to a part of the context is not supported."
        )
    return out


def _without_nulls(raw: dict[str, Any]) -> dict[str, Any]:
    """One group where the groups of experts are null; as many key heads as heads where those are."""
    nulls = {key for key in ("n_group", "topk_group", "num_key_value_heads") if key in raw and raw[key] is None}
    out = {key: value for key, value in raw.items() if key not in nulls}
    return out | dict.fromkeys(nulls & {"n_group", "topk_group"}, 1)


def _fixed(keys: dict[str, Any], key: str, *allowed: Any) -> None:
    """Take a key away that is absent or has a value that the engine follows."""
    if (found := keys.pop(key, allowed[0])) not in allowed:
        raise ConfigError(f"config.json: {key} is {found!r}; only {allowed[0]!r} is supported.")


def _whole_head(keys: dict[str, Any]) -> None:
    """GLM's configs say which part of the rotary width is rotated; here it is all of it."""
    _fixed(keys, "partial_rotary_factor", 1.0)
    rope = keys.get("rope_parameters")
    if isinstance(rope, dict):
        _fixed(dict(rope), "partial_rotary_factor", 1.0)


def _dense_layers(kinds: Any, layers: Any) -> int:
    """How many leading layers are dense, of a list of 'dense' and 'sparse'."""
    if not isinstance(kinds, list) or type(layers) is not int or len(kinds) < layers:
        raise ConfigError(f"config.json: {_LAYERS} must be a list with an entry for every layer.")
    kinds = kinds[:layers]  # prediction modules route to experts, as the last layer does
    dense = kinds.index("sparse") if "sparse" in kinds else layers
    if kinds != ["dense"] * dense + ["sparse"] * (layers - dense):
        raise ConfigError(f"config.json: {_LAYERS} must be 'dense' for the first layers and 'sparse' for the rest.")
    return dense
