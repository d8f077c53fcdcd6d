"""Faces in pictures as vectors: dlib's detector, its five points and its ResNet, all of them free to use.

The one place that knows a front end; anything else with `space`, `dim` and `vectors_of` can stand in for it.  It needs
two packages that the program does not bring: dlib-bin and face-recognition-models.  Of the second's files three are
read.  The fourth, of 68 points, was trained on pictures that may not be used commercially, and is never opened.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import DataError

RGB = NDArray[np.uint8]
F32 = NDArray[np.float32]

_POINTS = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_LARGEST = 1000  # pixels of a picture's longer side in which faces are looked for


class Faces:
    """dlib's faces.  dim, space: what the vectors are, for a file of them."""

    dim, space = 128, "dlib resnet v1"

    def __init__(self) -> None:
        """DataError says which packages are missing."""
        folder = _models()
        self._dlib: Any = importlib.import_module("dlib")
        self._detector = self._dlib.get_frontal_face_detector()
        self._points = self._dlib.shape_predictor(str(folder / _POINTS))
        self._network = self._dlib.face_recognition_model_v1(str(folder / _NETWORK))

    def read(self, path: Path) -> RGB:
        """A picture's pixels [height, width, 3]."""
        try:
            return np.asarray(self._dlib.load_rgb_image(str(path)), np.uint8)
        except RuntimeError:
            raise DataError(f"{path} is not a picture that can be read (JPEG or PNG).").in_chinese(
                f"{path} 不是能读的图片（JPEG 或 PNG）。"
            ) from None

    def found(self, picture: RGB) -> list[Any]:
        """The faces in a picture, largest first, as places that `vector` takes."""
        step = max(1, -(-max(picture.shape[:2]) // _LARGEST))
        small = np.ascontiguousarray(picture[::step, ::step])
        places = [
            self._dlib.rectangle(*(step * edge for edge in (one.left(), one.top(), one.right(), one.bottom())))
            for one in self._detector(small, 1)
        ]
        return sorted(places, key=lambda one: -one.area())

    def vector(self, picture: RGB, place: Any) -> F32:
        """The face at a place, as 128 numbers; not of length 1, since a poor picture's are smaller."""
        points = self._points(picture, place)
        return np.array(self._network.compute_face_descriptor(picture, points), np.float32)

    def vectors_of(self, paths: list[Path]) -> F32:
        """The one face of each picture [n, 128].  DataError names a picture with no face or several."""
        vectors = []
        for path in paths:
            picture = self.read(path)
            places = self.found(picture)
            if len(places) != 1:
                raise DataError(f"{path} shows {len(places)} faces; exactly one is needed.").in_chinese(
                    f"{path} 里有 {len(places)} 张脸；要正好一张。"
                )
            vectors.append(self.vector(picture, places[0]))
        return np.stack(vectors)


def _models() -> Path:
    missing = [
        package
        for package, module in (("dlib-bin", "dlib"), ("face-recognition-models", "face_recognition_models"))
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        names = " ".join(missing)
        raise DataError(
            f"Faces in pictures need more packages: pip install {names}; or give vectors (.npy)."
        ).in_chinese(f"看图片里的脸还需要：pip install {names}；也可以直接给向量（.npy）。")
    spec = importlib.util.find_spec("face_recognition_models")  # its own code needs setuptools: only its files are used
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"


def degraded(picture: RGB, rng: np.random.Generator) -> RGB:
    """A poor copy of a picture, as a bad camera, the evening or a step too fast would make it."""
    image: NDArray[Any] = picture.astype(np.float32)
    for _ in range(int(rng.integers(0, 6))):  # blurred
        image = (image + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, (1, 1), (0, 1))) / 4
    if (factor := int(rng.integers(1, 6))) > 1:  # few pixels
        image = np.repeat(np.repeat(image[::factor, ::factor], factor, 0), factor, 1)
        image = image[: picture.shape[0], : picture.shape[1]]
    image *= rng.uniform(0.15, 1.1)  # dark
    image += rng.normal(0, rng.uniform(0, 25), image.shape)  # grainy
    return np.asarray(np.clip(image, 0, 255), np.uint8)
