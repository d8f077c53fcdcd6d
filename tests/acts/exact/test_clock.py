"""Clock arithmetic."""

from __future__ import annotations

import pytest

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.acts.exact.clock import asks_time
from huozhong.verify.arithmetic import check_steps


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("从8:30到10:15是多久？", "1小时45分钟（105分钟）"),
        ("小明8:20出门，8:45到校，路上用了多少分钟", "25分钟"),
        ("晚上10点睡觉，早上6点起床，睡了几小时", "8小时"),
        ("下午3点到5点半有多少分钟", "150分钟"),
        ("从10点到2点有几个小时", "4小时"),
        ("商店上午9:00开门，晚上9:00关门，一天营业多少小时", "12小时"),
        ("现在是8:30，再过3小时是几点", "11时30分"),
        ("电影19:30开始，放映105分钟，几点结束", "21时15分"),
        ("小明路上用了25分钟，8:00到校，他几点出发的", "7时35分"),
        ("10时30分的火车，路上要走1小时，提前15分钟到，几点出门", "9时15分"),
        ("小明7:30起床，洗漱用了20分钟，吃饭15分钟，几点可以出门", "8时5分"),
        ("晚上11点再过3小时是几点", "第二天2时"),
        ("15:30是下午几点", "下午3时30分"),
        ("下午3点用24时计时法怎么表示", "15时"),
        ("How long is it from 8:30 to 10:15?", "1 hour 45 minutes (105 minutes)"),
        ("What time is it 3 hours after 8:30?", "11:30"),
        ("A movie starts at 7:30 pm and ends at 9:15 pm. How long is it?", "1 hour 45 minutes (105 minutes)"),
    ],
)
def test_times(question: str, short: str) -> None:
    done = do(labels.CLOCK, question)
    assert done is not None
    assert done.short == short
    assert check_steps("\n".join(done.lines)).all_correct


@pytest.mark.parametrize(
    "question",
    [
        "现在几点",
        "火车上午8时出发，每小时行80千米，11时到达，行了多少千米",
        "再过3小时是几点",
        "3点5加2",
        "小明从8:30到10:15看了20页书",
    ],
)
def test_what_is_no_question_of_times(question: str) -> None:
    assert do(labels.CLOCK, question) is None


def test_a_time_is_asked_for() -> None:
    assert asks_time("小红早上6:50起床，比妈妈晚20分钟，妈妈几点起床")
    assert not asks_time("火车上午8时出发，11时到达，行了多少千米")
