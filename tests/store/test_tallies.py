"""What apps count is counted of those alone who said yes, added up without names, and gone when they take it back."""

from __future__ import annotations

import pytest

from huozhong.errors import RequestError
from huozhong.store.database import Store
from huozhong.store.people import add_person, remove_person
from huozhong.store.tallies import (
    MOST_A_DAY,
    Tally,
    add_tally,
    class_tallies,
    forget_class,
    forget_tallies,
    let_count,
    lets_count,
    own_tallies,
    people_counted,
)

DAY, PASSWORD = "2026-11-30", "春眠不觉晓 42"


def test_nothing_without_a_yes_and_sums_with_it(store: Store) -> None:
    with store.begin() as session:
        bob, kid = (add_person(session, name, "child", PASSWORD).id for name in ("Bob", "Kid"))
        assert not add_tally(session, bob, "tutor", DAY, "×", "carry")
        for one in (bob, kid):
            let_count(session, one, "tutor")
            let_count(session, one, "tutor")  # twice is once
        for one, how in ((bob, "carry"), (bob, "carry"), (kid, "carry"), (kid, "right")):
            assert add_tally(session, one, "tutor", DAY, "×", how)
        assert not add_tally(session, bob, "quiz", DAY, "×", "carry")
        assert own_tallies(session, bob, "tutor", DAY) == [Tally("×", "carry", 2, 1)]
        assert class_tallies(session, "tutor", DAY) == [Tally("×", "carry", 3, 2), Tally("×", "right", 1, 1)]
        assert class_tallies(session, "tutor", "2026-12-01") == class_tallies(session, "quiz", DAY) == []
        assert people_counted(session, "tutor") == 2


def test_who_takes_it_back_or_goes_leaves_nothing(store: Store) -> None:
    with store.begin() as session:
        people = [add_person(session, name, "child", PASSWORD).id for name in ("Bob", "Kid", "Lou")]
        for one in people:
            let_count(session, one, "tutor")
            add_tally(session, one, "tutor", DAY, "-", "borrow")
        forget_tallies(session, people[0], "tutor")
        remove_person(session, people[1])
        assert not lets_count(session, people[0], "tutor")
        assert class_tallies(session, "tutor", DAY) == [Tally("-", "borrow", 1, 1)]
        forget_class(session, "tutor")
        assert class_tallies(session, "tutor", DAY) == []
        assert lets_count(session, people[2], "tutor")


@pytest.mark.parametrize("word", ["", "x" * 25, "a\nb", "<b>", "我的密码：1"])
def test_only_an_apps_short_words_are_counted(store: Store, word: str) -> None:
    with store.begin() as session:
        bob = add_person(session, "Bob", "child", PASSWORD).id
        let_count(session, bob, "tutor")
        with pytest.raises(RequestError):
            add_tally(session, bob, "tutor", DAY, word, "right")


def test_an_app_counts_so_many_things_a_day(store: Store) -> None:
    with store.begin() as session:
        bob = add_person(session, "Bob", "child", PASSWORD).id
        let_count(session, bob, "tutor")
        done = [add_tally(session, bob, "tutor", DAY, f"step {at}", "right") for at in range(MOST_A_DAY + 3)]
        assert done.count(True) == MOST_A_DAY
        assert add_tally(session, bob, "tutor", DAY, "step 1", "right")
