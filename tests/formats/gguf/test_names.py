"""Tensor names, GGUF <-> Hugging Face."""

from __future__ import annotations

from huozhong.formats.gguf.names import gguf_name, hf_name


def test_names_lead_back() -> None:
    for name in ("token_embd.weight", "blk.12.attn_q.bias", "blk.0.nextn.eh_proj.weight", "output.weight"):
        there = hf_name(name)
        assert there is not None
        assert gguf_name(there) == name
    for name in ("blk.x.attn_q.weight", "blk.1.unknown.weight", "blk..attn_q.weight", "rope_freqs.weight", ""):
        assert hf_name(name) is None
