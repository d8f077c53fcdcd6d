"""Where an utterance is cut, and what its clauses do to one another."""

from __future__ import annotations

import pytest

from huozhong.apps.callhome.clauses import DENIED, DONE, DOUBTED, INSTEAD, NOT_TO, clauses_of


@pytest.mark.parametrize(
    ("said", "pieces"),
    [
        ("打给儿子不对打给女儿", ["打给儿子", "不对", "打给女儿"]),
        ("打给女儿，不是给儿子", ["打给女儿", "不是给儿子"]),
        ("打给女儿不是打给儿子", ["打给女儿", "不是打给儿子"]),
        ("女没有空，打给崽算了", ["女没有空", "打给崽吧"]),
        ("打给儿子，算了", ["打给儿子", "算了"]),
        ("莫打崽，打妹子", ["莫打给崽", "打给妹子"]),
        ("给儿子、女儿打电话", ["给儿子和女儿打电话"]),
    ],
)
def test_clauses(said: str, pieces: list[str]) -> None:
    assert clauses_of(said) == pieces


def test_what_a_clause_does_to_those_before_it() -> None:
    assert DENIED.search("不")
    assert not DENIED.search("不知道他在哪")
    assert DOUBTED.search("喔唷弗晓得哉")
    assert not DOUBTED.search("我不知道怎么开电视")
    assert NOT_TO.match("不是给儿子")
    assert INSTEAD.sub("", "都系打畀医生") == "打畀医生"


@pytest.mark.parametrize(("said", "done"), [("才跟红梅打过电话", True), ("打了三个电话", True), ("打个电话", False),
                                            ("打过电话畀佢", False), ("打过去", False)])  # fmt: skip
def test_what_has_been_done_is_no_order(said: str, done: bool) -> None:
    assert bool(DONE.search(said)) == done
