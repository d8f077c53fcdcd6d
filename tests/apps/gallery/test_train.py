"""Pooling is learnt: the gradients are those of the loss, and tracks of people never seen are pooled better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from huozhong.apps.gallery.train import fit, gradients, losses, main
from huozhong.memory.pooling import Attention


def made_up(people: int, frames: int = 20, dim: int = 48) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Poor frames lose the person and move towards what all poor frames look like."""
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((people, dim))
    poor = 1.5 * rng.standard_normal(dim)
    much = rng.uniform(0, 1, (people, frames, 1)) ** 0.5
    tracks = (1 - much) * clean[:, None] + much * (poor + 1.5 * rng.standard_normal((people, frames, dim)))
    return clean.astype(np.float32), tracks.astype(np.float32)


def test_the_gradients_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(2)
    dim, who = 6, np.array([1, 3])
    parts = [0.5 * rng.standard_normal(shape) for shape in (dim, (dim, dim), dim)]
    people = rng.standard_normal((4, dim))
    people = (people / np.linalg.norm(people, axis=1, keepdims=True)).astype(np.float32)
    frames = rng.standard_normal((2, 5, dim)).astype(np.float32)
    shift, scale = np.zeros(dim, np.float32), np.ones(dim, np.float32)

    def at(moved: list[NDArray[np.float64]]) -> Attention:
        return Attention(shift, scale, *(part.astype(np.float32) for part in moved))

    for which, gradient in enumerate(gradients(at(parts), people, frames, who)):
        assert gradient.shape == parts[which].shape
        for place in np.ndindex(gradient.shape):
            moved = [[part.copy() for part in parts] for _ in range(2)]
            moved[0][which][place] += 1e-2
            moved[1][which][place] -= 1e-2
            above, below = (losses(at(one), people, frames, who).mean() for one in moved)
            assert gradient[place] == pytest.approx((above - below) / 2e-2, abs=2e-2)


def test_a_batch_is_pooled_as_one_track_is() -> None:
    clean, tracks = made_up(3, 5, 8)
    attention = fit(*made_up(12, 8, 8), steps=20).attention
    likeness = np.stack([attention.pooled(track) for track in tracks]) @ clean.T
    likeness *= 16 / np.linalg.norm(clean, axis=1)
    expected = np.log(np.exp(likeness).sum(1)) - likeness[np.arange(3), np.arange(3)]
    people = clean / np.linalg.norm(clean, axis=1, keepdims=True)
    assert np.allclose(losses(attention, people, tracks, np.arange(3)), expected, atol=1e-3)


def test_people_never_seen_are_recognised_more_often() -> None:
    result = fit(*made_up(80), steps=200)
    assert result.learnt > result.mean + 0.03


def test_weights_are_written_only_where_they_pay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean, tracks = made_up(40)
    tracks[:] = clean[:, None]  # nothing to learn: every frame is as good
    np.savez(tmp_path / "tracks.npz", clean=clean, tracks=tracks)
    main(tmp_path / "tracks.npz", tmp_path / "out.npz")
    assert "the mean is as good" in capsys.readouterr().out
    assert not (tmp_path / "out.npz").exists()
