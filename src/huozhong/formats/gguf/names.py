"""Tensor names: GGUF <-> Hugging Face, for every family that we run.  One table, both ways.

Three tensors have no twin in a Hugging Face folder, and get names of the same style here:
`self_attn.k_b_proj.weight` [heads, latent, width of a key without rotation] and `self_attn.v_b_proj.weight` [heads,
width of a value, latent] are the two halves of `kv_b_proj`, the first one transposed (llama.cpp's layout since
2025; older files hold `attn_kv_b` whole).  `mlp.experts.{gate,up,down}_proj.weight` [experts, out, in] are all
experts at once.  `rope_freqs.weight` (Llama 3's slowed rotations) is no weight of the model and stays without a name.
"""

from __future__ import annotations

_TOP = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
# Of one layer, behind `blk.{i}.` and `model.layers.{i}.`
_LAYER = {
    "attn_norm.weight": "input_layernorm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_q.bias": "self_attn.q_proj.bias",
    "attn_k.bias": "self_attn.k_proj.bias",
    "attn_v.bias": "self_attn.v_proj.bias",
    "attn_q_norm.weight": "self_attn.q_norm.weight",
    "attn_k_norm.weight": "self_attn.k_norm.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "attn_output.bias": "self_attn.o_proj.bias",
    "attn_q_a.weight": "self_attn.q_a_proj.weight",
    "attn_q_a_norm.weight": "self_attn.q_a_layernorm.weight",
    "attn_q_b.weight": "self_attn.q_b_proj.weight",
    "attn_kv_a_mqa.weight": "self_attn.kv_a_proj_with_mqa.weight",
    "attn_kv_a_norm.weight": "self_attn.kv_a_layernorm.weight",
    "attn_kv_b.weight": "self_attn.kv_b_proj.weight",
    "attn_k_b.weight": "self_attn.k_b_proj.weight",
    "attn_v_b.weight": "self_attn.v_b_proj.weight",
    "indexer.attn_q_b.weight": "self_attn.indexer.wq_b.weight",
    "indexer.attn_k.weight": "self_attn.indexer.wk.weight",
    "indexer.k_norm.weight": "self_attn.indexer.k_norm.weight",
    "indexer.k_norm.bias": "self_attn.indexer.k_norm.bias",
    "indexer.proj.weight": "self_attn.indexer.weights_proj.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
    "ffn_gate_inp.weight": "mlp.gate.weight",
    "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
    "ffn_gate_exps.weight": "mlp.experts.gate_proj.weight",
    "ffn_up_exps.weight": "mlp.experts.up_proj.weight",
    "ffn_down_exps.weight": "mlp.experts.down_proj.weight",
    "ffn_gate_shexp.weight": "mlp.shared_experts.gate_proj.weight",
    "ffn_up_shexp.weight": "mlp.shared_experts.up_proj.weight",
    "ffn_down_shexp.weight": "mlp.shared_experts.down_proj.weight",
    "nextn.eh_proj.weight": "eh_proj.weight",
    "nextn.enorm.weight": "enorm.weight",
    "nextn.hnorm.weight": "hnorm.weight",
    "nextn.embed_tokens.weight": "embed_tokens.weight",
    "nextn.shared_head_head.weight": "shared_head.head.weight",
    "nextn.shared_head_norm.weight": "shared_head.norm.weight",
}
# Of DeepSeek-V4, where they mean something else or do not exist elsewhere.
_TOP_COMPRESSED = {
    "output_hc_fn.weight": "model.hc_head.hc_fn",
    "output_hc_base.weight": "model.hc_head.hc_base",
    "output_hc_scale.weight": "model.hc_head.hc_scale",
}
_LAYER_COMPRESSED = {
    "attn_q_a_norm.weight": "self_attn.q_a_norm.weight",
    "attn_kv.weight": "self_attn.kv_proj.weight",
    "attn_kv_a_norm.weight": "self_attn.kv_norm.weight",
    "attn_output_a.weight": "self_attn.o_a_proj.weight",
    "attn_output_b.weight": "self_attn.o_b_proj.weight",
    "attn_sinks.weight": "self_attn.sinks",
    "attn_compressor_kv.weight": "self_attn.compressor.kv_proj.weight",
    "attn_compressor_gate.weight": "self_attn.compressor.gate_proj.weight",
    "attn_compressor_ape.weight": "self_attn.compressor.position_bias",
    "attn_compressor_norm.weight": "self_attn.compressor.kv_norm.weight",
    "indexer_compressor_kv.weight": "self_attn.compressor.indexer.kv_proj.weight",
    "indexer_compressor_gate.weight": "self_attn.compressor.indexer.gate_proj.weight",
    "indexer_compressor_ape.weight": "self_attn.compressor.indexer.position_bias",
    "indexer_compressor_norm.weight": "self_attn.compressor.indexer.kv_norm.weight",
    "indexer.attn_q_b.weight": "self_attn.compressor.indexer.q_b_proj.weight",
    "indexer.proj.weight": "self_attn.compressor.indexer.scorer.weights_proj.weight",
    "ffn_gate_tid2eid.weight": "mlp.gate.tid2eid",
    **{
        f"hc_{place}_{part}.weight": f"{place}_hc.{part}"
        for place in ("attn", "ffn")
        for part in ("fn", "base", "scale")
    },
}
_TOP_BACK = {theirs: ours for ours, theirs in _TOP.items()}
_LAYER_BACK = {theirs: ours for ours, theirs in _LAYER.items()}
ROPE_FACTORS = "rope_freqs.weight"


def hf_name(name: str, *, compressed: bool = False) -> str | None:
    """The Hugging Face name of a GGUF tensor, or None where it has none.  compressed: of a DeepSeek-V4."""
    if compressed:
        return _renamed(name, _TOP | _TOP_COMPRESSED, "blk.", _LAYER | _LAYER_COMPRESSED, "model.layers.")
    return _renamed(name, _TOP, "blk.", _LAYER, "model.layers.")


def gguf_name(name: str) -> str | None:
    """The GGUF name of a Hugging Face tensor, or None where it has none (single experts: stack them first)."""
    return _renamed(name, _TOP_BACK, "model.layers.", _LAYER_BACK, "blk.")


def _renamed(name: str, top: dict[str, str], before: str, layer: dict[str, str], after: str) -> str | None:
    if name in top:
        return top[name]
    if not name.startswith(before):
        return None
    number, _, rest = name.removeprefix(before).partition(".")
    if not (number.isascii() and number.isdecimal()) or rest not in layer:
        return None
    return f"{after}{number}.{layer[rest]}"
