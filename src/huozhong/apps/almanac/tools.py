"""The Chinese calendar, computed: what an app may say about a day, and nothing that is guessed."""

from __future__ import annotations

import datetime
import importlib.util
from typing import Any

from huozhong.apps.almanac.english import ANIMALS, FESTIVALS, SIGNS, TERMS, WEEKDAYS, advice, lunar_date, pillar
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool

FIRST, LAST = 1900, 2100  # years for which the tables of the calendar hold


def almanac(date: str, hour: int | None = None) -> dict[str, Any]:
    """A day (2026-11-30) in the Chinese calendar; hour: 0 to 23, for the pillar of the hour.

    What is worded stands under the same keys in "english" once more, in English.
    """
    if importlib.util.find_spec("lunar_python") is None:
        raise SkillError(
            "万年历还需要一个包：pip install 'huozhong[apps]'。",
            "The almanac needs one more package: pip install 'huozhong[apps]'.",
        )
    from lunar_python import Solar

    try:
        day = datetime.date.fromisoformat(str(date))
    except ValueError:
        raise SkillError("请写成 2026-11-30 这样的日期。", "Write a date like 2026-11-30.") from None
    if not FIRST <= day.year <= LAST:
        raise SkillError(f"只能查 {FIRST} 到 {LAST} 年。", f"The almanac knows the years {FIRST} to {LAST}.")
    solar = Solar.fromYmdHms(day.year, day.month, day.day, 12 if hour is None else int(hour) % 24, 0, 0)
    lunar = solar.getLunar()
    coming = lunar.getNextJieQi()
    said: dict[str, Any] = {
        "date": day.isoformat(),
        "weekday": "星期" + solar.getWeekInChinese(),
        "lunar": lunar.toString(),
        "year": lunar.getYearInGanZhiExact(),
        "month": lunar.getMonthInGanZhiExact(),
        "day": lunar.getDayInGanZhiExact(),
        "hour": "" if hour is None else lunar.getTimeInGanZhi(),
        "animal": lunar.getYearShengXiaoExact(),
        "sign": solar.getXingZuo() + "座",
        "term": lunar.getJieQi(),
        "next_term": coming.getName(),
        "next_term_date": coming.getSolar().toYmd(),
        "festivals": [*lunar.getFestivals(), *solar.getFestivals()],
        "good_for": lunar.getDayYi(),
        "bad_for": lunar.getDayJi(),
    }
    return said | {"english": _in_english(said, day, lunar.getMonth(), lunar.getDay())}


def _in_english(said: dict[str, Any], day: datetime.date, month: int, number: int) -> dict[str, Any]:
    """month, number: of the lunar calendar."""
    return {
        "weekday": WEEKDAYS[day.weekday()],
        "lunar": lunar_date(month, number),
        **{key: pillar(said[key]) for key in ("year", "month", "day", "hour") if said[key]},
        "animal": ANIMALS[said["animal"]],
        "sign": SIGNS[said["sign"].removesuffix("座")],
        "term": TERMS.get(said["term"], ""),
        "next_term": TERMS[said["next_term"]],
        "festivals": [FESTIVALS.get(one, one) for one in said["festivals"]],
        "good_for": advice(said["good_for"]),
        "bad_for": advice(said["bad_for"]),
    }


TOOLS = {"almanac": Tool(almanac, "查万年历", "look a day up in the almanac")}
