"""DeepSeek's own names of DeepSeek-V4's tensors, as its folders have them, and those that we know them by.

`layers.0.attn.wq_a.weight` is `model.layers.0.self_attn.q_a_proj.weight` here; scales (`.scale`) go with their matrix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from huozhong.formats.hf.safetensors import Entry

_WHOLE = {
    "embed.weight": "model.embed_tokens.weight",
    "head.weight": "lm_head.weight",
    "norm.weight": "model.norm.weight",
    "hc_head_fn": "model.hc_head.hc_fn",
    "hc_head_base": "model.hc_head.hc_base",
    "hc_head_scale": "model.hc_head.hc_scale",
}
_COMPRESSOR = {"wkv": "kv_proj", "wgate": "gate_proj", "ape": "position_bias", "norm": "kv_norm"}
_IN_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    **{f"hc_{old}_{part}": f"{old}_hc.{part}" for old in ("attn", "ffn") for part in ("fn", "base", "scale")},
    "attn.wq_a": "self_attn.q_a_proj",
    "attn.wq_b": "self_attn.q_b_proj",
    "attn.wkv": "self_attn.kv_proj",
    "attn.wo_a": "self_attn.o_a_proj",
    "attn.wo_b": "self_attn.o_b_proj",
    "attn.q_norm": "self_attn.q_a_norm",
    "attn.kv_norm": "self_attn.kv_norm",
    "attn.norm": "self_attn.kv_norm",  # as transformers saves it
    "attn.attn_sink": "self_attn.sinks",
    **{f"attn.compressor.{old}": f"self_attn.compressor.{new}" for old, new in _COMPRESSOR.items()},
    **{f"attn.indexer.compressor.{old}": f"self_attn.compressor.indexer.{new}" for old, new in _COMPRESSOR.items()},
    "attn.indexer.wq_b": "self_attn.compressor.indexer.q_b_proj",
    "attn.indexer.weights_proj": "self_attn.compressor.indexer.scorer.weights_proj",
    "ffn.gate": "mlp.gate",
    "ffn.gate.bias": "mlp.gate.e_score_correction_bias",
    "ffn.gate.tid2eid": "mlp.gate.tid2eid",
}
_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_MODULE = re.compile(r"(?:model\.)?mtp\.([^.]*)")
_EXPERT = re.compile(r"ffn\.(experts\.\d+|shared_experts)\.w([123])")
_PARTS = {"1": "gate_proj", "2": "down_proj", "3": "up_proj"}


def named_here(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Entries by the names that we know them by; those of prediction modules are left out."""
    return {_name(name): entry for name, entry in entries.items() if _MODULE.match(name) is None}


def modules_of(names: Iterable[str]) -> set[str]:
    """The numbers of the prediction modules that there are tensors of."""
    return {found[1] for name in names if (found := _MODULE.match(name)) is not None}


def _name(name: str) -> str:
    """The name here; one that is not DeepSeek's stays."""
    plain = name.removeprefix("model.")
    if plain in _WHOLE:
        return _WHOLE[plain]
    if (found := _LAYER.fullmatch(plain)) is None:
        return name
    layer, rest = found.groups()
    ending = ""
    for old, new in ((".weight", ".weight"), (".scale", ".weight_scale_inv")):
        if rest.endswith(old):
            rest, ending = rest.removesuffix(old), new
    if (expert := _EXPERT.fullmatch(rest)) is not None:
        return f"model.layers.{layer}.mlp.{expert[1]}.{_PARTS[expert[2]]}{ending}"
    known = _IN_LAYER.get(rest)
    return name if known is None else f"model.layers.{layer}.{known}{ending}"
