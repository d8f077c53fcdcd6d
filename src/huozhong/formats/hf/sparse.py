"""Models with DeepSeek's sparse attention: their config.json as a dense neighbour's, and the indexer apart.

deepseek_v32 (DeepSeek-V3.2): DeepSeek-V3, and in each layer an indexer.
glm_moe_dsa (GLM-5): GLM's experts; the indexer rotates neighbouring pairs, and layers may share the choice of one
before them (GLM-5.2).

Without the indexer both are what `neighbours` knows; what an absent key means is transformers' default.
"""

from __future__ import annotations

from typing import Any

from huozhong.errors import ConfigError
from huozhong.model.architecture import Architecture, Indexer

_DEEPSEEK: dict[str, Any] = {
    "first_k_dense_replace": 3, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 8,
    "topk_group": 4, "norm_topk_prob": True, "routed_scaling_factor": 2.5, "moe_intermediate_size": 2048,
    "q_lora_rank": 1536, "rms_norm_eps": 1e-6, "max_position_embeddings": 163840, "tie_word_embeddings": False,
    "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 64,
}  # fmt: skip
_GLM: dict[str, Any] = _DEEPSEEK | {
    "n_group": 1, "topk_group": 1, "q_lora_rank": 2048, "rms_norm_eps": 1e-5, "max_position_embeddings": 202752,
    "index_n_heads": 32,
}  # fmt: skip
SPARSE: dict[str, dict[str, Any]] = {"deepseek_v32": _DEEPSEEK, "glm_moe_dsa": _GLM}  # absent keys, by model_type
_KINDS = {"full": False, "shared": True}
_LAYERS = ("indexed_attention", "deepseek_sparse_attention")  # words for them in `layer_types`


def take_indexer(raw: dict[str, Any]) -> tuple[dict[str, Any], Indexer]:
    """The config.json of a model in `SPARSE` as a dense neighbour's, and its indexer.  Raises ConfigError."""
    kind = raw["model_type"]
    keys = SPARSE[kind] | {key: value for key, value in raw.items() if value is not None}
    numbers = {}
    for key in ("index_n_heads", "index_head_dim", "index_topk"):
        numbers[key] = found = keys.pop(key)
        if type(found) is not int or not 1 <= found < 2**20:
            raise ConfigError(f"config.json: {key} is {found!r}; it must be a whole number of at least 1.")
    layers = keys.pop("layer_types", None)
    if layers is not None and (not isinstance(layers, list) or any(each not in _LAYERS for each in layers)):
        raise ConfigError(f"config.json: layer_types asks for more than {_LAYERS[0]!r}, which alone is supported.")
    if keys.pop("mlp_bias", False) is not False:
        raise ConfigError("config.json: mlp_bias must be false; only that is supported.")
    keys.pop("index_share_for_mtp_iteration", None)  # how prediction modules guess; what they guess is checked
    glm = kind == "glm_moe_dsa"
    if (found := keys.pop("indexer_rope_interleave", glm)) is not glm:
        raise ConfigError(f"config.json: indexer_rope_interleave is {found!r}; only {glm!r} is supported.")
    indexer = Indexer(
        num_heads=numbers["index_n_heads"],
        head_dim=numbers["index_head_dim"],
        top_k=numbers["index_topk"],
        interleaved=glm,
        shared_layers=_shared_layers(keys) if glm else (),
    )
    return keys | {"model_type": "glm4_moe_lite"}, indexer


def _shared_layers(keys: dict[str, Any]) -> tuple[bool, ...]:
    """Which layers share, by a list of words, by a pattern of letters, or every so many layers."""
    count = keys.get("num_hidden_layers")
    types, pattern = keys.pop("indexer_types", None), keys.pop("index_topk_pattern", None)
    every, offset = keys.pop("index_topk_freq", 1), keys.pop("index_skip_topk_offset", 2)
    if types is None and isinstance(pattern, str):
        types = [{"F": "full", "S": "shared"}.get(letter) for letter in pattern]
    elif types is None:
        types = pattern
    if type(count) is not int or not 0 < count <= Architecture.MAX_LAYERS:
        raise ConfigError(f"config.json: num_hidden_layers is {count!r}; 1 to {Architecture.MAX_LAYERS} are possible.")
    if types is None:
        if type(every) is not int or type(offset) is not int:
            raise ConfigError("config.json: index_topk_freq and index_skip_topk_offset must be whole numbers.")
        shared = tuple(max(i - offset + 1, 0) % max(every, 1) != 0 for i in range(count))
    elif not isinstance(types, list) or len(types) < count or any(each not in tuple(_KINDS) for each in types):
        raise ConfigError("config.json: indexer_types must be a list of 'full' and 'shared', one for each layer.")
    else:
        shared = tuple(_KINDS[each] for each in types[:count])  # behind them may be prediction modules
    return shared if any(shared) else ()
