"""Loading: packed once, memory-mapped afterwards, and never from a stale or damaged file."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from huozhong.engine.weights import load
from huozhong.engine.weights.layout import LatentAttentionWeights, Weights
from huozhong.engine.weights.load import forget_packed, load_weights
from huozhong.engine.weights.packed_file import PackedFile
from huozhong.errors import CheckpointError, ConfigError


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
    original = load.pack_weights

    def counted(source, quantization, *more):  # type: ignore[no-untyped-def]
        calls.append(quantization)
        return original(source, quantization, *more)

    monkeypatch.setattr(load, "pack_weights", counted)
    return calls


@pytest.mark.parametrize("format", ["q8", "q4", "f32"])
def test_second_load_maps_the_file(tiny_folder: Path, tmp_path: Path, packings: list[str], format: str) -> None:
    first = load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    began = time.process_time()
    second = load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    assert time.process_time() - began < 1
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


def test_errors_name_the_problem(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(CheckpointError):
        load_weights(tmp_path / "nowhere", "q8", tmp_path)
    with pytest.raises(ConfigError, match="q5"):
        load_weights(tiny_folder, "q5", tmp_path)  # type: ignore[arg-type]


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

    monkeypatch.setattr(PackedFile, "_reserve", full)
    with pytest.warns(UserWarning, match="No space left"):
        load_weights(tiny_folder, "q8", tmp_path)
    assert not list(tmp_path.iterdir())


def test_forgotten_is_gone_and_counted(tiny_folder: Path, tmp_path: Path) -> None:
    for format in ("q8", "q4"):
        load_weights(tiny_folder, format, tmp_path)  # type: ignore[arg-type]
    sizes = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert forget_packed(tmp_path / "another", tmp_path) == 0
    assert forget_packed(tiny_folder.resolve(), tmp_path) == sizes > 0
    assert not list(tmp_path.iterdir())
