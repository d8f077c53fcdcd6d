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
