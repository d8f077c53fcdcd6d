"""DeepSeek-V4's config.json: attention of a window and of compressed entries, four streams, experts by token.

DeepSeek's own file gives numbers (`compress_ratios`, `num_hash_layers`, `rope_scaling`), one that transformers saved
gives words (`layer_types`, `mlp_layer_types`, `rope_parameters` of two kinds); both are read.
"""

from __future__ import annotations

from typing import Any

from huozhong.errors import ConfigError
from huozhong.formats.hf.config_keys import ConfigKeys, read_rope
from huozhong.model.architecture import (
    Architecture,
    CompressedAttention,
    Experts,
    Indexer,
    LayerKind,
    Rope,
    Streams,
)

_KINDS: dict[str, LayerKind] = {
    "sliding_attention": "window",
    "compressed_sparse_attention": "sparse",
    "heavily_compressed_attention": "heavy",
}
_RATIOS: dict[int, LayerKind] = {0: "window", 1: "window", 4: "sparse", 128: "heavy"}
_EXPERTS = {"hash_moe": True, "moe": False}


def compressed(keys: ConfigKeys) -> dict[str, Any]:
    """What an `Architecture` of DeepSeek-V4 has besides the keys that all families share.  Raises ConfigError."""
    layers = keys.whole("num_hidden_layers")
    if layers > Architecture.MAX_LAYERS:
        raise ConfigError(f"config.json: num_hidden_layers is {layers}; no more than {Architecture.MAX_LAYERS}.")
    for key in ("attention_bias", "mlp_bias"):
        keys.fixed(key, False)
    keys.fixed("num_key_value_heads", 1)
    keys.value("num_nextn_predict_layers", 0)  # their own tensors are left out: what they guess changes no answer
    unused = ("expert_dtype", "router_jitter_noise", *(key for key in keys.raw if key.startswith("dspark_")))
    for key in unused:  # how weights are stored is seen in the files; the others are of training and of drafting
        keys.value(key, None)
    hidden = keys.whole("moe_intermediate_size", 2048)
    keys.value("intermediate_size", hidden)  # there is no dense layer
    rope, compress_rope = _ropes(keys)
    attention = CompressedAttention(
        num_heads=keys.whole("num_attention_heads"),
        head_dim=keys.whole("head_dim", 512),
        q_lora_rank=keys.whole("q_lora_rank", 1024),
        window=keys.whole("sliding_window", 128),
        out_groups=keys.whole("o_groups", 8),
        out_rank=keys.whole("o_lora_rank", 1024),
        kinds=_kinds(keys, layers),
        indexer=Indexer(
            num_heads=keys.whole("index_n_heads", 64),
            head_dim=keys.whole("index_head_dim", 128),
            top_k=keys.whole("index_topk", 512),
            interleaved=True,
        ),
        compress_rope=compress_rope,
        **_rates(keys),
    )
    return {
        "attention": attention,
        "rope": rope,
        "streams": Streams(
            count=keys.whole("hc_mult", 4),
            iterations=keys.whole("hc_sinkhorn_iters", 20),
            eps=keys.number("hc_eps", 1e-6),
        ),
        "experts": _experts(keys, layers, hidden),
        "moe_layers": (True,) * layers,
        "intermediate_size": hidden,
    }


def _experts(keys: ConfigKeys, layers: int, hidden: int) -> Experts:
    keys.fixed("scoring_func", "sqrtsoftplus")
    keys.fixed("norm_topk_prob", True)
    keys.fixed("topk_method", "noaux_tc")
    for key in ("n_group", "topk_group"):
        keys.fixed(key, 1)
    return Experts(
        count=keys.whole("n_routed_experts", 256),
        per_token=keys.whole("num_experts_per_tok", 6),
        hidden=hidden,
        shared_hidden=hidden * keys.whole("n_shared_experts", 1),
        scoring="sqrtsoftplus",
        bias=True,
        by_token=_by_token(keys, layers),
        limit=keys.number("swiglu_limit", 10.0),
        scale=keys.number("routed_scaling_factor", 1.5),
    )


def _by_token(keys: ConfigKeys, layers: int) -> tuple[bool, ...]:
    """Which layers take a token's experts from a table."""
    words, first = keys.value("mlp_layer_types", None), keys.whole("num_hash_layers", 3, 0)
    if words is None:
        return tuple(i < first for i in range(layers))
    if not isinstance(words, list) or len(words) != layers or any(each not in tuple(_EXPERTS) for each in words):
        raise ConfigError("config.json: mlp_layer_types must be a list of 'hash_moe' and 'moe', one for each layer.")
    return tuple(_EXPERTS[each] for each in words)


def _kinds(keys: ConfigKeys, layers: int) -> tuple[LayerKind, ...]:
    words, ratios = keys.value("layer_types", None), keys.value("compress_ratios", None)
    if words is not None:
        if not isinstance(words, list) or len(words) != layers or any(each not in tuple(_KINDS) for each in words):
            names = ", ".join(repr(each) for each in _KINDS)
            raise ConfigError(f"config.json: layer_types must be a list of {names}, one for each layer.")
        return tuple(_KINDS[each] for each in words)
    if ratios is None:
        raise ConfigError("config.json: compress_ratios is missing; it says how each layer's attention looks back.")
    known = isinstance(ratios, list) and all(type(each) is int and each in _RATIOS for each in ratios)
    if not known or len(ratios) < layers:
        raise ConfigError("config.json: compress_ratios must be a list of 0, 4 and 128, one for each layer.")
    return tuple(_RATIOS[each] for each in ratios[:layers])  # behind them are those of prediction modules


def _rates(keys: ConfigKeys) -> dict[str, int]:
    rates = keys.value("compress_rates", {})
    if not isinstance(rates, dict):
        raise ConfigError("config.json: compress_rates must be an object.")
    found = {}
    for name, word, usual in (("sparse_rate", "csa", 4), ("heavy_rate", "hca", 128)):
        key = {"csa": "compressed_sparse_attention", "hca": "heavily_compressed_attention"}[word]
        value = keys.value(f"compress_rate_{word}", rates.get(key, usual))
        if type(value) is not int or value < 1:
            raise ConfigError(f"config.json: compress_rates: {key} is {value!r}; it must be a whole number.")
        found[name] = value
    return found


def _ropes(keys: ConfigKeys) -> tuple[Rope, Rope]:
    """Of layers that see a window only, and of those with compressed entries, whose magnitudes YaRN leaves alone."""
    head = keys.whole("head_dim", 512)
    part = keys.value("partial_rotary_factor", None)
    if part is not None and (isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 1):
        raise ConfigError(f"config.json: partial_rotary_factor is {part!r}; it must be a number up to 1.")
    dim = keys.whole("qk_rope_head_dim", 64 if part is None else int(head * part))
    new, old = keys.value("rope_parameters", {}), keys.value("rope_scaling", {})
    plain, far = keys.value("rope_theta", 10000.0), keys.value("compress_rope_theta", 160000.0)
    if not isinstance(new, dict) or not isinstance(old, dict):
        raise ConfigError("config.json: rope_scaling and rope_parameters must be objects.")
    if isinstance(new.get("main"), dict) and isinstance(new.get("compress"), dict):
        main, compress = new["main"], new["compress"]
    else:
        main, compress = {"rope_theta": plain}, {**(old or new), "rope_theta": far}
    context = keys.whole("max_position_embeddings", 1048576)
    return _rope(main, plain, dim, context), _rope(compress, far, dim, context)


def _rope(settings: dict[str, Any], theta: Any, dim: int, context: int) -> Rope:
    settings = {"rope_theta": theta, **settings}
    settings.pop("partial_rotary_factor", None)  # the same for both, and read already
    if "yarn" in (settings.get("rope_type"), settings.get("type")):
        settings.setdefault("attention_factor", 1.0)
        for key in ("mscale", "mscale_all_dim"):  # of DeepSeek-V3's keys, without a meaning here
            settings.pop(key, None)
    return read_rope(
        ConfigKeys({"rope_parameters": settings, "max_position_embeddings": context}), dim, interleaved=True
    )
