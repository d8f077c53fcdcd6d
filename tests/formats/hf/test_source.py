"""A Hugging Face folder as a model."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.model.tiny_models import lively_model, moe_config, tiny_config

from huozhong.errors import CheckpointError, HuozhongError
from huozhong.formats.checkpoint import CheckpointReader
from huozhong.formats.source import open_model
from huozhong.train.model_folder import save_transformer

EMBEDDING, Q_UP = "model.embed_tokens.weight", "model.layers.0.self_attn.q_b_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_transformer(lively_model(moe_config(num_nextn_predict_layers=1)), tmp_path / "model", dtype="float32")
    return tmp_path / "model"


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_a_folder_is_what_the_strict_reader_reads(folder: Path) -> None:
    source, reader = open_model(folder), CheckpointReader(folder)
    assert source.kind == "folder"
    assert sorted(source.names()) == sorted(reader.names())
    for name in source.names():
        np.testing.assert_array_equal(source.tensor(name), reader.tensor(name))
    some = np.array([3, 1, 20])
    np.testing.assert_array_equal(source.rows(EMBEDDING, some), reader.tensor(EMBEDDING)[some])
    np.testing.assert_array_equal(source.rows(EMBEDDING, slice(4, 9)), reader.tensor(EMBEDDING)[4:9])
    stored = source.stored(EMBEDDING)
    assert (stored.type, stored.shape, stored.data.shape) == ("F32", (64, 32), (64, 128))
    assert not stored.data.flags.owndata


def test_small_files_are_those_of_the_folder(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(b"{}")
    assert set(open_model(folder).small_files()) == {"tokenizer.json", "generation_config.json"}


def test_prediction_modules_may_be_left_out(folder: Path) -> None:
    assert open_model(folder).architecture.num_nextn_predict_layers == 1

    def drop(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.startswith("model.layers.2.")]:
            del tensors[name]

    edit_tensors(folder, drop)
    found = open_model(folder).architecture
    assert found.num_nextn_predict_layers == 0
    assert len(found.moe_layers) == 2


def test_float8_rows_have_their_blocks_scales(tmp_path: Path) -> None:
    config = tiny_config(hidden_size=160, intermediate_size=300)
    save_transformer(lively_model(config), tmp_path / "model", dtype="float32")
    name = "model.layers.1.mlp.gate_proj.weight"
    weight = torch.randn(300, 160).to(torch.float8_e4m3fn)
    scale = torch.rand(3, 2)
    edit_tensors(tmp_path / "model", lambda t: t.update({name: weight, f"{name}_scale_inv": scale}))
    source = open_model(tmp_path / "model")
    expected = weight.float() * scale.repeat_interleave(128, 0)[:300].repeat_interleave(128, 1)[:, :160]
    np.testing.assert_array_equal(source.tensor(name), expected.numpy())
    some = np.array([299, 0, 128])
    np.testing.assert_array_equal(source.rows(name, some), expected.numpy()[some])
    np.testing.assert_array_equal(source.rows(name, slice(120, 140)), expected.numpy()[120:140])
    for wrong in (torch.rand(2, 2), torch.ones(3, 2, dtype=torch.int32)):
        edit_tensors(tmp_path / "model", lambda t, wrong=wrong: t.update({f"{name}_scale_inv": wrong}))  # type: ignore[misc]
        with pytest.raises(CheckpointError, match=r"_scale_inv' is .*; float32 \[3, 2\] is needed"):
            open_model(tmp_path / "model")
    edit_tensors(tmp_path / "model", lambda t: t.pop(f"{name}_scale_inv"))
    with pytest.raises(CheckpointError, match="is float8 without"):
        open_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(EMBEDDING), "'model.embed_tokens.weight' is missing; config.json needs it"),
        (lambda t: t.update({EMBEDDING: torch.zeros(63, 32)}), r"has shape \[63, 32\]; config.json needs \[64, 32\]"),
        (lambda t: t.update({EMBEDDING: torch.zeros(64, 32, dtype=torch.int8)}), "is stored as I8"),
        (lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": torch.zeros(32)}), "has no place in the model"),
    ],
)
def test_folders_that_are_refused(folder: Path, change: Callable[[Any], object], words: str) -> None:
    edit_tensors(folder, change)
    with pytest.raises(CheckpointError, match=words):
        open_model(folder)


def mutated(value: Any, rng: random.Random) -> Any:
    nonsense: list[Any] = [None, -1, 0, 2**40, 1e300, True, "x", [], {}, [1], {"a": 1}, 0.5, float("nan")]
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        return value | {key: mutated(value[key], rng)}
    return rng.choice(nonsense)


@pytest.mark.parametrize("seed", range(4))
def test_hostile_configs_are_one_error_or_a_model(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    original = json.loads((folder / "config.json").read_text())
    for _ in range(100):
        (folder / "config.json").write_text(json.dumps(mutated(original, rng)))
        with contextlib.suppress(HuozhongError):
            open_model(folder)
