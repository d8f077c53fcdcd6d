"""Pictures and films in, and the user's own detector over them.

A PPM (P6) is read here; every other picture and all films by PyAV, an ONNX model by onnxruntime: both come with
`pip install 'huozhong[senses]'`, are imported when first needed, and their lack is one clear sentence.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError
from huozhong.senses.keypoints import Seen, from_maps, from_rows

Picture = NDArray[np.uint8]  # [height, width, 3], red first
F32 = NDArray[np.float32]
LARGEST_SIDE, SMALLEST_SIDE = 8192, 16  # pixels
MOST_PIXELS = 40_000_000
MOST_BYTES = 64 << 20
_PPM = re.compile(rb"P6\s(?:#[^\n]*\n|\s)*(\d{1,5})\s(?:#[^\n]*\n|\s)*(\d{1,5})\s(?:#[^\n]*\n|\s)*255\s")


_BEGINNINGS = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|BM|RIFF....WEBP|II\*\0|MM\0\*|....ftyp", re.DOTALL)


class Detector(Protocol):
    """Whatever finds animals in a picture."""

    def find(self, picture: Picture) -> list[Seen]:
        """Animals, with places in the picture's pixels."""
        ...


def read_picture(data: bytes) -> Picture:
    """One picture out of a file's bytes: PPM by itself, PNG, JPEG and others through PyAV.

    Raises `SkillError`: no picture, damaged, too large.
    """
    if len(data) > MOST_BYTES:
        raise SkillError("照片太大（上限 64 MB）。", "The picture is too large (64 MB at most).")
    if data[:2] == b"P6":
        return _read_ppm(data)
    if not _BEGINNINGS.match(data):
        raise _no_picture()  # whatever it is, no decoder is tried on it
    av = _av()
    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            for one in container.decode(video=0):
                _bounded(one.width, one.height)
                return np.ascontiguousarray(one.to_ndarray(format="rgb24"))
    except (av.FFmpegError, ValueError, IndexError):
        raise _no_picture() from None
    raise _no_picture()


def write_ppm(picture: Picture) -> bytes:
    """The picture as a PPM file."""
    return b"P6\n%d %d\n255\n" % (picture.shape[1], picture.shape[0]) + np.ascontiguousarray(picture).tobytes()


def film(file: Path, every: float = 1.0) -> Iterator[tuple[float, Picture]]:
    """(seconds since the beginning, picture) of a film, one every so many seconds, or each (`every` 0).

    Raises `SkillError` where the file is no film.
    """
    av = _av()
    try:
        with av.open(str(file), mode="r") as container:
            if not container.streams.video:
                raise _no_film(file)
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            wanted, begin = 0.0, None
            for one in container.decode(stream):
                if one.time is None:
                    continue
                begin = one.time if begin is None else begin
                at = one.time - begin
                if at + 1e-6 >= wanted:
                    _bounded(one.width, one.height)
                    wanted = max(wanted + every, at) if every > 0 else 0.0
                    yield at, np.ascontiguousarray(one.to_ndarray(format="rgb24"))
    except (av.FFmpegError, OSError, ValueError):
        raise _no_film(file) from None


class OnnxDetector:
    """A detector of the user's own, as an ONNX file.

    Two kinds are understood, told apart by what comes out.  Heat maps: one output [1, 5, h, w] as `apps/pen` writes it
    (middles, snouts, tails, from the middle to the snout).  Rows: one output [1, n, 5 + 3 k] or its transpose: boxes,
    scores and k >= 2 keypoints (x, y, how clear) in pixels of the input; `snout` and `tail` say which two.  The input
    is [1, 3, h, w], red first; for rows 0 to 1, for heat maps mean 0 and spread 1 over the picture.
    """

    def __init__(self, file: Path, *, snout: int = 0, tail: int = 1, least: float = 0.25, threads: int = 1) -> None:
        runtime = _onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what onnxruntime raises has no common class
            raise SkillError(
                f"{file.name} 读不了，它不是能用的 ONNX 模型（{type(error).__name__}）。",
                f"{file.name} cannot be used as an ONNX model ({type(error).__name__}).",
            ) from None
        self._name, self._snout, self._tail, self._least = file.name, snout, tail, least
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
            raise self._unfit()
        self._input, self._output = inputs[0], outputs[0].name
        self.maps = len(outputs[0].shape) == 4

    def find(self, picture: Picture) -> list[Seen]:
        """Animals, with places in the picture's pixels."""
        height, width = self._input_size(picture)
        ratio = max(picture.shape[0] / height, picture.shape[1] / width)
        small = resized(picture, max(1, round(picture.shape[0] / ratio)), max(1, round(picture.shape[1] / ratio)))
        if self.maps:
            x = (small - small.mean()) / max(float(small.std()), 4.0)
        else:
            x = small / 255
        x = np.pad(x, ((0, height - x.shape[0]), (0, width - x.shape[1]), (0, 0)))
        x = np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)
        try:
            (out,) = self._session.run([self._output], {self._input.name: x})
        except Exception as error:  # as above
            raise SkillError(
                f"{self._name} 算不了这张照片（{type(error).__name__}）。",
                f"{self._name} cannot compute this picture ({type(error).__name__}).",
            ) from None
        return self._read(np.asarray(out, np.float32), width, ratio)

    def _input_size(self, picture: Picture) -> tuple[int, int]:
        """Height and width of the input: its own, or where it leaves them open, 320 at the longer side, by eights."""
        height, width = self._input.shape[2:]
        if isinstance(height, int) and isinstance(width, int):
            return height, width
        ratio = max(picture.shape[:2]) / 320
        sides = [max(1, round(side / ratio)) for side in picture.shape[:2]]
        return sides[0] + -sides[0] % 8, sides[1] + -sides[1] % 8

    def _read(self, out: F32, width: int, ratio: float) -> list[Seen]:
        if out.ndim == 4 and out.shape[:2] == (1, 5):
            return from_maps(out[0], ratio * width / out.shape[3], self._least)
        if out.ndim != 3 or out.shape[0] != 1:
            raise self._unfit()
        rows = out[0].copy()
        if not _is_rows(rows.shape[1]) and _is_rows(rows.shape[0]):
            rows = rows.T.copy()
        if not _is_rows(rows.shape[1]) or rows.shape[1] < 5 + 3 * (max(self._snout, self._tail) + 1):
            raise self._unfit()
        for column in range(5, rows.shape[1], 3):
            rows[:, column : column + 2] *= ratio
        return from_rows(rows, self._least, self._snout, self._tail)

    def _unfit(self) -> SkillError:
        return SkillError(
            f"{self._name} 的输入或输出不合适：要 [1,3,h,w] 进，[1,5,h,w] 热图或 [1,n,5+3k] 关键点出。",
            f"{self._name} does not fit: in [1,3,h,w], out heat maps [1,5,h,w] or rows [1,n,5+3k] with keypoints.",
        )


def resized(picture: Picture, height: int, width: int) -> F32:
    """[height, width, 3], each pixel the mean of its area."""
    rows, columns = _areas(picture.shape[0], height), _areas(picture.shape[1], width)
    narrow = np.tensordot(rows, picture.astype(np.float32), (1, 0))
    return np.asarray(np.einsum("wx,hxc->hwc", columns, narrow, optimize=True), np.float32)


def _areas(old: int, new: int) -> F32:
    edges, cells = np.linspace(0, old, new + 1), np.arange(old)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _is_rows(wide: int) -> bool:
    return wide >= 11 and (wide - 5) % 3 == 0


def _read_ppm(data: bytes) -> Picture:
    head = _PPM.match(data)
    if head is None:
        raise _no_picture()
    width, height = int(head[1]), int(head[2])
    _bounded(width, height)
    body = data[head.end() :]
    if len(body) != width * height * 3:
        raise _no_picture()
    return np.frombuffer(body, np.uint8).reshape(height, width, 3)


def _bounded(width: int, height: int) -> None:
    sides = (width, height)
    if min(sides) < SMALLEST_SIDE or max(sides) > LARGEST_SIDE or width * height > MOST_PIXELS:
        raise SkillError(
            f"照片是 {width}×{height}，要在 16 到 8192 像素之间。",
            f"The picture is {width}x{height}; sides are to be 16 to 8192 pixels.",
        )


def _no_picture() -> SkillError:
    return SkillError("这不是一张能读的照片。", "This is no picture that can be read.")


def _no_film(file: Path) -> SkillError:
    return SkillError(f"{file.name} 不是能读的录像。", f"{file.name} is no film that can be read.")


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise SkillError(
            "读照片和录像要装 av：pip install 'huozhong[senses]'。",
            "Pictures and films need av: pip install 'huozhong[senses]'.",
        ) from None
    return av


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise SkillError(
            "用自己的 ONNX 模型要装 onnxruntime：pip install 'huozhong[senses]'。",
            "A model of your own (ONNX) needs onnxruntime: pip install 'huozhong[senses]'.",
        ) from None
    return onnxruntime
