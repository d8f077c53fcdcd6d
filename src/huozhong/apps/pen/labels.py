"""Twenty labels a pig, each measured, estimated or not known, and how it is known.

A label is worked out from what was seen and told; where that is too little it says so and what is missing.  No label
has a usual value to fall back on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from huozhong.apps.pen.alone import alone_index
from huozhong.apps.pen.body import Body, Known
from huozhong.apps.pen.diary import Pig
from huozhong.apps.pen.gait import SLOWEST, gait
from huozhong.apps.pen.label import KEYS, LENGTHS, MINUTES, NAMES, NO_UNIT, WATCHED_LITTLE, Label, unknown


def labels(pig: Pig, known: Known) -> list[Label]:
    """The twenty, in the order of `KEYS`."""
    work = _Work(pig, known)
    made: dict[str, Callable[[], Label]] = {
        "length": work.length, "width": work.width, "ratio": work.ratio, "area": work.area, "weight": work.weight,
        "posture": work.posture, "lying": work.lying, "speed": work.speed, "nearest": work.nearest,
        "alone": work.alone, "feeder": work.feeder, "drinker": work.drinker, "visits": work.visits,
        "growth": work.growth, "gait": work.gait, "coughs": work.coughs, "temperature": work.temperature,
        "mark": work.mark, "market": work.market, "flag": work.flag,
    }  # fmt: skip
    return [made[key]() for key in KEYS]


class _Work(Body):
    """One pig's labels, each from what bears it out."""

    # -- what it does ----------------------------------------------------------------------

    def posture(self) -> Label:
        last = self.pig.last
        if last is None or (self.pig.lying is None and not (last.feeder or last.drinker)):
            return unknown("posture", NO_UNIT, ("还没看够半分钟。", "It was not watched for half a minute yet."))
        if last.feeder or last.drinker:
            told = ("鼻子在料槽（水嘴）那里。", "Its snout is at the feeder (drinker).")
            return Label("posture", "eats" if last.feeder else "drinks", "measured", NO_UNIT, told)
        told = (
            "半分钟没挪地方算躺着；站着不动会算错。",
            "Not moved for half a minute counts as lying; one that stands still is mistaken.",
        )
        return Label("posture", "lies" if self.pig.lying else "up", "estimated", NO_UNIT, told)

    def lying(self) -> Label:
        if self.day.watched < 300:
            return unknown("lying", ("%", "%"), WATCHED_LITTLE)
        return Label("lying", round(100 * self.day.lying / self.day.watched), "estimated", ("%", "%"), self._watched())

    def speed(self) -> Label:
        unit = ("身长/分钟", "body lengths/min")
        speed = self.pig.speed(self.known.now)
        if speed is None:
            return unknown("speed", unit, ("最近一分钟没看够。", "It was seen too little in the last minute."))
        metres = self._metres()
        told = ("最近一分钟走的路。", "Its way in the last minute.")
        if metres is not None:
            return Label("speed", round(60 * speed * metres, 1), "measured", ("米/分钟", "m/min"), told)
        return Label("speed", round(60 * speed, 1), "measured", unit, told)

    def nearest(self) -> Label:
        last = self.pig.last
        if last is None or last.nearest is None or self.known.now - self.pig.seen > 5:
            return unknown(
                "nearest", LENGTHS, ("现在没看到它，或者只看到它一头。", "It is not seen now, or no other pig is.")
            )
        metres = self._metres()
        told = ("它的中间到最近那头的身子。", "From its middle to the nearest one's body.")
        if metres is not None:
            return Label("nearest", round(last.nearest * metres, 2), "measured", ("米", "m"), told)
        return Label("nearest", round(last.nearest, 2), "measured", LENGTHS, told)

    def alone(self) -> Label:
        if not self.known.feeder:
            return unknown("alone", NO_UNIT, ("没说料槽在哪里。", "Nobody said where the feeder is."))
        found = alone_index(self.known.others, self.known.me)
        if found is None:
            return unknown(
                "alone",
                NO_UNIT,
                (
                    "要看满三天、至少五头认得的猪。",
                    "It takes three days of watching, and five pigs at least that are known by name.",
                ),
            )
        told = (
            "躺的份额×离别的猪多远×少吃的份额，三天，和全圈比（标准差）。不是心情。",
            "Lying x distance to others x meals missed, over three days, beside the pen, in standard deviations.",
        )
        return Label("alone", round(found, 2), "estimated", NO_UNIT, told)

    def _minutes(self, key: str, told: bool, seconds: float) -> Label:
        if not told:
            where = ("料槽", "the feeder") if key == "feeder" else ("水嘴", "the drinker")
            return unknown(
                key,
                MINUTES,
                (
                    f"没说{where[0]}在哪里：在照片上框出来。",
                    f"Nobody said where {where[1]} is: mark it in the picture.",
                ),
            )
        if self.day.watched < 60:
            return unknown(key, MINUTES, WATCHED_LITTLE)
        return Label(key, round(seconds / 60, 1), "measured", MINUTES, self._watched())

    def feeder(self) -> Label:
        return self._minutes("feeder", self.known.feeder, self.day.feeder)

    def drinker(self) -> Label:
        return self._minutes("drinker", self.known.drinker, self.day.drinker)

    def visits(self) -> Label:
        if not self.known.feeder or self.day.watched < 60:
            return unknown(
                "visits",
                ("次", "times"),
                WATCHED_LITTLE if self.known.feeder else ("没说料槽在哪里。", "Nobody said where the feeder is."),
            )
        return Label("visits", self.day.visits, "measured", ("次", "times"), self._watched())

    # -- over days -------------------------------------------------------------------------

    def daily(self) -> float | None:
        """Kilograms a day, from volumes six to nine days apart; None without them."""
        if self.known.weighed is None or not self.known.name:
            return None
        days = {date: day for date, day in self.known.others.get(self.known.me, {}).items() if day.volume is not None}
        volume = self.volume()
        today = np.datetime64(self.known.today)
        before = [date for date in days if 6 <= (today - np.datetime64(date)).astype(int) <= 9]
        if volume is None or volume[1] != self.known.metric or not before:
            return None
        then = days[max(before)]
        if then.metric != volume[1] or then.volume is None:
            return None
        apart = int((today - np.datetime64(max(before))).astype(int))
        return self.known.weighed * (volume[0] - then.volume) / apart

    def growth(self) -> Label:
        unit = ("公斤", "kg")
        daily = self.daily()
        if daily is None:
            return unknown(
                "growth",
                unit,
                (
                    "要称过一头、给这头起了名字（认得是它），并且七天前也量过。",
                    "It takes a weighed pig, a name for this one (so that it is the same), and its size a week ago.",
                ),
            )
        return Label(
            "growth",
            round(7 * daily, 1),
            "estimated",
            unit,
            ("和一个星期前的估计体重比。", "Beside its estimated weight of a week ago."),
        )

    def gait(self) -> Label:
        if self.pig.quickest < SLOWEST:
            return unknown(
                "gait",
                ("%", "%"),
                ("要一秒五张以上的录像才看得到步子。", "Steps are seen at five pictures a second or more."),
            )
        found = gait(self.pig.all_walks())
        if found is None:
            return unknown("gait", ("%", "%"), ("还没看到它连着走够六步。", "It was not seen to walk six strides."))
        told = (
            f"{found.strides:.0f} 步里身子往两边摆的差，误差 ±{100 * found.error:.0f}。",
            f"How differently it sways to both sides, over {found.strides:.0f} strides; ±{100 * found.error:.0f}.",
        )
        return Label("gait", round(100 * abs(found.asymmetry)), "measured", ("%", "%"), told)

    def coughs(self) -> Label:
        unit = ("次", "times")
        if self.known.sound is None:
            return unknown(
                "coughs", unit, ("没有声音：录一段猪圈的声音。", "There is no sound: record the pen for a while.")
            )
        count, minutes = self.known.sound
        if self.known.count != 1:
            return unknown(
                "coughs",
                unit,
                (
                    f"全圈 {minutes:.0f} 分钟里像咳嗽的有 {count} 声；一个话筒分不出是哪头。",
                    f"In the whole pen {count} like coughs in {minutes:.0f} minutes; one microphone cannot tell whose.",
                ),
            )
        return Label(
            "coughs",
            count,
            "estimated",
            unit,
            (f"圈里只有它；听了 {minutes:.0f} 分钟。", f"It is alone in the pen; {minutes:.0f} minutes were heard."),
        )

    def temperature(self) -> Label:
        unit = ("℃", "°C")
        if len(self.pig.warmths) == 0:
            return unknown("temperature", unit, ("要有热像仪的数据。", "It takes a thermal camera."))
        told = (
            "热像里背上最暖的那一成；皮肤的温度，不是体温。",
            "The warmest tenth of its back in the thermal picture; of the skin, not of the body.",
        )
        return Label("temperature", round(float(np.median(self.pig.warmths)), 1), "measured", unit, told)

    def mark(self) -> Label:
        if self.known.name:
            return Label(
                "mark",
                self.known.name,
                "measured",
                NO_UNIT,
                ("你起的名字（耳号）。", "The name (ear tag) that you gave it."),
            )
        votes = sum(self.pig.paints.values())
        if votes < 3:
            return unknown(
                "mark",
                NO_UNIT,
                ("背上还没看清（夜里没有颜色）。", "Its back was not seen clearly yet (a night has no colours)."),
            )
        best = max(self.pig.paints, key=lambda each: self.pig.paints[each])
        if self.pig.paints[best] < 0.7 * votes:
            return unknown("mark", NO_UNIT, ("有时像有，有时像没有。", "Now it seems to have one, now not."))
        return Label(
            "mark",
            best or "none",
            "measured",
            NO_UNIT,
            (f"背上的漆，{votes} 张照片。", f"Paint on its back, in {votes} pictures."),
        )

    def market(self) -> Label:
        unit = ("天", "days")
        kilograms, daily = self.kilograms(), self.daily()
        if kilograms is None or daily is None or daily <= 0:
            return unknown(
                "market", unit, ("要知道体重和七天的增重。", "It takes its weight and its growth over 7 days.")
            )
        left = max(0.0, (self.known.target - kilograms) / daily)
        return Label(
            "market",
            round(left),
            "estimated",
            unit,
            (
                f"长到 {self.known.target:g} 公斤，按它现在的长法。",
                f"Until {self.known.target:g} kg at the rate of now.",
            ),
        )

    def flag(self) -> Label:
        checked: list[tuple[str, str]] = []
        found: list[tuple[str, str]] = []

        def check(label: Label, bad: bool, chinese: str, english: str) -> None:
            if label.how != "unknown":
                checked.append(NAMES[label.key])
                if bad:
                    found.append((chinese, english))

        alone, growth, uneven, warm, coughs = (
            self.alone(),
            self.growth(),
            self.gait(),
            self.temperature(),
            self.coughs(),
        )
        check(alone, _over(alone, 2.0), "独处指数高", "alone-index high")
        check(growth, not _over(growth, 0.0), "没长", "no growth")
        check(uneven, _over(uneven, 30.0), "走路不匀", "uneven gait")
        check(warm, _over(warm, 40.0), "背上很热", "a hot back")
        check(coughs, _over(coughs, 5.0), "咳得多", "coughs much")
        if self.known.feeder and self.day.watched > 8 * 3600:
            checked.append(NAMES["feeder"])
            if self.day.feeder < 60:
                found.append(("八小时没吃料", "not at the feeder in eight hours"))
        if not checked:
            return unknown(
                "flag", NO_UNIT, ("能看出病的几样都还不知道。", "Nothing that would show an illness is known yet.")
            )
        looked = ("、".join(one[0] for one in checked), ", ".join(one[1] for one in checked))
        if not found:
            return Label(
                "flag", "none", "estimated", NO_UNIT, (f"只查了：{looked[0]}。", f"Looked at only: {looked[1]}.")
            )
        told = ("；".join(one[0] for one in found), "; ".join(one[1] for one in found))
        return Label("flag", "look", "estimated", NO_UNIT, told)

    def _watched(self) -> tuple[str, str]:
        minutes = self.day.watched / 60
        return f"今天看了 {minutes:.0f} 分钟。", f"Watched for {minutes:.0f} minutes today."


def _over(label: Label, least: float) -> bool:
    return isinstance(label.value, int | float) and label.value > least
