"""What a label is, and the words that labels share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from huozhong.apps.pen.marks import COLOURS

How = Literal["measured", "estimated", "unknown"]
HOW_ZH: dict[How, str] = {"measured": "量得", "estimated": "估计", "unknown": "不知道"}
HOW_EN: dict[How, str] = {"measured": "measured", "estimated": "estimated", "unknown": "not known"}


@dataclass(frozen=True)
class Label:
    """value: a number, a word, or None; unit: Chinese and English.  why: how it is known, or what is missing."""

    key: str
    value: float | str | None
    how: How
    unit: tuple[str, str]
    why: tuple[str, str]

    def told(self, language: str) -> dict[str, Any]:
        place = 0 if language == "zh" else 1
        value = self.value
        if isinstance(value, str):
            value = SAID.get(value, (value, value))[place]
        return {
            "key": self.key, "name": NAMES[self.key][place], "value": value, "how": self.how,
            "unit": self.unit[place], "why": self.why[place],
        }  # fmt: skip


NAMES: dict[str, tuple[str, str]] = {
    "length": ("体长", "length"), "width": ("臀宽", "width at the hip"), "ratio": ("腰臀比", "waist to hip"),
    "area": ("俯视面积", "area from above"), "weight": ("体重", "weight"), "posture": ("姿势", "posture"),
    "lying": ("今天躺的时间", "lying today"), "speed": ("走动快慢", "speed"), "nearest": ("离最近的猪", "nearest pig"),
    "alone": ("独处指数", "alone-index"), "feeder": ("今天吃料", "at the feeder today"),
    "drinker": ("今天喝水", "at the drinker today"), "visits": ("今天去吃几次", "visits to the feeder today"),
    "growth": ("七天长了", "growth over 7 days"), "gait": ("走路左右不匀", "gait asymmetry"),
    "coughs": ("咳嗽", "coughs"),
    "temperature": ("背上温度", "temperature of the back"), "mark": ("记号", "mark"),
    "market": ("还有几天出栏", "days to market"), "flag": ("要去看看", "to be looked at"),
}  # fmt: skip
KEYS = tuple(NAMES)

SAID = {
    "lies": ("躺着", "lies"), "up": ("站着或走着", "on its feet"), "eats": ("在吃料", "at the feeder"),
    "drinks": ("在喝水", "at the drinker"), "none": ("没有", "none"),
    "look": ("要去看看", "have a look"),
    **{name: (chinese, name) for name, chinese in COLOURS.items()},
}  # fmt: skip
CM, NO_UNIT = ("厘米", "cm"), ("", "")
LENGTHS, MINUTES = ("个身长", "body lengths"), ("分钟", "min")
NO_SCALE = (
    "还不知道一个像素多长：请点猪圈四个角，填上长宽。",
    "What a pixel is is not known: tap the pen's four corners and fill in its sides.",
)
FEW_OUTLINES = (
    "轮廓还没看清几次（要旁边没挨着别的猪）。",
    "Its outline was not clear often enough yet (no pig beside it).",
)
FEW_UPRIGHT = ("还没看到它站直几次。", "It was not seen on its feet and stretched often enough yet.")
ON_THE_GROUND = (
    "没说镜头多高，背比地面近，会量大一些。",
    "How high the camera hangs was not told; a back is nearer than the floor and looks larger.",
)
WHILE_LYING = ("躺着时的轮廓，会宽一些。", "Outlines while it lay, which are wider.")
WATCHED_LITTLE = ("今天看得还太短。", "It was watched too little today.")


def unknown(key: str, unit: tuple[str, str], why: tuple[str, str]) -> Label:
    """A label that nothing bears out, and what is missing."""
    return Label(key, None, "unknown", unit, why)
