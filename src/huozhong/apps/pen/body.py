"""The labels that come from a pig's outline: length, width, waist to hip, area, weight."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from huozhong.apps.pen.diary import Day, Pig
from huozhong.apps.pen.label import (
    CM,
    FEW_OUTLINES,
    FEW_UPRIGHT,
    NO_SCALE,
    NO_UNIT,
    ON_THE_GROUND,
    WHILE_LYING,
    How,
    Label,
    unknown,
)  # fmt: skip
from huozhong.apps.pen.outline import Shape, shape

OUTLINES_ENOUGH = 5


@dataclass(frozen=True)
class Known:
    """Of the pen, beside the pig itself.

    floor: whether a scale is known; camera: whether its height was told.  feeder, drinker: whether their places were.
    count: pigs in sight.  weighed: kilograms for a volume of 1 (length x width²), from the pig that was weighed.
    metric: whether that volume is in metres.  others: days of all pigs by who they are; me: who this is there.
    name: what its owner calls it.  history: this pig's days before, by date.  sound: (coughs, minutes listened).
    thermal: whether a thermal picture was given.  target: kilograms to be sold at.
    """

    today: str
    floor: bool = False
    camera: bool = False
    feeder: bool = False
    drinker: bool = False
    count: int = 0
    weighed: float | None = None
    metric: bool = False
    others: dict[str, dict[str, Day]] = field(default_factory=dict)
    me: str = ""
    name: str = ""
    sound: tuple[int, float] | None = None
    target: float = 115.0
    now: float = 0.0


class Body:
    """What its outline says of one pig."""

    def __init__(self, pig: Pig, known: Known) -> None:
        self.pig, self.known = pig, known
        self.day = pig.days.get(known.today, Day())
        standing = shape(np.array(pig.standing))
        self.resting = standing.ratio is None
        self.shape: Shape = shape(np.array(pig.resting)) if self.resting else standing

    # -- geometry --------------------------------------------------------------------------

    def _metres(self) -> float | None:
        return float(np.median(self.pig.metres)) if len(self.pig.metres) >= 3 else None

    def _size(self, key: str, metres: float | None, good: bool, what: tuple[str, str]) -> Label:
        """A label in centimetres; good: it was seen on its feet."""
        if metres is None:
            return unknown(key, CM, NO_SCALE if not self.known.floor else FEW_UPRIGHT)
        if good and self.known.camera:
            return Label(key, round(100 * metres, 1), "measured", CM, what)
        return Label(key, round(100 * metres, 1), "estimated", CM, ON_THE_GROUND if good else WHILE_LYING)

    def length(self) -> Label:
        seen = len(self.pig.metres)
        return self._size(
            "length",
            self._metres(),
            True,
            (f"鼻子到尾巴，{seen} 次的中间数。", f"Snout to tail, the median of {seen} sights."),
        )

    def width(self) -> Label:
        metres = self._metres()
        if metres is None or self.shape.hip is None:
            return unknown("width", CM, NO_SCALE if not self.known.floor else FEW_OUTLINES)
        told = (f"{self.shape.pictures} 次轮廓的中间数。", f"The median of {self.shape.pictures} outlines.")
        return self._size("width", metres * self.shape.hip, not self.resting, told)

    def ratio(self) -> Label:
        ratio = self.shape.ratio
        if ratio is None or self.shape.pictures < OUTLINES_ENOUGH:
            return unknown("ratio", NO_UNIT, FEW_OUTLINES)
        told = (
            f"{self.shape.pictures} 次轮廓：腰最窄处比臀最宽处。",
            f"{self.shape.pictures} outlines: the waist where it is narrowest to the hip where it is widest.",
        )
        return Label(
            "ratio",
            round(ratio, 3),
            "estimated" if self.resting else "measured",
            NO_UNIT,
            WHILE_LYING if self.resting else told,
        )

    def area(self) -> Label:
        unit = ("平方分米", "dm²")
        metres, part = self._metres(), self._filled()
        if metres is None or part is None:
            return unknown("area", unit, NO_SCALE if not self.known.floor else FEW_OUTLINES)
        how: How = "measured" if self.known.camera and not self.resting else "estimated"
        told = ("轮廓里的面积。", "What the outline encloses.")
        return Label("area", round(100 * metres**2 * part, 1), how, unit, told if how == "measured" else ON_THE_GROUND)

    def _filled(self) -> float | None:
        """The outline's area, in lengths²."""
        profile = self.shape.profile
        known = np.isfinite(profile)
        if self.shape.ratio is None or known.mean() < 0.6:
            return None
        places = np.nonzero(known)[0]
        return float(np.interp(np.arange(len(profile)), places, profile[known]).mean())

    def volume(self) -> tuple[float, bool] | None:
        """Length x mean width², in metres³ (or pixels³ where there is no scale), and whether it is in metres."""
        part = self._filled()
        if part is None or self.resting or self.shape.pictures < OUTLINES_ENOUGH:
            return None
        metres = self._metres()
        if metres is not None:
            return metres**3 * part**2, True
        if self.known.floor or len(self.pig.lengths) < 3:
            return None
        return float(np.median(self.pig.lengths)) ** 3 * part**2, False

    def kilograms(self) -> float | None:
        volume = self.volume()
        if volume is None or self.known.weighed is None or volume[1] != self.known.metric:
            return None
        return self.known.weighed * volume[0]

    def weight(self) -> Label:
        unit = ("公斤", "kg")
        if self.known.weighed is None:
            return unknown(
                "weight",
                unit,
                ("先称一头：点那头猪，写上公斤数。", "Weigh one pig first: tap it and write its kilograms."),
            )
        kilograms = self.kilograms()
        if kilograms is None:
            return unknown("weight", unit, FEW_OUTLINES)
        told = (
            "体长乘宽的平方，按称过的那头折算。",
            "Length times width squared, in proportion to the pig that was weighed.",
        )
        return Label("weight", round(kilograms, 1), "estimated", unit, told)
