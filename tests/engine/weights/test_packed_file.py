"""Loading: packed once, memory-mapped afterwards, and never from a stale or damaged file."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from huozhong.engine.weights import packed_file as weights_cache
from huozhong.engine.weights import packing
from huozhong.engine.weights.layout import LatentAttentionWeights, Weights, load_weights
from huozhong.engine.weights.quant import unpack
from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.checkpoint import CheckpointReader
from huozhong.formats.source import open_model
from huozhong.model.config import ModelConfig


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def assert_same(a: Weights, b: Weights) -> None:
    assert a.architecture == b.architecture
    np.testing.assert_array_equal(a.head.data, b.head.data)
    for one, other in zip(a.layers, b.layers, strict=True):
        assert isinstance(one.attention, LatentAttentionWeights)
        assert isinstance(other.attention, LatentAttentionWeights)
        for down, other_down in zip(one.attention.down, other.attention.down, strict=True):
            np.testing.assert_array_equal(down.data, other_down.data)
        assert (one.moe is None) == (other.moe is None)


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The format of every packing that really happens."""
    calls: list[str] = []
    original = packing.pack_weights

    def counted(source, quantization, *more):  # type: ignore[no-untyped-def]
        calls.append(quantization)
        return original(source, quantization, *more)

    monkeypatch.setattr(packing, "pack_weights", counted)
    return calls


def test_f32_weights_are_the_checkpoint(tiny_folder: Path, tmp_path: Path) -> None:
    weights, reader = load_weights(tiny_folder, "f32", tmp_path), CheckpointReader(tiny_folder)
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


@pytest.mark.parametrize("format", ["q8", "q4", "f32"])
def test_second_load_maps_the_file(tiny_folder: Path, tmp_path: Path, packings: list[str], format: str) -> None:
    first = load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    began = time.perf_counter()
    second = load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    assert time.perf_counter() - began < 1
    assert packings == [format]
    assert_same(first, second)
    assert not second.head.data.flags.owndata
    assert second.head.data.ctypes.data % 64 == 0
    assert second.format == format


def test_each_format_has_its_file(tiny_folder: Path, tmp_path: Path, packings: list[str]) -> None:
    for format in ("q8", "q4", "q8"):
        load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    assert packings == ["q8", "q4"]
    assert len(list(tmp_path.iterdir())) == 2


def test_changed_model_is_packed_again_into_the_same_file(
    tiny_folder: Path, tmp_path: Path, packings: list[str]
) -> None:
    model, cache = tmp_path / "model", tmp_path / "cache"
    shutil.copytree(tiny_folder, model)
    load_weights(model, "q8", cache)
    os.utime(model / "model.safetensors", ns=(1, 1))
    load_weights(model, "q8", cache)
    assert packings == ["q8", "q8"]
    only_file(cache)


def damage_tree(data: bytearray) -> bytearray:
    data[-40] ^= 1
    return data


def damage_prefix(data: bytearray) -> bytearray:
    data[9] ^= 1
    return data


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"",
        lambda data: data[:10],
        lambda data: b"NOTOURS!" + data[8:],
        lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:],
        damage_tree,
        damage_prefix,
    ],
)
def test_damaged_file_is_packed_again(  # type: ignore[no-untyped-def]
    tiny_folder: Path, tmp_path: Path, packings: list[str], damage
) -> None:
    first = load_weights(tiny_folder, "q8", tmp_path)
    path = only_file(tmp_path)
    data = damage(bytearray(path.read_bytes()))
    path.unlink()  # not in place: `first` is still mapped
    path.write_bytes(data)
    assert_same(load_weights(tiny_folder, "q8", tmp_path), first)
    assert packings == ["q8", "q8"]
    assert_same(load_weights(tiny_folder, "q8", tmp_path), first)
    assert len(packings) == 2


def test_unwritable_cache_packs_in_memory(tiny_folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.warns(UserWarning, match="cannot be kept"):
        weights = load_weights(tiny_folder, "q8", blocked / "cache")
    assert_same(weights, load_weights(tiny_folder, "q8", tmp_path / "cache"))


def test_default_folder_is_the_users_cache(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_weights(tiny_folder, "q8")
    assert only_file(tmp_path / "huozhong").suffix == ".packed"


def test_left_over_temporary_files_are_removed(tiny_folder: Path, tmp_path: Path) -> None:
    load_weights(tiny_folder, "q8", tmp_path)
    path = only_file(tmp_path)
    left_over = tmp_path / f"{path.name}abc.tmp"
    left_over.write_bytes(b"x")
    os.utime(left_over, (1, 1))
    path.unlink()
    load_weights(tiny_folder, "q8", tmp_path)
    only_file(tmp_path)


def test_errors_name_the_problem(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(CheckpointError):
        load_weights(tmp_path / "nowhere", "q8", tmp_path)
    with pytest.raises(ConfigError, match="q5"):
        load_weights(tiny_folder, "q5", tmp_path)  # type: ignore[arg-type]


# -- streaming -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["q8", "q4", "none", "f32"])
def test_packed_in_the_file_or_in_memory_is_the_same(tiny_folder: Path, tmp_path: Path, quantization: str) -> None:
    in_memory = packing.pack_weights(open_model(tiny_folder), quantization)  # type: ignore[arg-type]
    mapped = load_weights(tiny_folder, quantization, tmp_path)  # type: ignore[arg-type]
    assert arrays_of(in_memory).keys() == arrays_of(mapped).keys()
    for name, array in arrays_of(in_memory).items():
        np.testing.assert_array_equal(arrays_of(mapped)[name], array, err_msg=name)


def test_pieces_change_nothing(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = arrays_of(load_weights(tiny_folder, "q8", tmp_path / "whole"))
    monkeypatch.setattr(packing, "PIECE", 1)  # sixteen rows at a time
    for name, array in arrays_of(load_weights(tiny_folder, "q8", tmp_path / "pieces")).items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def arrays_of(value: object, name: str = "weights") -> dict[str, np.ndarray]:
    if isinstance(value, np.ndarray):
        return {name: value}
    out: dict[str, np.ndarray] = {}
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            out |= arrays_of(item, f"{name}[{i}]")
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            out |= arrays_of(getattr(value, field.name), f"{name}.{field.name}")
    return out


def test_progress_rises_to_the_end(tiny_folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_weights(tiny_folder, "q8", tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0
    seen.clear()
    load_weights(tiny_folder, "q8", tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert not seen


def test_interrupted_packing_leaves_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_weights(tiny_folder, "q8", tmp_path, progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_full_disk_is_a_warning(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, size: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights_cache.PackedFile, "_reserve", full)
    with pytest.warns(UserWarning, match="No space left"):
        load_weights(tiny_folder, "q8", tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_fallocate_the_file_is_the_same(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_weights(tiny_folder, "q8", tmp_path / "a")
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    load_weights(tiny_folder, "q8", tmp_path / "b")
    assert only_file(tmp_path / "a").read_bytes() == only_file(tmp_path / "b").read_bytes()


def test_tied_tables_are_one_matrix(tmp_path: Path) -> None:
    import torch

    from huozhong.model.transformer import Transformer
    from huozhong.train.model_folder import save_transformer

    torch.manual_seed(0)
    config = tiny_config(100, tie_word_embeddings=True)
    save_transformer(Transformer(config), tmp_path / "model", dtype="float32")
    weights = load_weights(tmp_path / "model", "q8", tmp_path / "cache")
    assert weights.head is weights.embedding


def tiny_config(vocab_size: int, **changes: object) -> ModelConfig:
    values: dict[str, object] = {
        "vocab_size": vocab_size, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
        "num_attention_heads": 2, "kv_lora_rank": 16, "q_lora_rank": None, "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8, "v_head_dim": 16,
    }  # fmt: skip
    return ModelConfig(**(values | changes))  # type: ignore[arg-type]
