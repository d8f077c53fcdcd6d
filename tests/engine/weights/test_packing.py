"""Packing a whole model: every tensor where the kernels look for it, however it is cut into pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.engine.weights.arrays import arrays_of

from huozhong.engine.weights import packing
from huozhong.engine.weights.layout import LatentAttentionWeights
from huozhong.engine.weights.packing import pack_weights
from huozhong.engine.weights.quant import unpack
from huozhong.formats.checkpoint import CheckpointReader
from huozhong.formats.source import open_model


def test_f32_weights_are_the_checkpoint(tiny_folder: Path) -> None:
    weights, reader = pack_weights(open_model(tiny_folder), "f32"), CheckpointReader(tiny_folder)
    c = reader.config
    np.testing.assert_array_equal(unpack(weights.embedding), reader.tensor("model.embed_tokens.weight"))
    attention = weights.layers[0].attention
    assert isinstance(attention, LatentAttentionWeights)
    kv_b = reader.tensor("model.layers.0.self_attn.kv_b_proj.weight")
    kv_b = kv_b.reshape(c.num_attention_heads, -1, c.kv_lora_rank)
    np.testing.assert_array_equal(unpack(attention.k_up), kv_b[:, : c.qk_nope_head_dim])
    np.testing.assert_array_equal(unpack(attention.v_up), kv_b[:, c.qk_nope_head_dim :])
    np.testing.assert_array_equal(unpack(attention.q_absorb), unpack(attention.k_up).swapaxes(1, 2))
    moe = weights.layers[1].moe
    assert moe is not None
    gate = reader.tensor("model.layers.1.mlp.experts.3.gate_proj.weight")
    np.testing.assert_array_equal(unpack(moe.gate_up[0])[3][: len(gate)], gate)


def test_pieces_change_nothing(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = arrays_of(pack_weights(open_model(tiny_folder), "q8"))
    monkeypatch.setattr(packing, "PIECE", 1)  # sixteen rows at a time
    for name, array in arrays_of(pack_weights(open_model(tiny_folder), "q8")).items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)
