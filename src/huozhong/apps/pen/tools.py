"""What the pen's form asks for: the twenty labels of a pig out of tracks that some other camera system wrote."""

from __future__ import annotations

import math

import numpy as np

from huozhong.apps.pen.body import Known
from huozhong.apps.pen.diary import Pig, Sight
from huozhong.apps.pen.geometry import to_segment
from huozhong.apps.pen.label import HOW_EN, HOW_ZH
from huozhong.apps.pen.labels import labels
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool

COLUMNS = ("time", "pig", "snout_x", "snout_y", "tail_x", "tail_y")
_MOST = 200_000  # rows
_DAY = "1970-01-01"  # tracks know no date


def pen_labels(tracks: str, pig: float | None = None, metres: float | None = None, language: str = "zh") -> str:
    """Markdown: a line a label.  metres: of a pixel.  Raises `SkillError` for tracks that cannot be read."""
    rows = read_tracks(str(tracks or ""))
    numbers = sorted({int(row[1]) for row in rows})
    wanted = numbers[0] if pig is None else int(pig)
    if wanted not in numbers:
        raise SkillError(f"轨迹里没有 {wanted} 号猪。", f"There is no pig {wanted} in the tracks.")
    found, now = _followed(rows, wanted, metres)
    known = Known(_DAY, floor=metres is not None, count=len(numbers), now=now)
    how = HOW_ZH if language == "zh" else HOW_EN
    lines = [f"**{wanted} 号**" if language == "zh" else f"**Pig {wanted}**", ""]
    for one in labels(found, known):
        told = one.told(language)
        value = "" if told["value"] is None else f"{told['value']} {told['unit']}".strip() + " · "
        lines.append(f"- {told['name']}：{value}{how[one.how]}。{told['why']}" if language == "zh"
                     else f"- {told['name']}: {value}{how[one.how]}. {told['why']}")  # fmt: skip
    return "\n".join(lines)


def read_tracks(text: str) -> list[tuple[float, ...]]:
    """Rows of `COLUMNS`, by time; they may stand on lines or, after the heading, only apart by spaces."""
    words = text.replace("，", ",").replace("\ufeff", "").split()
    if not words or tuple(cell.strip().lower() for cell in words[0].split(",")) != COLUMNS:
        raise SkillError(f"第一行要是 {','.join(COLUMNS)}。", f"The first line is to be {','.join(COLUMNS)}.")
    if len(words) - 1 > _MOST:
        raise SkillError(f"最多 {_MOST} 行。", f"There are {_MOST} rows at most.")
    rows = []
    for place, word in enumerate(words[1:], 2):
        try:
            row = tuple(float(cell) for cell in word.split(","))
        except ValueError:
            row = ()
        if len(row) != len(COLUMNS) or not all(math.isfinite(cell) and abs(cell) < 1e9 for cell in row):
            raise SkillError(f"第 {place} 行不是六个数：{word[:40]}。", f"Row {place} is not six numbers: {word[:40]}.")
        rows.append(row)
    if not rows:
        raise SkillError("轨迹里没有一行数。", "The tracks have no row.")
    return sorted(rows)


def _followed(rows: list[tuple[float, ...]], wanted: int, metres: float | None) -> tuple[Pig, float]:
    """One pig's records, and the last time of all."""
    pig, place = Pig(wanted), 0
    while place < len(rows):
        time, ends = rows[place][0], {}
        while place < len(rows) and rows[place][0] == time:
            ends[int(rows[place][1])] = np.array(rows[place][2:]).reshape(2, 2)
            place += 1
        if wanted not in ends:
            continue
        mine = ends.pop(wanted)
        length = max(1e-6, float(np.linalg.norm(mine[0] - mine[1])))
        near = min((to_segment(mine.mean(0), other) / length for other in ends.values()), default=None)
        pig.see(
            time, _DAY, Sight(mine, length, (1.0, 1.0), near, None, None), None if metres is None else length * metres
        )
    return pig, rows[-1][0]


TOOLS = {"pen_labels": Tool(pen_labels, "按轨迹算一头猪的二十样", "a pig's twenty labels out of tracks")}
