"""Loading: packed once, memory-mapped afterwards, and never from a stale or damaged file."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from huozhong.engine import weights as weights_module
from huozhong.engine.quant import unpack
from huozhong.engine.weights import Weights, load_weights
from huozhong.errors import CheckpointError, ConfigError
from huozhong.model.checkpoint import CheckpointReader


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def assert_same(a: Weights, b: Weights) -> None:
    assert a.config == b.config
    np.testing.assert_array_equal(a.head.data, b.head.data)
    for one, other in zip(a.layers, b.layers, strict=True):
        np.testing.assert_array_equal(one.attention.down.data, other.attention.down.data)
        assert (one.moe is None) == (other.moe is None)


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The format of every packing that really happens."""
    calls: list[str] = []
    original = weights_module.pack_weights

    def counted(config, tensor, format):  # type: ignore[no-untyped-def]
        calls.append(format)
        return original(config, tensor, format)

    monkeypatch.setattr(weights_module, "pack_weights", counted)
    return calls


def test_f32_weights_are_the_checkpoint(tiny_folder: Path, tmp_path: Path) -> None:
    weights, reader = load_weights(tiny_folder, "f32", tmp_path), CheckpointReader(tiny_folder)
    c = reader.config
    np.testing.assert_array_equal(unpack(weights.embedding), reader.tensor("model.embed_tokens.weight"))
    attention = weights.layers[0].attention
    kv_b = reader.tensor("model.layers.0.self_attn.kv_b_proj.weight")
    kv_b = kv_b.reshape(c.num_attention_heads, -1, c.kv_lora_rank)
    np.testing.assert_array_equal(unpack(attention.k_up), kv_b[:, : c.qk_nope_head_dim])
    np.testing.assert_array_equal(unpack(attention.v_up), kv_b[:, c.qk_nope_head_dim :])
    np.testing.assert_array_equal(unpack(attention.q_absorb), unpack(attention.k_up).swapaxes(1, 2))
    moe = weights.layers[1].moe
    assert moe is not None
    gate = reader.tensor("model.layers.1.mlp.experts.3.gate_proj.weight")
    np.testing.assert_array_equal(unpack(moe.gate_up)[3][: len(gate)], gate)


@pytest.mark.parametrize("format", ["q8", "q4", "f32"])
def test_second_load_maps_the_file(
    tiny_folder: Path, tmp_path: Path, packings: list[str], format: str
) -> None:
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


def damage_header(data: bytearray) -> bytearray:
    data[40] ^= 1
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
        damage_header,
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


def test_default_folder_is_the_users_cache(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
