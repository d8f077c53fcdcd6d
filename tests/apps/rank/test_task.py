from __future__ import annotations

import pytest
from tests.apps.rank.shop import till

from huozhong.apps.rank.table import parse_table
from huozhong.apps.rank.task import understand
from huozhong.errors import SkillError


def test_a_till_is_understood() -> None:
    task = understand(parse_table(till(), "till"))
    assert (task.who, task.what, task.when, task.target) == ("顾客", "商品", "日期", None)
    assert [name for name, _, _ in task.left_out] == ["数量"]  # how many is known only once it is bought
    assert task.used == ["顾客", "年龄", "商品", "类别"]


def test_an_outcome_is_found_and_what_counts_of_it() -> None:
    rows = "".join(f"{n % 7},{'是' if n % 3 else '否'}\n" for n in range(30))
    task = understand(parse_table("次数,是否购买\n" + rows, "t"))
    assert (task.target, task.yes) == ("是否购买", "是")
    rated = "".join(f"{n % 7},{n % 5}\n" for n in range(30))
    task = understand(parse_table("user,rating\n" + rated, "t"))
    assert (task.who, task.target, task.good) == ("user", "rating", 2.0)
    with pytest.raises(SkillError, match="one side of 9"):
        understand(parse_table("user,rating\n" + rated, "t"), good=9.0)


def test_what_is_not_clear_is_asked_for() -> None:
    with pytest.raises(SkillError, match="--target COLUMN"):
        understand(parse_table("a,b\n" + "".join(f"{n % 7},{n % 5}\n" for n in range(30)), "t"))
    with pytest.raises(SkillError, match="There is no column 'x'; there are: a, b"):
        understand(parse_table("a,b\n1,2\n", "t"), target="x")
    with pytest.raises(SkillError, match="empty in 1 rows"):
        understand(parse_table("a,target\n1,2\n2,\n2,1\n", "t"))


@pytest.mark.parametrize(
    ("yes", "no"),
    [("买了", "没买"), ("已购买", "未购买"), ("成功", "失败"), ("1.0", "0.0"), ("1", "-1"), ("sold", "unsold"),
     ("bought", "not bought"), ("responded", "did not respond"), ("满意", "不满意"), ("同意", "拒绝"), ("有", "无")],
)  # fmt: skip
def test_what_happened_counts_even_where_it_is_the_more_frequent(yes: str, no: str) -> None:
    rows = "\n".join(f"{20 + n % 30},{no if n % 5 == 0 else yes}" for n in range(60))
    task = understand(parse_table(f"年龄,购买\n{rows}\n", "x"))
    assert task.yes == yes
    assert task.outcome(parse_table(f"年龄,购买\n{rows}\n", "x")).mean() == 0.8


def test_words_that_only_look_like_a_denial_are_none() -> None:
    rows = "\n".join(f"{20 + n % 30},{'满意' if n % 5 else '非常满意'}" for n in range(60))
    assert understand(parse_table(f"年龄,结果\n{rows}\n", "x")).yes == "非常满意"  # the rarer one
