"""A folder of labelled frames: frames/NAME.ppm and labels.json, two taps a pig."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.senses.look import Picture, read_picture

FEWEST, ENOUGH, MOST = 3, 30, 300  # frames to begin, that are asked for, that are kept
MOST_PIGS = 200  # of a frame
_NAME = re.compile(r"[a-z0-9-]{1,40}")
Pair = tuple[float, float, float, float]  # snout x, y, tail x, y in pixels


@dataclass(frozen=True)
class Frames:
    """The frames of one pen."""

    folder: Path

    def names(self) -> list[str]:
        """Of all frames, labelled or not, in their order."""
        return sorted(file.stem for file in (self.folder / "frames").glob("*.ppm"))

    def labels(self) -> dict[str, list[Pair]]:
        """Pigs by frame, of those frames that are labelled; a frame may be labelled as empty."""
        file = self.folder / "labels.json"
        if not file.exists():
            return {}
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return {str(name): [_pair(pig) for pig in pigs] for name, pigs in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            raise SkillError("标注读不了：labels.json。", "The labels cannot be read: labels.json.") from None

    def picture(self, name: str) -> bytes:
        """A frame's file; raises `SkillError` where there is none."""
        if not _NAME.fullmatch(name) or not (self.folder / "frames" / f"{name}.ppm").is_file():
            raise SkillError("没有这一张。", "There is no such frame.")
        return (self.folder / "frames" / f"{name}.ppm").read_bytes()

    def add(self, name: str, data: bytes) -> None:
        """Keep one more frame; raises `SkillError` where there are too many, or it is no PPM."""
        if not _NAME.fullmatch(name):
            raise SkillError("名字只能用小写字母、数字和横线。", "A name has small letters, digits and dashes only.")
        if len(self.names()) >= MOST and name not in self.names():
            raise SkillError(f"已经有 {MOST} 张，够多了。", f"There are {MOST} frames; that is plenty.")
        if data[:2] != b"P6":
            raise SkillError("这里要 PPM。", "A PPM is wanted here.")
        read_picture(data)
        write_whole(self.folder / "frames" / f"{name}.ppm", data)

    def label(self, name: str, pigs: Any) -> None:
        """Keep where the pigs of a frame are, or (None) that nobody has said."""
        height, width = read_picture(self.picture(name)).shape[:2]
        kept = self.labels()
        if pigs is None:
            kept.pop(name, None)
        else:
            if not isinstance(pigs, list) or len(pigs) > MOST_PIGS:
                raise SkillError(f"一张最多 {MOST_PIGS} 头。", f"A frame has {MOST_PIGS} pigs at most.")
            pairs = [_pair(pig) for pig in pigs]
            for x0, y0, x1, y1 in pairs:
                if not (min(x0, x1) >= 0 and max(x0, x1) <= width and min(y0, y1) >= 0 and max(y0, y1) <= height):
                    raise SkillError("有一下点在照片外面。", "A tap lies outside of the picture.")
                if abs(x1 - x0) + abs(y1 - y0) < 6:
                    raise SkillError("鼻子和尾巴点在一处了。", "Snout and tail are at one place.")
            kept[name] = pairs
        write_whole(self.folder / "labels.json", json.dumps(kept))

    def remove(self, name: str) -> None:
        """Forget a frame and its labels."""
        self.picture(name)
        self.label(name, None)
        (self.folder / "frames" / f"{name}.ppm").unlink()

    def read(self) -> list[tuple[Picture, list[Pair]]]:
        """Pictures and pigs of all labelled frames; raises `SkillError` where there are too few."""
        kept = {name: pigs for name, pigs in sorted(self.labels().items()) if name in self.names()}
        if len(kept) < FEWEST or not any(kept.values()):
            raise SkillError(
                f"先标至少 {FEWEST} 张，最好 {ENOUGH} 张。", f"Label {FEWEST} frames at least, better {ENOUGH}."
            )
        return [(read_picture(self.picture(name)), pigs) for name, pigs in kept.items()]

    def fingerprint(self) -> str:
        """Changes whenever the labels do."""
        return hashlib.sha256(json.dumps(self.labels(), sort_keys=True).encode()).hexdigest()[:16]


def _pair(pig: Any) -> Pair:
    if not isinstance(pig, list | tuple) or len(pig) != 4:
        raise SkillError("一头猪是四个数：鼻子 x、y，尾巴 x、y。", "A pig is four numbers: snout x, y, tail x, y.")
    if any(isinstance(one, bool) or not isinstance(one, int | float) or not abs(one) < 1e5 for one in pig):
        raise SkillError("位置是数。", "Places are numbers.")
    return (float(pig[0]), float(pig[1]), float(pig[2]), float(pig[3]))
