"""Frames as one vector: the mean without weights, and what is read is checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from huozhong.errors import DataError
from huozhong.memory.pooling import Attention


def some_attention(dim: int = 8) -> Attention:
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal(shape).astype(np.float32) for shape in (dim, dim, dim, (dim, dim), dim)]
    return Attention(*drawn)


def test_without_weights_it_is_the_mean_of_unit_vectors() -> None:
    frames = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
    mean = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).mean(0)
    assert np.allclose(Attention.mean(8).pooled(frames), mean / np.linalg.norm(mean), atol=1e-6)


def test_weights_sum_to_one_and_do_not_depend_on_the_order() -> None:
    attention, frames = some_attention(), np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    assert attention.weights(frames).sum() == pytest.approx(1, abs=1e-6)
    assert np.allclose(attention.pooled(frames), attention.pooled(frames[::-1]), atol=1e-5)
    assert np.linalg.norm(attention.pooled(frames)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("wrong", [np.zeros((2, 8)), np.full((2, 8), np.nan), np.zeros((0, 8)), np.ones(8)])
def test_frames_that_say_nothing_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match="finite numbers"):
        Attention.mean(8).pooled(wrong)


def test_written_and_read(tmp_path: Path) -> None:
    file, attention = tmp_path / "weights.npz", some_attention()
    attention.write(file)
    frames = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    assert np.array_equal(Attention.read(file).pooled(frames), attention.pooled(frames))
    whole = file.read_bytes()
    for damaged in (whole[:-30], b"", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="no weights"):
            Attention.read(file)
    Attention(*(getattr(attention, name) for name in ("shift", "scale", "first", "turn")), np.zeros(3)).write(file)
    with pytest.raises(DataError, match="do not fit together"):
        Attention.read(file)
