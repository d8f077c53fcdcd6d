"""What a model takes, against what packing it really takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from huozhong.engine.llm import resolve_model
from huozhong.engine.weights.load import load_weights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.formats.checkpoint import read_config
from huozhong.formats.source import open_model
from huozhong.model.architecture import GroupedAttention, row_bytes
from huozhong.model.footprint import cache_bytes, footprint
from huozhong.model.sizes import count_parameters


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


def test_parameters(tiny_folder: Path) -> None:
    for folder in (tiny_folder, resolve_model("ember")):
        config = dataclasses.replace(read_config(folder), num_nextn_predict_layers=0)
        count, sizes = count_parameters(config), footprint(open_model(folder))
        assert (sizes.total, sizes.active) == (count.total, count.active)


@pytest.mark.parametrize("quantization", ["q8", "q4", "none"])
def test_memory_is_what_packing_takes(quantization: Literal["q8", "q4", "none"], tmp_path: Path) -> None:
    source = open_model(resolve_model("ember"))
    weights = load_weights(source, quantization, tmp_path)
    expected = footprint(source).memory["stored" if quantization == "none" else quantization]
    assert packed_bytes(weights, set()) == pytest.approx(expected, rel=0.01)


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
