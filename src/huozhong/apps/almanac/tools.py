"""The Chinese calendar, computed: what an app may say about a day, and nothing that is guessed."""

from __future__ import annotations

import datetime
import importlib.util
from typing import Any

from huozhong.apps.almanac.english import ANIMALS, FESTIVALS, SIGNS, TERMS, WEEKDAYS, advice, lunar_date, pillar
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool

FIRST, LAST = 1900, 2100  # years for which the tables of the calendar hold
# Days that people keep and that the calendar's package does not name, by the month and day of the lunar calendar.
_KEPT = {
    (3, 3): "上巳节",
    (7, 15): "中元节",
    (10, 1): "寒衣节",
    (10, 15): "下元节",
    (12, 23): "北方小年",
    (12, 24): "南方小年",
}
_KEPT_TERMS = {"清明": "清明节", "冬至": "冬至节"}


def almanac(date: str, hour: int | None = None) -> dict[str, Any]:
    """A day (2026-11-30) in the Chinese calendar; hour: 0 to 23, for the pillar of the hour.

    `lunar_year` and `animal` turn at the Spring Festival, as the calendar's standard (GB/T 33661) has it and people
    say it; the pillars `year` and `month` turn at the solar terms (立春 and so on): with an hour at the very minute,
    without one on the whole day.  `day` and `hour` turn at 23:00.
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
    solar = Solar.fromYmdHms(day.year, day.month, day.day, 12 if hour is None else _hour(hour), 0, 0)
    lunar = solar.getLunar()
    # From the day's end: a term that begins in its afternoon is today's and not the next.
    coming = Solar.fromYmdHms(day.year, day.month, day.day, 23, 59, 59).getLunar().getNextJieQi()
    said: dict[str, Any] = {
        "date": day.isoformat(),
        "weekday": "星期" + solar.getWeekInChinese(),
        "lunar": lunar.toString(),
        "lunar_year": lunar.getYearInGanZhi(),
        "year": lunar.getYearInGanZhiByLiChun() if hour is None else lunar.getYearInGanZhiExact(),
        "month": lunar.getMonthInGanZhi() if hour is None else lunar.getMonthInGanZhiExact(),
        "day": lunar.getDayInGanZhiExact(),
        "hour": "" if hour is None else lunar.getTimeInGanZhi(),
        "animal": lunar.getYearShengXiao(),
        "sign": solar.getXingZuo() + "座",
        "term": lunar.getJieQi(),
        "next_term": coming.getName(),
        "next_term_date": coming.getSolar().toYmd(),
        "festivals": [*lunar.getFestivals(), *_kept(lunar), *solar.getFestivals()],
        "good_for": lunar.getDayYi(),
        "bad_for": lunar.getDayJi(),
    }
    return said | {"english": _in_english(said, day, lunar.getMonth(), lunar.getDay())}


def _hour(hour: Any) -> int:
    if isinstance(hour, bool) or not isinstance(hour, int | float) or not 0 <= hour < 24:
        raise SkillError("几点是 0 到 23 的一个数。", "The hour is a number from 0 to 23.")
    return int(hour)


def _kept(lunar: Any) -> list[str]:
    found = (_KEPT.get((lunar.getMonth(), lunar.getDay())), _KEPT_TERMS.get(lunar.getJieQi()))
    return [one for one in found if one]


def _in_english(said: dict[str, Any], day: datetime.date, month: int, number: int) -> dict[str, Any]:
    """month, number: of the lunar calendar."""
    return {
        "weekday": WEEKDAYS[day.weekday()],
        "lunar": lunar_date(month, number),
        **{key: pillar(said[key]) for key in ("lunar_year", "year", "month", "day", "hour") if said[key]},
        "animal": ANIMALS[said["animal"]],
        "sign": SIGNS[said["sign"].removesuffix("座")],
        "term": TERMS.get(said["term"], ""),
        "next_term": TERMS[said["next_term"]],
        "festivals": [FESTIVALS.get(one, one) for one in said["festivals"]],
        "good_for": advice(said["good_for"]),
        "bad_for": advice(said["bad_for"]),
    }


TOOLS = {"almanac": Tool(almanac, "查万年历", "look a day up in the almanac")}
