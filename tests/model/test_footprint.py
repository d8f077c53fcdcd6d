"""What a model takes, against what it has and what packing it really takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from tests.engine.sparse_models import add_indexers
from tests.engine.weights.gguf_blocks import random_rows
from tests.model.tiny_models import moe_config, tiny_config

from huozhong.engine.llm import resolve_model
from huozhong.engine.weights.blocks import TYPES, pack_blocks
from huozhong.engine.weights.load import load_weights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.formats.checkpoint import read_config
from huozhong.formats.source import open_model
from huozhong.model.architecture import GroupedAttention, row_bytes
from huozhong.model.config import ModelConfig
from huozhong.model.footprint import STORED, cache_bytes, count_parameters, flops_per_token, footprint, num_parameters
from huozhong.model.transformer import Transformer


def packed_bytes(part: Any, seen: set[int]) -> int:
    if part is None or id(part) in seen:
        return 0
    seen.add(id(part))
    if isinstance(part, PackedMatrix | np.ndarray):
        return part.nbytes
    if isinstance(part, tuple):
        return sum(packed_bytes(one, seen) for one in part)
    if dataclasses.is_dataclass(part):
        return sum(packed_bytes(getattr(part, f.name), seen) for f in dataclasses.fields(part))
    return 0


# -- of a config -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [tiny_config(), tiny_config(tie_word_embeddings=False), moe_config(num_nextn_predict_layers=1)],
)
def test_counts_are_those_of_the_model(config: ModelConfig) -> None:
    model = Transformer(config)
    weights = {name: value.numel() for name, value in model.state_dict().items()}
    count = count_parameters(config)
    assert num_parameters(config) == count.total == sum(weights.values())
    idle = sum(size for name, size in weights.items() if ".experts." in name) * 6 // 8
    assert count.active == count.total - idle
    assert count.embedding == 64 * 32


def test_flops_of_a_matrix_model() -> None:
    config = tiny_config()
    weights = count_parameters(config).matrices
    attention = 2 * 2 * (16 + 8) * 10 / 2
    assert flops_per_token(config, 10) == 6 * (weights + attention)
    assert flops_per_token(config, 10, training=False) == 2 * (weights + attention)


def test_deepseek_v3_itself() -> None:
    """The published numbers: 671 billion parameters, 37 billion active, prediction module apart."""
    config = ModelConfig(
        vocab_size=129280,
        hidden_size=7168,
        intermediate_size=18432,
        moe_intermediate_size=2048,
        num_hidden_layers=61,
        num_attention_heads=128,
        n_shared_experts=1,
        n_routed_experts=256,
        num_experts_per_tok=8,
        n_group=8,
        topk_group=4,
        routed_scaling_factor=2.5,
        first_k_dense_replace=3,
        q_lora_rank=1536,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        tie_word_embeddings=False,
    )
    count = count_parameters(config)
    assert round(count.total / 1e9) == 671
    assert round((count.active - count.embedding) / 1e9) in (36, 37)


# -- of a model on disk ----------------------------------------------------------------------------------


def test_parameters(tiny_folder: Path) -> None:
    for folder in (tiny_folder, resolve_model("ember")):
        config = dataclasses.replace(read_config(folder), num_nextn_predict_layers=0)
        count, sizes = count_parameters(config), footprint(open_model(folder))
        assert (sizes.total, sizes.active) == (count.total, count.active)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("quantization", ["q8", "q4", "none"])
def test_memory_is_what_packing_takes(quantization: Literal["q8", "q4", "none"], sparse: bool, tmp_path: Path) -> None:
    path = resolve_model("ember")
    source = open_model(add_indexers(path, tmp_path / "sparse", top_k=64) if sparse else path)
    weights = load_weights(source, quantization, tmp_path)
    expected = footprint(source).memory["stored" if quantization == "none" else quantization]
    assert packed_bytes(dataclasses.replace(weights, mapped=None), set()) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("type", TYPES)
def test_a_block_type_takes_what_packing_gives(type: str) -> None:
    assert pack_blocks(random_rows(type, 32, 512), type, 512).nbytes == STORED[type] * 32 * 512


def test_a_token_reads_the_experts_it_meets(tiny_folder: Path) -> None:
    sizes = footprint(open_model(tiny_folder))
    assert sizes.types == ("F32",)
    assert sizes.read["stored"] < sizes.active * 4 < sizes.memory["stored"]
    assert sizes.read["q4"] < sizes.read["q8"] < sizes.read["stored"]


def test_cache() -> None:
    a = open_model(resolve_model("ember")).architecture
    modules = dataclasses.replace(a, num_nextn_predict_layers=2)
    a = dataclasses.replace(a, num_nextn_predict_layers=0)
    assert cache_bytes(modules, 3) == 3 * (a.num_layers + 1) * a.row_dim * 2
    assert cache_bytes(a, 3) == 3 * a.num_layers * a.row_dim * 2
    assert cache_bytes(a, 3, "f32") == 2 * cache_bytes(a, 3)
    scales = sum(2 * -(-width // 32) for width in a.attention.row_parts)
    assert cache_bytes(a, 3, "q8") == 3 * a.num_layers * (a.row_dim + scales)
    grouped = GroupedAttention(num_heads=4, num_kv_heads=2, head_dim=33)
    assert row_bytes(dataclasses.replace(a, attention=grouped), "q8") == 4 * (34 + 4)
