"""Drawn people: coloured cards on a black ground, and a front end that sees them; nobody real is needed.

A card of 8 x 8 colours is somebody's face; the front end's vector is its colours.  Everybody's leans one way (light),
as real ones do.  It decodes real JPEGs with Pillow, as the real front end does, and is installed the same way.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from huozhong.apps.gallery import faces
from huozhong.apps.gallery.faces import F32, RGB
from huozhong.errors import DataError

CELLS = 8


class Drawn:
    """Sees cards."""

    dim, space, given, alike = 3 * CELLS * CELLS, "drawn cards", 0.985, 0.95
    missing = False

    @classmethod
    def check(cls) -> None:
        if cls.missing:
            raise DataError("Install the cards.").in_chinese("请安装卡片。")

    def __init__(self) -> None:
        self.check()

    def pixels(self, data: bytes) -> RGB:
        return np.asarray(faces.Faces.pixels(self, data))  # type: ignore[arg-type]

    def found(self, picture: RGB, *, thorough: bool = False) -> list[Any]:
        bright = picture.max(2) > 70
        columns = np.flatnonzero(np.diff(np.pad(bright.mean(0) > 0.25, 1).astype(int)))
        places = []
        for left, right in columns.reshape(-1, 2):
            rows = np.flatnonzero(bright[:, left:right].mean(1) > 0.5)
            if right - left > 40 and len(rows):
                places.append((left, right, rows[0], rows[-1] + 1))
        return sorted(places, key=lambda one: one[0] - one[1])

    def vector(self, picture: RGB, place: Any) -> F32:
        left, right, top, bottom = place
        card = Image.fromarray(picture[top:bottom, left:right]).resize((CELLS, CELLS), Image.Resampling.BOX)
        return np.asarray(card, np.float32).reshape(-1)


def picture(*people: int, side: int = 320, seed: int = 0) -> NDArray[np.uint8]:
    """People side by side [height, width, 3], a little different with each seed."""
    rng = np.random.default_rng(seed)
    out = np.zeros((side + 160, (side + 80) * max(len(people), 1) + 80, 3))
    for place, person in enumerate(people):
        colours = np.random.default_rng(1000 + person).uniform(90, 255, (CELLS, CELLS, 3))
        size = side - 40 * place
        card = np.kron(colours, np.ones((size // CELLS, size // CELLS, 1)))
        left = 80 + place * (side + 80)
        out[80 : 80 + card.shape[0], left : left + card.shape[1]] = card
    return np.asarray(np.clip(out + rng.normal(0, 4, out.shape), 0, 255), np.uint8)


def jpeg(*people: int, seed: int = 0, turned: bool = False) -> bytes:
    """The same as a photo; turned: held sideways, which only its EXIF note tells."""
    image, more = Image.fromarray(picture(*people, seed=seed)), {}
    if turned:
        image = image.rotate(90, expand=True)  # to the left; 6 says that it is shown turned to the right
        exif = Image.Exif()
        exif[0x0112] = 6
        more["exif"] = exif
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **more)
    return out.getvalue()


def camera(file: Path, person: int) -> Path:
    """What a browser's pretended camera plays: somebody who stands there."""
    file.write_bytes(b"".join(jpeg(person, seed=seed) for seed in range(8)))
    return file
