"""The list of a model's tensors."""

from __future__ import annotations

from itertools import islice

import pytest
from tests.formats.hf.test_configs import QWEN3_MOE
from tests.model.tiny_models import moe_config, tiny_config

from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.model.architecture import Architecture
from huozhong.model.config import ModelConfig
from huozhong.model.tensors import expected_tensors
from huozhong.model.transformer import Transformer


@pytest.mark.parametrize(
    "config",
    [
        tiny_config(tie_word_embeddings=False, q_lora_rank=None),
        moe_config(num_nextn_predict_layers=2),
        moe_config(n_shared_experts=0),
    ],
)
def test_they_are_those_of_the_model_that_is_trained(config: ModelConfig) -> None:
    state = {name: tuple(value.shape) for name, value in Transformer(config).state_dict().items()}
    assert dict(expected_tensors(Architecture.from_config(config))) == state


def test_the_order_on_disk() -> None:
    """Embedding, layers, norm, head, then prediction modules with their own norms behind the block."""
    config = tiny_config(num_hidden_layers=1, num_nextn_predict_layers=1, tie_word_embeddings=False)
    names = [name for name, _ in expected_tensors(Architecture.from_config(config))]
    assert names[0] == "model.embed_tokens.weight"
    middle = names.index("model.norm.weight")
    assert names[middle + 1] == "lm_head.weight"
    block = [name.replace("layers.0.", "layers.1.") for name in names[1:middle]]
    own = [f"model.layers.1.{name}.weight" for name in ("enorm", "hnorm", "shared_head.norm", "eh_proj")]
    assert names[middle + 2 :] == block + own


def test_a_nonsensical_number_of_experts_is_never_listed_whole() -> None:
    config = moe_config(n_routed_experts=65536, moe_intermediate_size=1)
    assert len(list(islice(expected_tensors(Architecture.from_config(config)), 100))) == 100


def test_expected_tensors_of_a_stack_and_of_single_experts() -> None:
    found = architecture_from_hf(QWEN3_MOE)
    stacked, single = dict(expected_tensors(found, stacked_experts=True)), dict(expected_tensors(found))
    prefix = "model.layers.1.mlp.experts."
    assert stacked[f"{prefix}down_proj.weight"] == (128, 4096, 768)
    assert single[f"{prefix}127.down_proj.weight"] == (4096, 768)
    assert "model.layers.0.mlp.gate_proj.weight" in single
    assert "model.layers.0.self_attn.q_norm.weight" in single
