"""Several poor pictures of one face, or any vectors of one thing, as one: the better ones count for more.

Attention over the frames of a track, twice, the second time by what the first saw (Yang and others 2017, "NAN"): a
frame weighs exp(q . x), x being its vector scaled; q is learnt, then made from the first sum as tanh(W r + b).  With q
and W zero it is the mean, which is what a track gets without weights.  apps/gallery/train.py learns them.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import DataError
from huozhong.files import write_whole

F32 = NDArray[np.float32]
_NAMES = ("shift", "scale", "first", "turn", "bias")


@dataclass(frozen=True)
class Attention:
    """x = (vector - shift) * scale, q1 = first, q2 = tanh(turn r + bias).

    shift, scale, first, bias [dim]; turn [dim, dim].
    """

    shift: F32
    scale: F32
    first: F32
    turn: F32
    bias: F32

    @classmethod
    def mean(cls, dim: int) -> Attention:
        """Every frame weighs the same."""
        zero = np.zeros(dim, np.float32)
        return cls(zero, np.ones(dim, np.float32), zero, np.zeros((dim, dim), np.float32), zero)

    @classmethod
    def read(cls, path: Path) -> Attention:
        """What `write` wrote; DataError for anything else."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                given = [np.asarray(arrays[name], np.float32) for name in _NAMES]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{path} holds no weights for pooling ({error}).").in_chinese(
                f"{path} 里没有汇总用的权重（{error}）。"
            ) from None
        dim = given[0].shape
        if [one.shape for one in given] != [dim, dim, dim, dim + dim, dim] or not all(
            np.isfinite(a).all() for a in given
        ):
            raise DataError(f"The weights in {path} do not fit together.").in_chinese(f"{path} 里的权重对不上。")
        return cls(*given)

    def write(self, path: Path) -> None:
        out = io.BytesIO()
        np.savez(out, **{name: getattr(self, name) for name in _NAMES})
        write_whole(path, out.getvalue())

    def weights(self, frames_KD: F32) -> F32:
        """How much each frame counts, summing to 1."""
        x_KD = np.asarray((frames_KD - self.shift) * self.scale, np.float32)
        first_K = _softmax(x_KD @ self.first)
        second = np.tanh(self.turn @ (first_K @ x_KD) + self.bias).astype(np.float32)
        return _softmax(np.asarray(x_KD @ second, np.float32))

    def pooled(self, frames_KD: F32) -> F32:
        """One vector of length 1 for a track of frames [K, dim], each of any length but zero."""
        frames = np.asarray(frames_KD, np.float32)
        lengths = np.linalg.norm(frames, axis=1, keepdims=True) if frames.ndim == 2 else np.zeros(1)
        if frames.ndim != 2 or not len(frames) or not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise DataError("Frames to pool must be rows of finite numbers, none all zero.").in_chinese(
                "要汇总的每一帧都应是有限的数，不全是零。"
            )
        sum_D = self.weights(frames) @ (frames / lengths)
        return np.asarray(sum_D / max(float(np.linalg.norm(sum_D)), 1e-12), np.float32)


def _softmax(x_K: F32) -> F32:
    e_K = np.exp(x_K - x_K.max())
    return np.asarray(e_K / e_K.sum(), np.float32)
