"""The tensors that an architecture has."""

from __future__ import annotations

from huozhong.model.architecture import Architecture, Experts, GroupedAttention, Rope
from huozhong.model.tensors import expected_tensors


def test_expected_tensors_of_a_stack_and_of_single_experts() -> None:
    found = Architecture(
        family="qwen3_moe",
        vocab_size=151936,
        hidden_size=4096,
        intermediate_size=12288,
        num_layers=4,
        attention=GroupedAttention(num_heads=32, num_kv_heads=8, head_dim=128, qk_norm=True),
        rope=Rope(dim=128, theta=1e6, interleaved=False),
        experts=Experts(count=128, per_token=8, hidden=768, scoring="softmax"),
        moe_layers=(False, True, False, False),
    )
    stacked, single = dict(expected_tensors(found, stacked_experts=True)), dict(expected_tensors(found))
    prefix = "model.layers.1.mlp.experts."
    assert stacked[f"{prefix}down_proj.weight"] == (128, 4096, 768)
    assert single[f"{prefix}127.down_proj.weight"] == (4096, 768)
    assert "model.layers.0.mlp.gate_proj.weight" in single
    assert "model.layers.0.self_attn.q_norm.weight" in single
