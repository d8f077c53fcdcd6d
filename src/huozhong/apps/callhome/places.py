"""Where somebody comes from, as people say it -> a region whose words are known, and the point whose sounds are taken.

`regions.txt` names every prefecture-level city and many counties; whoever's place is not there is heard as if nothing
had been told, and one sentence says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from huozhong.apps.callhome.sounds import pinyin_of, plain, points
from huozhong.errors import SkillError

LONGEST_PLACE = 40  # characters
_NOT_TOLD = ("不知道", "unknown", "none", "auto", "其他", "其它", "other")
_ENDINGS = "话 方言 腔 口音 人 市 省 县 区 语 土话 本地话 官话 地区 自治州 自治区 州 府 佬 老家 那边 乡下".split()
_BEFORE = ("我是", "我们", "俺们", "俺是", "我讲", "我说", "老家", "家在", "讲", "说", "俺", "阿拉", "在")


@dataclass(frozen=True)
class Region:
    """point, near: whose sounds are taken, and whose words come next.  own: the lexicon's words of the point are this
    region's.  said: relation's Chinese name -> words, the usual ones first."""

    name: str
    point: str
    near: tuple[str, ...]
    own: bool
    said: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Home:
    """What a told place comes to.  region: "" where nothing was told, or nothing is known of it.  point, near: numbers
    of points.  unsure: one sentence in Chinese and in English where the place is not known."""

    region: str = ""
    point: int | None = None
    near: tuple[int, ...] = ()
    unsure: tuple[str, str] | None = None


@cache
def _read() -> tuple[dict[str, Region], dict[str, str]]:
    """Regions by name, and every name of a place with its region's."""
    found: dict[str, Region] = {}
    names: dict[str, str] = {}
    also: dict[str, str] = {}
    name = ""
    for line in Path(__file__).with_name("regions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            name, point, near, own = (part.strip() for part in line[1:].split("|"))
            found[name] = Region(name, point, tuple(near.split()), own == "own", {})
            names[plain(name)] = name
        elif line.startswith("@"):
            for one in line[1:].split():
                names.setdefault(plain(one), name)
        elif line.startswith(">"):
            also[name] = line[1:].strip()
        elif line and line[0] != "#":
            relation, _, words = line.partition(":")
            found[name].said[relation] = tuple(dict.fromkeys(plain(one) for one in words.split()))
    for name in found:
        other = name
        while other := also.get(other, ""):
            for relation, usual in found[other].said.items():
                found[name].said.setdefault(relation, usual)
    for spelled, which in [("".join(pinyin_of(c) for c in one), which) for one, which in names.items()]:
        if spelled:
            names.setdefault(spelled, which)
    return found, names


def regions() -> dict[str, Region]:
    """Every region by name, in the order of regions.txt."""
    return _read()[0]


@cache
def home(said: str) -> Home:
    """("广州", "粤语", "Cantonese", "湖南湘乡", "") -> where that is.

    SkillError: more than 40 characters, which is no place.
    """
    wanted = plain("".join(said.split())).lower()
    if not wanted or wanted in _NOT_TOLD:
        return Home()
    if len(wanted) > LONGEST_PLACE:
        raise SkillError(
            f"地方最多写 {LONGEST_PLACE} 个字，例如 广州。",
            f"A place has at most {LONGEST_PLACE} characters, such as 广州.",
        )
    if (found := _find(wanted)) is None:
        return Home(unsure=(
            f"不知道“{said.strip()}”在哪里，按没有说过哪里话来听；写所在的市或县、省会更准。",
            f"'{said.strip()}' is no place known here, so it is heard as if none were told; its city, county or "
            "province would help.",
        ))  # fmt: skip
    order, region = points(), regions()[found]
    return Home(found, order.index(region.point), tuple(order.index(one) for one in region.near))


def heard_as(said: str) -> tuple[str, str]:
    """What a place is heard as, to be shown where it is chosen, in Chinese and in English; "" where none was told."""
    at = home(said)
    if at.unsure is not None:
        return at.unsure
    return (f"按“{at.region}”一带的话来听。", f"Heard as people speak around {at.region}.") if at.region else ("", "")


def _find(wanted: str) -> str | None:
    names = _read()[1]
    if wanted in names:
        return names[wanted]
    for before in ("", *_BEFORE):
        for ending in ("", *_ENDINGS):
            if wanted.startswith(before) and (bare := wanted.removeprefix(before).removesuffix(ending)) in names:
                return names[bare]
    # 湖南湘乡: what stands last says most; a name inside a longer one says nothing
    inside = [(wanted.rfind(name), len(name), name) for name in names if len(name) > 1 and name in wanted]
    whole = [one for one in inside if not any(
        other[0] <= one[0] and one[0] + one[1] <= other[0] + other[1] and other[1] > one[1] for other in inside
    )]  # fmt: skip
    return names[max(whole)[2]] if whole else None


def place(said: str) -> tuple[int | None, tuple[int, ...]]:
    """The point's number, and numbers of those most like it; None where nothing was told or nothing is known."""
    at = home(said)
    return at.point, at.near
