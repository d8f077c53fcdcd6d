"""From when to when, as a length of time."""

from __future__ import annotations

import pytest

from huozhong.acts.told_times import lasting


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        (
            "火车上午8时出发，每小时行80千米，11时到达，行了多少千米",
            "火车出发，每小时行80千米，3小时后到达，行了多少千米",
        ),
        (
            "从8时到12时，王师傅共加工320个零件，平均每小时加工多少个",
            "4小时里，王师傅共加工320个零件，平均每小时加工多少个",
        ),
        ("小明从8:05到8:25每分钟走60米，走了多少米", "小明20分钟里每分钟走60米，走了多少米"),
        (
            "上午7:30开工，下午1:00收工，每小时做20个，一共做了多少个",
            "开工，5.5小时后收工，每小时做20个，一共做了多少个",
        ),
        ("小明从2月1日到2月10日每天看书20页，一共看了多少页", "小明10天里每天看书20页，一共看了多少页"),
    ],
)
def test_two_times_become_a_length(question: str, shown: str) -> None:
    found = lasting(question)
    assert found is not None
    assert found[0] == shown


@pytest.mark.parametrize(
    "question",
    [
        "从8:30到10:15是多久？",
        "小明8:20出门，8:45到校，几点上课",
        "每时行60千米，4.6时到达，提前0.6时到达，每时要行多少千米？",
        "从5月1日到8月31日这123天中每天加工50个，一共多少个",
        "小明有5个苹果",
        "",
    ],
)
def test_what_is_left_alone(question: str) -> None:
    assert lasting(question) is None
