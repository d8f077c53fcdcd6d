"""Which of several children is meant by 老大, 老二, 老幺: whenever it may be more than one, all of them."""

from __future__ import annotations

import pytest

from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.ranks import by_place, fits
from huozhong.apps.callhome.resolve import who


def family(*relations: str) -> list[Contact]:
    return read_contacts([{"name": f"人{i}", "relation": relation} for i, relation in enumerate(relations)])


@pytest.mark.parametrize(
    ("relations", "said", "meant", "whole"),
    [
        (("大儿子", "小儿子"), 1, {0}, True),
        (("大儿子", "小儿子"), 2, {1}, True),
        (("大女儿", "二女儿", "三女儿"), 3, {2}, True),
        (("大儿子", "小儿子", "女儿"), 1, {0, 2}, True),
        (("大儿子", "小儿子", "女儿"), 2, {0, 1, 2}, True),
        (("大儿子", "小儿子", "女儿"), -1, {1, 2}, True),
        (("大儿子", "小儿子", "女儿"), 5, set(), True),
        (("儿子", "大女儿", "小女儿"), 1, {0, 1}, True),
        (("儿子", "女儿"), 2, {0, 1}, True),
        (("大儿子", "二女儿", "小儿子"), 2, {1}, True),  # the only daughter is the second: of all children
        (("二儿子", "女儿"), 1, {1}, False),  # there is an elder son who has no number
        (("老大", "老二"), 2, {1}, True),
        (("儿子",), 2, {0}, False),
        (("邻居",), 2, set(), False),
    ],
)
def test_who_may_be_meant_by_a_place_among_the_children(
    relations: tuple[str, ...], said: int, meant: set[int], whole: bool
) -> None:
    found, every = by_place(said, family(*relations))
    assert (set(found), every) == (meant, whole)


def test_the_one_of_that_rank_is_shown_first() -> None:
    people = family("大儿子", "二儿子", "三儿子", "大女儿", "小女儿")
    answer = who("给老二打个电话", people, "重庆")
    assert answer.decision == "unsure"
    assert [one.relation for one in answer.candidates[:2]] == ["二儿子", "小女儿"]


def test_a_rank_of_a_relation_is_counted_among_that_relation() -> None:
    people = family("大儿子", "小儿子", "女儿")
    assert [fits(2, one, people) for one in people[:2]] == [None, 0.05]
    assert [fits(1, one, people) for one in people] == [0.0, None, 0.1]


@pytest.mark.parametrize("said", ["给孩子打个电话", "给我的娃娃打电话", "给大孩子打电话", "打给小囡"])
def test_a_child_may_be_a_son_or_a_daughter(said: str) -> None:
    answer = who(said, family("邻居", "儿子", "女儿", "侄子"), "上海")
    assert answer.decision == "unsure"
    assert {one.relation for one in answer.candidates[:2]} == {"儿子", "女儿"}


def test_who_is_named_beside_his_place_is_meant_whatever_the_place() -> None:
    people = read_contacts([{"name": "陈志明", "relation": "二儿子"}, {"name": "陈丽", "relation": "女儿"}])
    answer = who("给老二志明打个电话", people)
    assert answer.contact == people[0]
    assert who("给老三打个电话", [*people, *read_contacts([{"name": "老三"}])]).contact is not None
