"""What its owner told of a pen: how many pigs, where its corners, feeder and drinker are, who was weighed, names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from huozhong.apps.pen.geometry import Floor, floor_of
from huozhong.errors import SkillError
from huozhong.files import write_whole

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Settings:
    """Places in pixels of pictures that are `picture` (width, height) large.

    corners: four points, with the sides `sides` (metres).  camera: its height.  weighed: kilograms for a volume of 1,
    and whether that volume is in metres³.  target: kilograms to be sold at.  names: by number, of this watch.
    """

    picture: tuple[int, int] | None = None
    count: int | None = None
    corners: tuple[tuple[float, float], ...] | None = None
    sides: tuple[float, float] | None = None
    camera: float | None = None
    feeder: Box | None = None
    drinker: Box | None = None
    weighed: tuple[float, bool] | None = None
    target: float = 115.0
    names: dict[str, str] = field(default_factory=dict)

    def floor(self) -> Floor | None:
        """The scale, where the corners and sides were told."""
        if self.corners is None or self.sides is None:
            return None
        return floor_of(self.corners, *self.sides, self.camera)

    def told(self, given: dict[str, Any]) -> Settings:
        """With what is given changed; raises `SkillError` for what is unknown or impossible."""
        changes: dict[str, Any] = {}
        for key, value in given.items():
            if key not in _READ:
                raise SkillError(f"没有“{key[:30]}”这一项。", f"There is no setting '{key[:30]}'.")
            changes[key] = _READ[key](key, value)
        found = replace(self, **changes)
        found.floor()
        if (self.corners, self.sides) != (found.corners, found.sides):
            found = replace(found, weighed=None)  # its volume was of another scale
        return found

    def write(self, file: Path) -> None:
        write_whole(file, json.dumps(asdict(self), ensure_ascii=False))

    @classmethod
    def read(cls, file: Path) -> Settings:
        """What was written; the beginning, where nothing was."""
        if not file.exists():
            return cls()
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            weighed = kept.pop("weighed", None)
            found = cls().told({key: value for key, value in kept.items() if value is not None})
            return replace(found, weighed=(float(weighed[0]), bool(weighed[1])) if weighed else None)
        except (OSError, ValueError, TypeError, AttributeError, IndexError):
            raise SkillError("这个圈的设置读不了。", "This pen's settings cannot be read.") from None


def _number(low: float, high: float, chinese: str, english: str) -> Callable[[str, Any], float]:
    def read(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise SkillError(f"{chinese}在 {low:g} 到 {high:g} 之间。", f"{english} is {low:g} to {high:g}.")
        return float(value)

    return read


def _maybe(read: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda key, value: None if value is None else read(key, value)


def _points(many: int) -> Callable[[str, Any], tuple[tuple[float, ...], ...]]:
    def read(key: str, value: Any) -> tuple[tuple[float, ...], ...]:
        rows = value if isinstance(value, list) else []
        if len(rows) != many:
            raise SkillError(f"{key} 是 {many} 个点。", f"'{key}' is {many} points.")
        return tuple(_numbers(key, row, 2) for row in rows)

    return read


def _numbers(key: str, value: Any, many: int) -> tuple[float, ...]:
    good = isinstance(value, list | tuple) and len(value) == many
    if not good or any(isinstance(one, bool) or not isinstance(one, int | float) or abs(one) > 1e5 for one in value):
        raise SkillError(f"{key} 是 {many} 个数。", f"'{key}' is {many} numbers.")
    return tuple(float(one) for one in value)


def _box(key: str, value: Any) -> Box:
    x0, y0, x1, y1 = _numbers(key, value, 4)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise SkillError("一圈 1 到 100 头。", "A pen has 1 to 100 pigs.")
    return value


def _picture(key: str, value: Any) -> tuple[int, int]:
    width, height = _numbers(key, value, 2)
    return (int(width), int(height))


def _sides(key: str, value: Any) -> tuple[float, ...]:
    return _numbers(key, value, 2)


def _names(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > 300:
        raise SkillError("names 是编号和名字。", "'names' is numbers and names.")
    names = {}
    for number, name in value.items():
        if not str(number).isdigit() or not isinstance(name, str) or not 0 < len(name.strip()) <= 20:
            raise SkillError("名字要 1 到 20 个字。", "A name has 1 to 20 characters.")
        names[str(number)] = name.strip()
    if len(set(names.values())) < len(names):
        raise SkillError("两头猪不能同名。", "Two pigs cannot have one name.")
    return names


_READ: dict[str, Callable[[str, Any], Any]] = {
    "picture": _maybe(_picture), "count": _maybe(_count), "corners": _maybe(_points(4)), "sides": _maybe(_sides),
    "camera": _maybe(_number(1.2, 30, "镜头离地", "The camera's height")), "feeder": _maybe(_box),
    "drinker": _maybe(_box), "target": _number(30, 300, "出栏体重", "The weight to be sold at"), "names": _names,
}  # fmt: skip
