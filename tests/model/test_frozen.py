"""Frozen matrices: near what they were made of, and gradients pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.oracles import make_model
from tests.engine.test_architectures import CONFIGS

from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.model.frozen import Frozen, Storage, frozen_linear


@pytest.mark.parametrize(("storage", "error"), [("float32", 0), ("bfloat16", 0.004), ("q8", 0.008), ("q4", 0.1)])
def test_frozen_matrices_are_near_and_pass_gradients(storage: Storage, error: float) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(24, 64), torch.randn(5, 64, requires_grad=True)
    frozen = Frozen.pack([weight[:10].numpy(), weight[10:].numpy()], storage, 24)
    dense = frozen.dense(torch.float32)
    assert float((dense - weight).norm() / weight.norm()) <= error
    out = frozen_linear(x, frozen)
    out.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * out.detach() @ dense)


def test_q4_keeps_what_gguf_q4_0_holds(tmp_path: Path) -> None:
    """The same blocks and rounding, so packing such a file once more changes nothing."""
    model = make_model(CONFIGS["qwen2_tied"].__class__(**(CONFIGS["qwen2_tied"].to_dict() | {"hidden_size": 64})))
    model.save_pretrained(tmp_path / "hf")
    export_gguf(open_model(tmp_path / "hf"), tmp_path / "model.gguf", "q4_0", vocabulary={})
    view: Any = HuggingFaceView(open_model(tmp_path / "model.gguf"))
    values = view.tensor("model.layers.0.self_attn.q_proj.weight")
    again = Frozen.pack([values], "q4", len(values)).dense(torch.float32).numpy()
    np.testing.assert_allclose(again, values, rtol=1e-6)
