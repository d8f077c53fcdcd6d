"""Times of the day in words and digits."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.times import times_in


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("8:30", 510),
        ("8：05", 485),
        ("下午3点半", 930),
        ("九点一刻", 555),
        ("9点45", 585),
        ("晚上十点二十分", 1340),
        ("12时30分", 750),
        ("凌晨12点", 0),
        ("中午1点", 780),
        ("7:30 pm", 1170),
        ("half past 8", 510),
        ("quarter to nine", 525),
        ("8 o'clock", 480),
        ("noon", 720),
    ],
)
def test_a_time(text: str, minutes: int) -> None:
    assert [time.minutes for time in times_in(text)] == [minutes]


def test_the_second_is_in_the_half_of_the_first() -> None:
    assert [time.minutes for time in times_in("下午3点到5点")] == [900, 1020]
    assert [time.minutes for time in times_in("早上6点到晚上9点")] == [360, 1260]


@pytest.mark.parametrize(
    "text", ["3小时", "25:00", "3点5", "8分之3", "3:5", "每时行60千米，8时到达", "3.5时", "一时间", ""]
)
def test_what_is_no_time(text: str) -> None:
    assert [time for time in times_in(text) if time.end - time.start > 2] == []
    assert times_in("每时行60千米，8时到达") == []
