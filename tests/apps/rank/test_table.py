from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from huozhong.apps.rank.table import cell, kind_of, numbers, parse_table, parts, read_table, times
from huozhong.errors import SkillError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("顾客;金额\n张三;3,5\n\n李四;?\n".encode(encoding))
    assert read_table(tmp_path / "a.csv").columns == {"顾客": ["张三", "李四"], "金额": ["3,5", ""]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "Line 3 of t has 1 columns, its heading 2"), ("a\n1\n", "has one column only"),
        ("a,a\n1,2\n", "two columns called 'a'"), ("a,\n1,2\n", "Column 2 of t has no heading"),
        ("a,b\n", "no rows"), ("PK\0\0,b\n", "no CSV text"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_where(text: str, words: str) -> None:
    with pytest.raises(SkillError, match=words):
        parse_table(text, "t")


def test_kinds_of_columns() -> None:
    assert kind_of(["1", "2.5", "", "1,200", "30%"]) == "number"
    assert kind_of([str(n) for n in range(50)]) == "row id"
    assert kind_of(["x"] * 9) == "constant"
    assert kind_of([f"2025-01-{1 + n % 28:02}" for n in range(40)]) == "time"
    assert kind_of([str(1_700_000_000 + 86_400 * (n % 30)) for n in range(60)]) == "time"
    assert kind_of(["a|b", "b", "a", "c|a", "b|c"] * 8) == "list"
    assert kind_of(["男", "女"] * 20) == "category"
    assert kind_of([f"a remark, another each time {n}" for n in range(40)]) == "text"


def test_numbers_times_and_parts() -> None:
    np.testing.assert_array_equal(numbers(["1,200", "30%", ""]), [1200, 0.3, np.nan])
    np.testing.assert_array_equal(
        times(["2025年1月2日", ""]) if times(["2025年1月2日", ""]) is not None else 0, [1735776000, np.nan]
    )
    assert times(["yesterday"]) is None
    assert parts("a| b；c、d") == ["a", "b", "c", "d"]


def test_money_is_a_number_however_it_is_written() -> None:
    for cells in (
        [f"¥{n},280.50" for n in range(1, 31)],
        [f"{n}.5元" for n in range(30)],
        [f"￥ {n}.5" for n in range(30)],
        [f"{n}.5 块" for n in range(30)],
        [f"CNY {n}.50" for n in range(30)],
        [f"３{n}．５" for n in range(30)],
    ):
        assert kind_of(cells) == "number", cells[0]
    assert np.allclose(numbers(["¥1,280.50", "39.9元", "３９．９", "", "15%"]), [1280.5, 39.9, 39.9, np.nan, 0.15],
                       equal_nan=True)  # fmt: skip
    assert kind_of([f"{n}号桌元" for n in range(5)] * 9) == "category"


def test_days_before_months_are_moments() -> None:
    assert kind_of([f"{n:02d}/03/2024" for n in range(1, 31)]) == "time"


def test_what_a_spreadsheet_leaves_beside_and_below_a_table_is_passed_over() -> None:
    read = parse_table("甲,乙,,\n1,2,,\n3,4,,\n,,,\n", "x")
    assert read.columns == {"甲": ["1", "3"], "乙": ["2", "4"]}
    with pytest.raises(SkillError, match="Line 3"):
        parse_table("甲,乙,,\n1,2,,\n3,4,5,\n", "x")


def test_a_cell_as_programs_and_people_give_it() -> None:
    for nothing in (None, "", " ", "N/A", "未知", float("nan")):
        assert cell(nothing, "价", "number") == ""
    assert cell(12.5, "价", "number") == "12.5"
    assert cell(" ¥39.9 ", "价", "number") == "¥39.9"
    assert numbers([cell(1e-7, "价", "number")])[0] == 1e-7
    assert cell(3, "城", "category") == "3"
    for wrong in ("便宜", "12abc", float("inf")):
        with pytest.raises(SkillError, match="must be a number"):
            cell(wrong, "价", "number")
    for many in ([1], {"a": 1}):
        with pytest.raises(SkillError, match="single value"):
            cell(many, "价", "category")


def test_having_none_is_an_answer_where_others_have_some() -> None:
    read = parse_table("甲,乙\n有,城东\n无,无\n有,\n", "x")
    assert read.columns == {"甲": ["有", "无", "有"], "乙": ["城东", "", ""]}
