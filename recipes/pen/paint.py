"""Pictures of the made-up pigs, with what is true in each pixel: `frame(herd, scene)`.

A camera looks down on the pen.  Textured bodies with heads, ears and tails; shadows; day, dusk and an infrared night;
dirt; a trough with a roof that hides snouts; a rail across the pen that hides what is below.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from recipes.pen.herd import HEIGHT, NIPPLES, TROUGH, WIDTH, Herd, Pig, State

F32 = NDArray[np.float32]
SCALE = 80.0  # pixels a metre at 640 x 360
_COAT = {"white": (222, 186, 172), "spotted": (216, 182, 168), "duroc": (150, 92, 62), "black": (74, 66, 64)}
_PAINT = {"blue": (50, 90, 200), "green": (40, 160, 80), "red": (200, 40, 50)}
# the outline standing: (part of the way from snout to tail, what half a width is there)
_STATIONS = np.array([0.0, 0.03, 0.1, 0.18, 0.25, 0.38, 0.48, 0.6, 0.7, 0.8, 0.88, 0.95, 1.0])


@dataclass(frozen=True)
class Scene:
    """hour: of the day; 7 to 18 is light.  band: where the shadow of a window's bar falls, 0 to 1, or None."""

    seed: int = 0
    hour: float = 12.0
    scale: float = SCALE
    band: float | None = None
    rail: bool = True
    noise: float = 3.0


@dataclass(frozen=True)
class Truth:
    """One pig in one picture, in pixels.

    box: x0, y0, x1, y1 of the whole body, hidden parts too.  visible: the part of it that can be seen.  hip, waist:
    widths as painted.
    """

    pig: int
    snout: tuple[float, float]
    tail: tuple[float, float]
    box: tuple[float, float, float, float]
    visible: float
    hip: float
    waist: float
    doing: str
    side: float


def frame(herd: Herd, scene: Scene) -> tuple[NDArray[np.uint8], list[Truth]]:
    """The picture [height, width, 3] and the pigs in it, in their order in the herd."""
    picture = floor(scene.seed, scene.scale).copy()
    height, width = picture.shape[:2]
    owner = np.full((height, width), -1, np.int16)
    order = sorted(range(len(herd.pigs)), key=lambda place: (herd.states[place].doing != "lie", place))
    sizes, boxes = np.zeros(len(order)), [(0.0, 0.0, 0.0, 0.0)] * len(order)
    sun = _sun(scene.hour)
    for place in order:
        pig, state = herd.pigs[place], herd.states[place]
        body = _Body(pig, state, scene.scale, (height, width))
        _shade(picture, body, state, sun, scene.scale)
        cover = body.paint(picture)
        sizes[place], boxes[place] = float(cover.sum()), body.box(cover)
        patch = owner[body.rows, body.columns]
        patch[cover > 0.5] = place
    _above(picture, owner, scene)
    picture = _light(picture, scene)
    seen = np.bincount(owner[owner >= 0], minlength=len(order))
    truths = []
    for place, (pig, state) in enumerate(zip(herd.pigs, herd.states, strict=True)):
        snout, tail = ends(pig, state, scene.scale)
        wide = spread(state) * pig.length * scene.scale
        truths.append(
            Truth(
                place, snout, tail, boxes[place], min(1.0, float(seen[place]) / max(sizes[place], 1.0)),
                pig.hip * wide, pig.waist * wide, state.doing, state.side,
            )
        )  # fmt: skip
    return picture, truths


def spread(state: State) -> float:
    """How much wider a body is while it lies."""
    return 1.0 if state.doing != "lie" else 1.06 if state.side == 0 else 1.12


def ends(pig: Pig, state: State, scale: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Snout and tail in pixels."""
    angle, half = state.heading + state.sway, 0.5 * pig.length
    ahead = np.array([np.cos(angle), np.sin(angle)]) * half
    aside = np.array([-np.sin(angle), np.cos(angle)]) * state.bend * pig.length
    at = np.array([state.x, state.y])
    snout, tail = (at + ahead + aside) * scale, (at - ahead + aside) * scale
    return (float(snout[0]), float(snout[1])), (float(tail[0]), float(tail[1]))


class _Body:
    """A pig's own coordinates over a patch of the picture: u from snout (0) to tail (1), v aside, in lengths."""

    def __init__(
        self, pig: Pig, state: State, scale: float, shape: tuple[int, int], shift: tuple[float, float] = (0, 0)
    ):
        self.pig, self.state, self.size = pig, state, pig.length * scale
        x, y = state.x * scale + shift[0], state.y * scale + shift[1]
        reach = 0.72 * self.size
        self.rows = slice(max(0, int(y - reach)), max(0, min(shape[0], int(y + reach) + 1)))
        self.columns = slice(max(0, int(x - reach)), max(0, min(shape[1], int(x + reach) + 1)))
        rows = np.arange(self.rows.start, self.rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
        columns = np.arange(self.columns.start, self.columns.stop, dtype=np.float32)[None] + np.float32(0.5)
        angle = state.heading + state.sway
        c, s = np.float32(np.cos(angle) / self.size), np.float32(np.sin(angle) / self.size)
        ahead = (columns - np.float32(x)) * c + (rows - np.float32(y)) * s
        self.u = np.float32(0.5) - ahead
        self.v = -(columns - np.float32(x)) * s + (rows - np.float32(y)) * c
        # bent as a bow whose middle stays where it is
        self.v = self.v - np.float32(4 * state.bend) * (self.u - np.float32(0.5)) ** 2
        self.half = np.interp(self.u, _STATIONS, half_widths(pig, spread(state))).astype(np.float32)

    def cover(self) -> F32:
        """How much of each pixel the body covers."""
        inside = np.clip((self.half - np.abs(self.v)) * self.size + 0.5, 0, 1)
        inside *= np.clip(self.u * self.size + 0.5, 0, 1) * np.clip((1 - self.u) * self.size + 0.5, 0, 1)
        if self.state.side:
            side = self.v * np.float32(self.state.side)
            for at in (0.33, 0.42, 0.74, 0.83):
                leg = np.abs(self.u - at - np.clip(side, 0, None) * (0.2 if at < 0.5 else -0.2))
                inside = np.maximum(
                    inside, np.clip((0.022 - leg) * self.size + 0.5, 0, 1) * ((side > 0) & (side < 0.27))
                )
        return np.asarray(inside, np.float32)

    def paint(self, picture: F32) -> F32:
        cover = self.cover()
        colour = self._colour()
        for across in (-1, 1):  # ears
            ear = ((self.u - 0.2) / 0.05) ** 2 + ((self.v - across * 0.085) / 0.036) ** 2
            colour *= 1 - 0.28 * np.clip(1.6 - ear, 0, 1)[..., None]
            cover = np.maximum(cover, np.clip((1 - ear) * 3, 0, 1).astype(np.float32))
        wag = 0.012 * np.sin(60 * self.u)
        tail = np.clip((0.012 - np.abs(self.v - wag)) * self.size + 0.5, 0, 1) * ((self.u > 0.97) & (self.u < 1.06))
        cover = np.maximum(cover, tail.astype(np.float32))
        colour *= 1 - 0.35 * tail[..., None]
        patch = picture[self.rows, self.columns]
        patch += (colour - patch) * cover[..., None]
        return cover

    def _colour(self) -> F32:
        """Coat, spots, dirt and paint, rounded by the light."""
        pig = self.pig
        random = np.random.default_rng(pig.seed)
        base = np.array(_COAT[pig.coat], np.float32) * np.float32(random.uniform(0.9, 1.08))
        colour = np.broadcast_to(base, (*self.u.shape, 3)).copy()
        if pig.coat in ("spotted", "black"):
            spot = _noise(self.u * 5, self.v * 9 + 3, random) > (0.66 if pig.coat == "spotted" else 0.8)
            colour[spot] = (70, 62, 60) if pig.coat == "spotted" else (200, 175, 165)
        dirt = np.clip(_noise(self.u * 7, self.v * 11 + 5, random) - random.uniform(0.45, 0.75), 0, 1) * 2
        colour += (np.array((116, 92, 66), np.float32) - colour) * np.clip(dirt, 0, 0.7)[..., None]
        colour *= (0.94 + 0.12 * _noise(self.u * 30, self.v * 30, random))[..., None]
        if pig.paint:
            stripe = np.abs(self.u - 0.62) < 0.05
            stripe &= np.abs(self.v) < 0.07
            colour[stripe] = colour[stripe] * 0.25 + 0.75 * np.array(_PAINT[pig.paint], np.float32)
        round_ = 1 - 0.4 * np.clip(np.abs(self.v) / np.maximum(self.half, 1e-3), 0, 1) ** 3
        snout = np.clip((0.05 - self.u) / 0.05, 0, 1)
        colour *= round_[..., None]
        colour += (np.array((205, 140, 130), np.float32) * 0.85 - colour) * (0.6 * snout)[..., None]
        return colour

    def box(self, cover: F32) -> tuple[float, float, float, float]:
        rows, columns = np.nonzero(cover.max(1) > 0.5)[0], np.nonzero(cover.max(0) > 0.5)[0]
        if not len(rows) or not len(columns):
            return (0.0, 0.0, 0.0, 0.0)
        x, y = self.columns.start, self.rows.start
        return (float(x + columns[0]), float(y + rows[0]), float(x + columns[-1] + 1), float(y + rows[-1] + 1))


def half_widths(pig: Pig, wider: float = 1.0) -> NDArray[np.float64]:
    """Half the width at each of the stations, in lengths."""
    hip, waist, shoulder = pig.hip / 2, pig.waist / 2, pig.shoulder / 2
    body = [shoulder, (shoulder + waist) / 2, waist, (waist + hip) / 2, hip, 0.88 * hip, 0.6 * hip, 0.0]
    return np.array([0.035, 0.045, 0.062, 0.083, 0.09, *(part * wider for part in body)])


@cache
def floor(seed: int, scale: float) -> F32:
    """The empty pen: concrete, slats at the right, dirt, the trough's place and the nipples' plate."""
    height, width = round(HEIGHT * scale), round(WIDTH * scale)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5) / np.float32(scale), (y + 0.5) / np.float32(scale)
    random = np.random.default_rng(seed + 77)
    grey = 118 + 26 * _noise(x * 1.3, y * 1.3, random) + 14 * _noise(x * 9, y * 9, random)
    grey -= np.where((x > 5.4) & ((y * 8) % 1 < 0.22), 38, 0)
    picture = np.stack([grey * 1.0, grey * 0.97, grey * 0.9], -1).astype(np.float32)
    dirt = np.clip(_noise(x * 0.9 + 40, y * 0.9, random) - 0.5, 0, 1) * 2.2
    picture += (np.array((96, 76, 54), np.float32) - picture) * np.clip(dirt, 0, 0.75)[..., None]
    nipples = _inside(x, y, NIPPLES)
    picture[nipples] = picture[nipples] * 0.5 + np.array((60, 70, 80), np.float32)
    trough = _inside(x, y, (TROUGH[0], TROUGH[1], TROUGH[2] - 0.05, TROUGH[3]))
    picture[trough] = picture[trough] * 0.3 + np.array((60, 50, 38), np.float32)
    return picture


def _above(picture: F32, owner: NDArray[np.int16], scene: Scene) -> None:
    """What hangs over the pigs: the trough's roof and the rail."""
    height, width = owner.shape
    scale = scene.scale
    roof = (slice(int(TROUGH[1] * scale), int(TROUGH[3] * scale)), slice(0, int(0.24 * scale)))
    stripes = ((np.arange(roof[0].stop - roof[0].start) // max(1, int(0.3 * scale))) % 2 * 14)[:, None, None]
    picture[roof] = np.array((150, 158, 165), np.float32) + stripes
    owner[roof] = -1
    if scene.rail:
        middle, thick = int(0.56 * width), max(2, int(0.07 * scale))
        rail = (slice(0, height), slice(middle, middle + thick))
        picture[rail] = np.linspace(185, 120, thick, dtype=np.float32)[None, :, None]
        owner[rail] = -1


def _shade(picture: F32, body: _Body, state: State, sun: tuple[float, float, float], scale: float) -> None:
    tall = (0.1 if state.doing == "lie" else 0.26) * scale
    cast = _Body(body.pig, state, scale, picture.shape[:2], (sun[0] * tall, sun[1] * tall))
    picture[cast.rows, cast.columns] *= 1 - np.float32(sun[2]) * cast.cover()[..., None]


def _sun(hour: float) -> tuple[float, float, float]:
    """Where shadows fall, and how dark they are."""
    if not 7 <= hour < 18:
        return 0.1, 0.15, 0.3
    angle = (hour - 12.5) / 5.5
    return 1.1 * angle, 0.45 + 0.2 * abs(angle), 0.42


def _light(picture: F32, scene: Scene) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    random = np.random.default_rng(scene.seed * 1009 + int(scene.hour * 3600))
    if scene.band is not None:
        slant = (x / width + 0.25 * y / height - scene.band * 1.5 + 0.15) / 0.09
        picture = picture * (1 - 0.42 / (1 + slant**4))[..., None]
    if 7 <= scene.hour < 18:
        warm = abs(scene.hour - 12.5) / 5.5
        picture = (
            picture * np.array((1.0, 1 - 0.04 * warm, 1 - 0.12 * warm), np.float32) * np.float32(1.05 - 0.3 * warm)
        )
        noise = scene.noise
    else:  # infrared lamp beside the camera
        grey = picture @ np.array((0.5, 0.3, 0.2), np.float32)
        spot = 1.0 - 0.55 * (((x / width - 0.5) * 2) ** 2 + ((y / height - 0.5) * 2) ** 2) / 2
        picture = np.repeat((grey * spot * np.float32(0.8))[..., None], 3, 2)
        noise = 2.2 * scene.noise
    picture = picture + random.normal(0, noise, (height, width, 1)) + random.normal(0, noise / 2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _inside(x: F32, y: F32, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    return np.asarray((x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3]))


def _noise(x: F32, y: F32, random: np.random.Generator) -> F32:
    """Smooth noise, 0 to 1, over coordinates where 1 is the size of a grain."""
    table = random.random((64, 64)).astype(np.float32)
    x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - x0, y - y0
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    a, b = table[y0 & 63, x0 & 63], table[y0 & 63, (x0 + 1) & 63]
    c, d = table[(y0 + 1) & 63, x0 & 63], table[(y0 + 1) & 63, (x0 + 1) & 63]
    top, low = a + (b - a) * fx, c + (d - c) * fx
    return np.asarray(top + (low - top) * fy, np.float32)
