"""Multi-token-prediction modules against the torch model that trains them, on every kernel set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights import load_weights
from huozhong.model.config import ModelConfig
from huozhong.model.transformer import Transformer, save_transformer

CONFIG = ModelConfig(
    vocab_size=90, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3, kv_lora_rank=24,
    q_lora_rank=40, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=20, moe_intermediate_size=24,
    n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=1, first_k_dense_replace=1, n_group=4, topk_group=2,
    num_nextn_predict_layers=1, max_position_embeddings=256,
)  # fmt: skip
PAGES = np.array([3, 0, 2, 5], np.int32)


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = kernels.used()
    yield
    kernels.use(before)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Transformer, Path]:
    torch.manual_seed(1)
    model = Transformer(CONFIG).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.uniform_(0.5, 1.5) if "norm" in name else weight.normal_(0.0, 0.15)
    folder = tmp_path_factory.mktemp("model") / "mtp"
    save_transformer(model, folder, dtype="float32")
    return model, folder


@pytest.mark.parametrize("name", kernels.available())
@torch.no_grad()
def test_drafts_are_the_torch_models(pair: tuple[Transformer, Path], name: str) -> None:
    """In two chunks: prompt tokens, then generated ones."""
    model, folder = pair
    kernels.use(name)
    tokens, cut = np.random.default_rng(0).integers(0, 90, 49).astype(np.int32), 34
    hiddens = model._decode(torch.from_numpy(tokens)[None].long(), None, None, True)
    expected = model.logits(hiddens[1])[0].numpy()
    runner = Runner(load_weights(folder, "none", folder.parent / "cache"), 6, 16)
    assert len(runner.weights.prediction) == 1
    found: list[np.ndarray] = []
    for start, stop, prefill in ((0, cut, True), (cut, 48, False)):
        _, states = runner.forward_with_states([Chunk(tokens[start:stop], start, PAGES, "all", prefill)])
        (logits,) = runner.draft([Chunk(tokens[start + 1 : stop + 1], start, PAGES, "all", prefill)], states)
        assert logits is not None
        found.append(logits)
    np.testing.assert_allclose(np.concatenate(found), expected[:48], atol=1e-3)
