"""Faces in pictures as vectors: dlib's detector, its five points and its ResNet, all of them free to use.

It needs packages that the program does not bring (`pip install 'huozhong[faces]'`): dlib-bin, face-recognition-models
and Pillow.  Of the second's files three are read.  The fourth, of 68 points, was trained on pictures that may not be
used commercially, and is never opened.  Pictures are taken apart in memory and never touch the disk.

Any other front end can stand in: an installed package names a class like `Faces` in the entry point group
"huozhong.faces".
"""

from __future__ import annotations

import importlib
import importlib.util
import io
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import DataError

RGB = NDArray[np.uint8]
F32 = NDArray[np.float32]

LEAST_PEOPLE = 8  # to learn from
MOST_PIXELS = 50_000_000  # of a picture
_POINTS = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_LARGEST = 1000  # pixels of a picture's longer side in which faces are looked for
_NEEDS = {"dlib-bin": "dlib", "face-recognition-models": "face_recognition_models", "pillow": "PIL"}


class FrontEnd(Protocol):
    """What finds faces in pictures and makes vectors of them.

    dim, space: what the vectors are, for a file of them.  given: the likeness from which a face counts as somebody's
    while too few people are registered to work it out; about one stranger in 10,000 should reach it among twenty
    people.  alike: the likeness that two pictures of one person reach, as a rule.
    """

    dim: int
    space: str
    given: float
    alike: float

    def __init__(self) -> None:
        """DataError says what is missing."""

    @classmethod
    def check(cls) -> None:
        """DataError where something is missing, without loading anything."""

    def pixels(self, data: bytes) -> RGB:
        """A picture's pixels [height, width, 3], the right way up; DataError where it is none."""

    def found(self, picture: RGB, *, thorough: bool = False) -> list[Any]:
        """The faces in it, largest first, as places that `vector` takes.  thorough: small ones, too."""

    def vector(self, picture: RGB, place: Any) -> F32:
        """The face at a place, as `dim` numbers."""


def front_end() -> type[FrontEnd]:
    """The machine's: an installed package's, or dlib's."""
    for entry in entry_points(group="huozhong.faces"):
        made: type[FrontEnd] = entry.load()
        return made
    return Faces


class Faces:
    """dlib's faces."""

    dim, space = 128, "dlib resnet v1"
    # 18 different faces of adults (face-api's demo pictures): one stranger in 10,000 reaches 0.948 among them.  0.918
    # is dlib's own bound for one person, a distance of 0.6, at the length that its vectors have.
    given, alike = 0.95, 0.918

    def __init__(self) -> None:
        """DataError says which packages are missing."""
        folder = _models()
        self._dlib: Any = importlib.import_module("dlib")
        self._detector = self._dlib.get_frontal_face_detector()
        self._points = self._dlib.shape_predictor(str(folder / _POINTS))
        self._network = self._dlib.face_recognition_model_v1(str(folder / _NETWORK))

    @classmethod
    def check(cls) -> None:
        _models()

    def pixels(self, data: bytes) -> RGB:
        from PIL import Image, ImageOps, UnidentifiedImageError

        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _said("图片太大了：最多五千万像素。", "The picture is too large: 50 million pixels at most.")
                return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"), np.uint8)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            raise _said(
                "这不是能读的图片（JPEG、PNG 或 WebP）。", "This is not a picture that can be read (JPEG, PNG or WebP)."
            ) from None

    def found(self, picture: RGB, *, thorough: bool = False) -> list[Any]:
        step = max(1, -(-max(picture.shape[:2]) // _LARGEST))
        small = np.ascontiguousarray(picture[::step, ::step])
        # Faces of 80 pixels are found as it is; smaller ones in a picture made twice as large, which takes four times
        # as long.
        seen = () if thorough else self._detector(small, 0)
        places = [
            self._dlib.rectangle(*(step * edge for edge in (one.left(), one.top(), one.right(), one.bottom())))
            for one in seen or self._detector(small, 1)
        ]
        return sorted(places, key=lambda one: -one.area())

    def vector(self, picture: RGB, place: Any) -> F32:
        """The face at a place, as 128 numbers; not of length 1, since a poor picture's are smaller."""
        points = self._points(picture, place)
        return np.array(self._network.compute_face_descriptor(picture, points), np.float32)


def tracks_of(front: FrontEnd, paths: list[Path], copies: int, seed: int = 0) -> tuple[F32, F32]:
    """For `train.fit`: of each picture's one face a vector [n, dim], and those of poor copies [n, copies, dim].

    DataError names a picture that cannot be read, or on which there are no faces or several.
    """
    rng, clean, tracks = np.random.default_rng(seed), [], []
    for path in paths:
        try:
            picture = front.pixels(path.read_bytes())
        except OSError as error:
            raise _said(f"读不了 {path}：{error.strerror}。", f"{path} cannot be read: {error.strerror}.") from None
        picture = picture[:: (step := max(1, -(-max(picture.shape[:2]) // _LARGEST))), ::step]
        places = front.found(np.ascontiguousarray(picture), thorough=True)
        if len(places) != 1:
            raise _said(f"{path} 里有 {len(places)} 张脸；要正好一张。",
                        f"{path} shows {len(places)} faces; exactly one is needed.")  # fmt: skip
        clean.append(front.vector(np.ascontiguousarray(picture), places[0]))
        tracks.append([front.vector(degraded(picture, rng), places[0]) for _ in range(copies)])
    if len(clean) < LEAST_PEOPLE:
        raise _said(f"至少要 {LEAST_PEOPLE} 个人的照片。", f"Pictures of at least {LEAST_PEOPLE} people are needed.")
    return np.array(clean, np.float32), np.array(tracks, np.float32)


def _models() -> Path:
    missing = [package for package, module in _NEEDS.items() if importlib.util.find_spec(module) is None]
    if missing:
        names = " ".join(missing)
        raise _said(
            f"看图片里的脸还需要：pip install {names}（或者 'huozhong[faces]'）。",
            f"Faces in pictures need more packages: pip install {names} (or 'huozhong[faces]').",
        )
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


def _said(chinese: str, english: str) -> DataError:
    return DataError(english).in_chinese(chinese)
