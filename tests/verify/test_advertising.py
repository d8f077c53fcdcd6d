"""Words that the advertising law does not allow are found, and look-alikes are not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from huozhong.verify.advertising import banned, count


def words(text: str) -> list[str]:
    return [hit.word for hit in banned(text)]


def test_there_are_enough_of_them() -> None:
    assert count() >= 120


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("国家级品质", ["国家级"]),
        ("这是最佳选择", ["最佳"]),
        ("最好吃的苹果", ["最好吃"]),
        ("全网第一，销量第一", ["全网第一", "销量第一"]),
        ("我们是第一品牌", ["第一品牌"]),
        ("根治脚气", ["根治"]),
        ("喝了能降血糖", ["降血糖"]),
        ("国 家 级", ["国 家 级"]),
        ("最·佳", ["最·佳"]),
        ("纯天然零添加", ["纯天然", "零添加"]),
        ("100%有效", ["100%"]),
        ("最轻的被子", ["最"]),
        ("全网最低价", ["全网最低"]),
        ("戴上能转运招财", ["转运", "招财"]),
        ("专家推荐，碾压同行", ["专家推荐", "碾压"]),
        ("人民大会堂特供", ["人民大会堂", "特供"]),
        ("行业第一", ["行业第一"]),
        ("独一无二的唯一", ["独一无二", "唯一"]),
    ],
)
def test_words_are_found(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "第一次来的朋友",
        "最后三分钟",
        "最近天气冷",
        "第一步先洗净",
        "第一时间发货",
        "最多买两件",
        "最少泡十分钟",
        "最初的味道",
        "第一口就知道",
        "最低气温零下三度",
        "周转运输",
        "第一件九块九",
        "最后说一下价格",
        "最大承重一百公斤",
        "最佳赏味期七天",
        "第一，先看产地；第二，再看价格",
        "卫生发圈",
        "今天三十九块九一斤",
        "好吃不贵",
        "7天无理由退换",
        "100%棉",
        "",
    ],
)
def test_look_alikes_are_not(text: str) -> None:
    assert words(text) == []


def test_every_hit_says_why_and_what_instead() -> None:
    for hit in banned("国家级最佳第一根治无副作用招财跳楼价碾压医生推荐国旗"):
        assert hit.why
        assert hit.english
        assert hit.suggestion
        assert "国家级最佳第一根治无副作用招财跳楼价碾压医生推荐国旗"[hit.start : hit.end] == hit.word


def test_places_do_not_overlap() -> None:
    hits = banned("史上最低价全网最低最便宜" * 3)
    assert all(a.end <= b.start for a, b in pairwise(hits))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("國家級品質", ["國家級"]),
        ("全國銷量第一", ["銷量第一"]),
        ("１００％有效", ["１００％"]),
        ("百分之百有效", ["百分之百"]),
        ("Top 1单品，No. 1", ["Top 1", "No. 1"]),
        ("全球首创，行业龙头老大", ["全球首创", "龙头"]),
        ("永不褪色", ["永不"]),
        ("医生都推荐，明星都在用", ["医生都推荐", "明星都在用"]),
        ("一个疗程见效", ["一个疗程", "见效"]),
        ("增强抵抗力，杀死99%的细菌", ["增强抵抗力", "杀死99%的细菌"]),
        ("三天瘦十斤", ["瘦十斤"]),
        ("比某某牌强一百倍", ["比某某牌强一百倍"]),
        ("再不买就没了", ["再不买就没了"]),
    ],
)
def test_the_same_in_other_words_and_other_signs(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "洗的时候最好用冷水",
        "最好不要超过60度，最好当天吃完，最好放冰箱",
        "最快明天就能到",
        "最大码是XXL，最大的有三斤，最小的一斤",
        "最高水位线",
        "安全第一",
        "第一小学，第一杯茶，第一百单",
        "唯一要注意的是别进水",
        "王牌对王牌",
        "完美日记口红",
        "风水梨",
        "医用口罩，注册号12345",
        "水龙头",
        "转运公司发货",
    ],
)
def test_advice_sizes_orders_and_names_are_none(text: str) -> None:
    assert words(text) == []
