"""The pen's own detector, in NumPy: a small net from a picture to heat maps of middles, snouts and tails.

It is trained by `train.py` from frames that its user labelled; its weights are an .npz of about 0.8 MB.  A picture is
brought to 320 pixels at its longer side; maps have a cell for two of those.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError
from huozhong.senses.keypoints import Seen, from_maps
from huozhong.senses.look import resized

F32 = NDArray[np.float32]
LONGEST, CELL, DEEPEST = 320, 2, 8  # pixels of the picture that the net sees; of a cell; of its coarsest cell
CHANNELS = 5


@dataclass(frozen=True)
class Layer:
    """A convolution: channels in and out, kernel x kernel taps `apart` cells from each other, every `stride` cells."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    apart: int = 1


LAYERS = (
    Layer("look", 3, 24, 5, stride=2),
    Layer("edges", 24, 32, 3),
    Layer("down1", 32, 48, 3, stride=2),
    Layer("parts", 48, 48, 3),
    Layer("down2", 48, 64, 3, stride=2),
    Layer("wide1", 64, 64, 3, apart=2),
    Layer("wide2", 64, 64, 3, apart=3),
    Layer("up1", 64, 48, 1),
    Layer("join1", 48, 48, 3),
    Layer("up2", 48, 32, 1),
    Layer("join2", 32, 32, 3),
    Layer("maps", 32, CHANNELS, 1),
)  # 180,000 numbers


def parameters() -> int:
    return sum(one.outputs * (one.inputs * one.kernel**2 + 1) for one in LAYERS)


def prepared(picture: NDArray[np.uint8]) -> tuple[F32, float]:
    """What the net sees, [3, height, width], and the pixels of the picture in one of its own.

    Scaled by means over areas, padded at right and below, and brought to the same brightness and contrast.
    """
    height, width = picture.shape[:2]
    ratio = max(height, width) / LONGEST
    small = resized(picture, max(1, round(height / ratio)), max(1, round(width / ratio)))
    return np.ascontiguousarray(_padded(normal(small).transpose(2, 0, 1))), ratio


def normal(picture: F32) -> F32:
    """Mean 0 and spread 1 over the whole picture."""
    return np.asarray((picture - picture.mean()) / max(float(picture.std()), 4.0), np.float32)


def _padded(x: F32) -> F32:
    return np.pad(x, ((0, 0), (0, -x.shape[1] % DEEPEST), (0, -x.shape[2] % DEEPEST)))


def maps(weights: dict[str, F32], x: F32) -> F32:
    """The net over [3, height, width] (multiples of 8) -> [5, height / 2, width / 2]; heat through a sigmoid."""
    run = partial(_layer, weights)
    edges = run("edges", run("look", x))
    parts = run("parts", run("down1", edges))
    deep = run("wide2", run("wide1", run("down2", parts)))
    parts = run("join1", _twice(run("up1", deep)) + parts)
    edges = run("join2", _twice(run("up2", parts)) + edges)
    raw = run("maps", edges)
    raw[:3] = 1 / (1 + np.exp(-np.clip(raw[:3], -30, 30)))
    return raw


_BY_NAME = {one.name: one for one in LAYERS}


def _layer(weights: dict[str, F32], name: str, x: F32) -> F32:
    layer = _BY_NAME[name]
    weight, bias = weights[f"{name}_weight"], weights[f"{name}_bias"]
    reach = layer.apart * (layer.kernel // 2)
    height, width = x.shape[1] // layer.stride, x.shape[2] // layer.stride
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach))) if reach else x
    taps = [
        padded[:, dy : dy + x.shape[1] : layer.stride, dx : dx + x.shape[2] : layer.stride].reshape(x.shape[0], -1)
        for dy in range(0, 2 * reach + 1, layer.apart)
        for dx in range(0, 2 * reach + 1, layer.apart)
    ]
    flat = weight.transpose(0, 2, 3, 1).reshape(layer.outputs, -1)
    out = flat @ np.concatenate(taps, 0) + bias[:, None]
    if name != "maps" and not name.startswith("up"):
        np.maximum(out, 0, out=out)
    return np.asarray(out.reshape(layer.outputs, height, width), np.float32)


def _twice(x: F32) -> F32:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def load(file: Path) -> dict[str, F32]:
    """A detector's weights; raises `SkillError` where the file is none."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            weights = {name: arrays[name].astype(np.float32) for name in arrays.files}
    except (OSError, ValueError, BadZipFile, EOFError, KeyError):
        raise SkillError(f"{file.name} 读不了，它不是猪圈的检测器。", f"{file.name} is no pen's detector.") from None
    for one in LAYERS:
        shape = (one.outputs, one.inputs, one.kernel, one.kernel)
        for name, wanted in ((f"{one.name}_weight", shape), (f"{one.name}_bias", shape[:1])):
            if name not in weights or weights[name].shape != wanted or not np.isfinite(weights[name]).all():
                raise SkillError(
                    f"{file.name} 不是这个版本的检测器（{name}）；请重新训练。",
                    f"{file.name} is no detector of this version ({name}); train it again.",
                )
    return weights


class PenDetector:
    """The net with its weights: pictures in, pigs out."""

    def __init__(self, weights: dict[str, F32], least: float = 0.2) -> None:
        self.weights, self.least = weights, least

    @classmethod
    def read(cls, file: Path) -> PenDetector:
        return cls(load(file))

    def find(self, picture: NDArray[np.uint8]) -> list[Seen]:
        """Pigs of a picture [height, width, 3], with places in its pixels."""
        x, ratio = prepared(picture)
        return from_maps(maps(self.weights, x), CELL * ratio, self.least)
