"""Our folders load in transformers and theirs here, and the logits are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.model.tiny_models import lively_model, moe_config, tiny_config
from transformers import DeepseekV3ForCausalLM
from transformers.utils import logging

from huozhong.formats.checkpoint import read_config
from huozhong.model.config import YarnScaling
from huozhong.model.transformer import Transformer
from huozhong.train.model_folder import load_transformer, save_transformer

logging.disable_progress_bar()
TOLERANCE = 1e-4
GROUPS = {"n_routed_experts": 8, "n_group": 4, "topk_group": 2}
YARN = YarnScaling(factor=4.0, original_max_position_embeddings=16)

CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "dense": (tiny_config, {}),
    "dense, no query rank": (tiny_config, {"q_lora_rank": None}),
    "dense, own head": (tiny_config, {"tie_word_embeddings": False}),
    "dense, other norm epsilon": (tiny_config, {"rms_norm_eps": 1e-2}),
    "dense, other rope base": (tiny_config, {"rope_theta": 500.0, "qk_rope_head_dim": 4}),
    "dense, wide values": (tiny_config, {"v_head_dim": 24, "num_attention_heads": 3}),
    "yarn": (tiny_config, {"rope_scaling": YARN}),
    "yarn, uneven magnitudes": (
        tiny_config,
        {"rope_scaling": YarnScaling(
            factor=8.0, original_max_position_embeddings=16, beta_fast=16.0, mscale=0.7, mscale_all_dim=1.2
        )},
    ),
    "yarn, no magnitude on the softmax": (
        tiny_config,
        {"rope_scaling": YarnScaling(factor=4.0, original_max_position_embeddings=16, mscale_all_dim=0.0)},
    ),
    "experts": (moe_config, {}),
    "experts everywhere": (moe_config, {"first_k_dense_replace": 0, "q_lora_rank": None}),
    "experts, groups": (moe_config, GROUPS),
    "experts, one group kept": (moe_config, {"n_group": 2, "topk_group": 1, "num_experts_per_tok": 3}),
    "experts, scaled": (moe_config, {"routed_scaling_factor": 2.5, "tie_word_embeddings": False}),
    "experts, not normalised": (moe_config, {"norm_topk_prob": False, "routed_scaling_factor": 1.7}),
    "experts, two shared": (moe_config, {"n_shared_experts": 2, **GROUPS}),
    "experts, none shared": (moe_config, {"n_shared_experts": 0}),
    "experts, all of them": (moe_config, {"num_experts_per_tok": 8}),
    "experts, odd widths": (moe_config, {"moe_intermediate_size": 13, "hidden_size": 30}),
    "all at once": (
        moe_config,
        {**GROUPS, "rope_scaling": YARN, "n_shared_experts": 2, "routed_scaling_factor": 2.5,
         "tie_word_embeddings": False, "num_hidden_layers": 3},
    ),
}  # fmt: skip

pytestmark = [
    pytest.mark.slow,  # transformers takes its time to import
    pytest.mark.parametrize("case", CASES),
    # transformers makes empty matrices where there is no shared expert, and torch remarks on it
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
]


@torch.no_grad()
def logits_of(model: Transformer, tokens: torch.Tensor) -> torch.Tensor:
    return model.logits(model(tokens))


@torch.no_grad()
def test_both_ways(case: str, tmp_path: Path) -> None:
    make, changes = CASES[case]
    config = make(**changes)
    ours = lively_model(config).eval()
    save_transformer(ours, tmp_path / "ours", dtype="float32")
    theirs, info = DeepseekV3ForCausalLM.from_pretrained(
        tmp_path / "ours", output_loading_info=True, experts_implementation="eager"
    )

    empty = {name for name, weight in theirs.named_parameters() if weight.numel() == 0}
    assert set(info["missing_keys"]) == empty
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert theirs.dtype == torch.float32

    tokens = torch.randint(config.vocab_size, (2, 100))  # beyond YaRN's original 16 positions
    expected = theirs(tokens).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(logits_of(ours, tokens), expected, atol=TOLERANCE, rtol=TOLERANCE)

    theirs.save_pretrained(tmp_path / "theirs")
    back = load_transformer(tmp_path / "theirs").eval()
    assert read_config(tmp_path / "theirs").to_hf() == config.to_hf()
    torch.testing.assert_close(logits_of(back, tokens), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_routing_is_ours_to_differ(case: str) -> None:
    """The cases are only worth something if routing bites: different inputs reach different experts."""
    make, changes = CASES[case]
    config = make(**changes)
    if not config.num_moe_layers or config.num_experts_per_tok == config.n_routed_experts:
        return
    model = lively_model(config).train()
    model(torch.randint(config.vocab_size, (2, 100)))
    (load, *_) = model.update_expert_bias()
    assert (load > 0).sum() > config.num_experts_per_tok
