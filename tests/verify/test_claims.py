"""Numbers, names and claims are traced to the lines of a sheet, and what no line says is found."""

from __future__ import annotations

import pytest

from huozhong.verify.claims import trace, untraced

SHEET = [
    "商品：洛川苹果",
    "价格：39.9元/箱",
    "规格：2.5kg*2袋",
    "赠品：削皮刀一把",
    "库存：300件",
    "卖点：树上熟，皮薄多汁",
    "卖点：有机认证，无蔗糖添加",
    "活动：满199减20，第2件8.8折",
    "型号：A2-306",
]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("今天三十九块九一箱", [2]),
        ("五斤两袋", [3, 3]),
        ("五斤一袋，两袋", [3, 3]),
        ("满一百九十九减二十", [8, 8]),
        ("满199块减20块", [8, 8]),
        ("第二件八八折", [8, 8]),
        ("还送您一把削皮刀", [4]),
        ("型号A二三零六", [9]),
        ("a2306", [9]),
        ("“洛川苹果”", [1, 1]),
        ("皮薄，还多汁", [6, 6]),
        ("", []),
        ("大家好，欢迎来到直播间，一定要多看看", []),
    ],
)
def test_what_the_sheet_says_has_its_line(text: str, lines: list[int]) -> None:
    assert [claim.line for claim in trace(text, SHEET)] == lines


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("只要29.9元", "29.9"),
        ("今天二十九块九", "二十九块九"),
        ("只要三百", "三百"),
        ("三百块", "三百块"),
        ("库存三千件", "三千"),
        ("限量二十袋", "二十"),
        ("三折", "三折"),
        ("百分之九十九好评", "百分之九十九"),
        ("通过SGS认证", "SGS"),
        ("含有玻尿酸", "玻尿酸"),
        ("来自烟台", "烟台"),
        ("这个有蔗糖", "蔗糖"),
        ("海尔出品", "海尔"),
        ("iPhone15也能用", "iPhone15"),
        ("A2-307", "A2-307"),
        ("最甜的苹果", "最甜"),
        ("能降血糖", "降血糖"),
        ("七天无理由", "七天无理由"),
        ("还包邮", "包邮"),
        ("一年质保", "质保"),
        ("专家推荐", "专家推荐"),
        ("富含雪莲花萃取", "富含雪莲花萃取"),
        ("再送大家五斤鸡蛋", "五"),
        ("吉祥牌的", "吉祥牌"),
        ("“天山雪果”", "天山雪果"),
        ("获得国际金奖", "金奖"),
        ("央视都报道过", "央视"),
        ("绿色食品", "绿色食品"),
    ],
)
def test_what_it_does_not_say_is_found(text: str, what: str) -> None:
    found = [claim.text for claim in untraced(text, SHEET)]
    assert any(what.removesuffix("牌") in one for one in found), found


def test_places_are_those_of_the_text() -> None:
    text = "含有玻尿酸，只要29.9元，SGS认证"
    assert all(text[claim.start : claim.end] == claim.text for claim in trace(text, SHEET))


def test_the_sheet_can_be_said_of_itself() -> None:
    for number, line in enumerate(SHEET, 1):
        assert untraced(line.partition("：")[2], [line]) == [], (number, line)


def test_an_empty_sheet_says_nothing() -> None:
    assert [claim.text for claim in untraced("三十九块九", [])] == ["三十九块九"]
