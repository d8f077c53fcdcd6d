"""Packed weights in a file: what is read is what was packed, and only a whole file gets its name."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import tiny_config
from tests.engine.weights.arrays import arrays_of

from huozhong.engine.weights import packed_file
from huozhong.engine.weights.layout import Weights
from huozhong.engine.weights.packing import PackedFormat, pack_weights
from huozhong.formats.source import open_model

SOURCE: dict[str, Any] = {"path": "/models/tiny", "files": [["a", 1, 2]]}


def write(model: Path, path: Path, quantization: PackedFormat = "q8") -> None:
    with packed_file.create(path, SOURCE) as file:
        file.finish(pack_weights(open_model(model), quantization, file.new))


def read(path: Path) -> Weights:
    weights = packed_file.read(path, SOURCE)
    assert weights is not None
    return weights


@pytest.mark.parametrize("quantization", ["q8", "q4", "none", "f32"])
def test_packed_in_the_file_or_in_memory_is_the_same(
    tiny_folder: Path, tmp_path: Path, quantization: PackedFormat
) -> None:
    in_memory = pack_weights(open_model(tiny_folder), quantization)
    write(tiny_folder, tmp_path / "w.packed", quantization)
    mapped = replace(read(tmp_path / "w.packed"), mapped=None)
    assert arrays_of(in_memory).keys() == arrays_of(mapped).keys()
    for name, array in arrays_of(in_memory).items():
        np.testing.assert_array_equal(arrays_of(mapped)[name], array, err_msg=name)


def test_a_file_from_another_source_counts_as_absent(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.packed"
    assert packed_file.read(path, SOURCE) is None
    write(tiny_folder, path)
    assert packed_file.read(path, SOURCE | {"files": [["a", 1, 3]]}) is None
    assert packed_file.read(path, SOURCE) is not None


def test_packing_that_ends_early_leaves_the_old_file(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.packed"
    write(tiny_folder, path)
    before = path.read_bytes()
    with pytest.raises(AssertionError, match="ended early"), packed_file.create(path, SOURCE) as file:
        file.new(np.float32, (100,))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["{}abc.tmp", ".{}.abc.tmp"])  # as they were called once, and are now
def test_left_over_temporary_files_are_removed(tiny_folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "w.packed"
    left_over, of_somebody = tmp_path / name.format(path.name), tmp_path / ".w.packed.busy.tmp"
    for file in (left_over, of_somebody):
        file.write_bytes(b"x")
    os.utime(left_over, (1, 1))
    write(tiny_folder, path)
    assert sorted(tmp_path.iterdir()) == [of_somebody, path]


def test_without_fallocate_the_file_is_the_same(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tiny_folder, tmp_path / "a")
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    write(tiny_folder, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tied_tables_are_one_matrix(tmp_path: Path) -> None:
    import torch

    from huozhong.model.transformer import Transformer
    from huozhong.train.model_folder import save_transformer

    torch.manual_seed(0)
    config = tiny_config(100, tie_word_embeddings=True)
    save_transformer(Transformer(config), tmp_path / "model", dtype="float32")
    write(tmp_path / "model", tmp_path / "w.packed")
    weights = read(tmp_path / "w.packed")
    assert weights.head is weights.embedding
