"""Any tree of messages becomes questions and answers by turns, and no word is lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from huozhong.store.exchange.shape import MOST_MESSAGES, Chat, NotTaken, Said, in_turns, time_ms


def chat(*said: Said, leaf: str | None = None) -> Chat:
    return Chat(source="x", created=1, updated=1, leaf=leaf, said=list(said))


def one(key: str, parent: str | None, role: Any, content: str = "", **more: Any) -> Said:
    return Said(key=key, parent=parent, role=role, content=content or (key if role else ""), **more)


def told(turns: Chat) -> list[tuple[str, str | None, str | None, str]]:
    return [(said.key, said.parent, said.role, said.content) for said in turns.said]


def test_turns_stay_as_they_are() -> None:
    said = [one("q", None, "user"), one("a", "q", "assistant"), one("q2", "a", "user"), one("b", "q", "assistant")]
    turns = in_turns(chat(*said, leaf="a"))
    assert [s.key for s in turns.said] == ["q", "a", "q2", "b"]
    assert turns.leaf == "a"


def test_children_may_come_before_their_parents() -> None:
    turns = in_turns(chat(one("a", "q", "assistant"), one("q", None, "user")))
    assert told(turns) == [("q", None, "user", "q"), ("a", "q", "assistant", "a")]


def test_hidden_messages_are_no_turns() -> None:
    turns = in_turns(
        chat(
            one("root", None, None),
            one("system", "root", None),
            one("q", "system", "user"),
            one("hidden", "q", None),
            one("a", "hidden", "assistant"),
            one("end", "a", None),
            leaf="end",
        )
    )
    assert told(turns) == [("q", None, "user", "q"), ("a", "q", "assistant", "a")]
    assert turns.leaf == "a"


def test_parts_of_an_answer_are_one_answer() -> None:
    thoughts = Said(key="t", parent="q", role="assistant", reasoning="hm", think_ms=5)
    turns = in_turns(
        chat(
            one("q", None, "user"),
            thoughts,
            one("tool", "t", None),
            one("a", "tool", "assistant"),
            one("b", "a", "assistant"),
            one("q2", "b", "user"),
            leaf="t",
        )
    )
    assert told(turns) == [
        ("q", None, "user", "q"),
        ("b", "q", "assistant", "a\n\nb"),
        ("q2", "b", "user", "q2"),
    ]
    assert (turns.said[1].reasoning, turns.said[1].think_ms) == ("hm", 5)
    assert turns.leaf == "b"


def test_an_answer_with_two_ends_is_two_answers() -> None:
    turns = in_turns(
        chat(one("q", None, "user"), one("a", "q", "assistant"), one("b", "a", "assistant"), one("q2", "a", "user"))
    )
    assert set(told(turns)) == {
        ("q", None, "user", "q"),
        ("a", "q", "assistant", "a"),
        ("b", "q", "assistant", "a\n\nb"),
        ("q2", "a", "user", "q2"),
    }


def test_a_question_that_nobody_answered() -> None:
    turns = in_turns(chat(one("q", None, "user"), one("q2", "q", "user"), one("a", "q2", "assistant")))
    assert told(turns) == [
        ("q", None, "user", "q"),
        ("q2 ", "q", "assistant", ""),
        ("q2", "q2 ", "user", "q2"),
        ("a", "q2", "assistant", "a"),
    ]
    assert turns.said[1].state == "cut"


@pytest.mark.parametrize(
    "said",
    [
        [],
        [one("q", "q", None)],
        [one("a", "b", "user"), one("b", "a", "assistant")],  # a circle
        [Said(key="q", parent=None, role="user"), Said(key="a", parent="q", role="assistant", reasoning="only this")],
    ],
)
def test_nothing_to_take(said: list[Said]) -> None:
    with pytest.raises(NotTaken, match="no messages with text"):
        in_turns(chat(*said))


def test_too_much() -> None:
    with pytest.raises(NotTaken, match="at most 20000"):
        in_turns(chat(*(one(str(n), None, "user") for n in range(MOST_MESSAGES + 1))))
    with pytest.raises(NotTaken, match="longer than 1,000,000 characters"):
        in_turns(chat(one("q", None, "user", "长" * 1_000_001)))


def test_as_deep_as_it_is_long() -> None:
    said = [one(str(n), str(n - 1) if n else None, "assistant" if n % 2 else "user") for n in range(MOST_MESSAGES)]
    assert len(in_turns(chat(*said)).said) == MOST_MESSAGES


def test_random_trees() -> None:
    dice = random.Random(5)
    for _ in range(300):
        said = []
        for n in range(dice.randrange(1, 14)):
            parent = None if dice.random() < 0.15 else str(dice.randrange(-1, n + 2))
            said.append(one(str(n), parent, dice.choice(["user", "assistant", None]), f"<{n}>"))
        try:
            turns = in_turns(chat(*said, leaf=str(dice.randrange(16))))
        except NotTaken:
            continue
        seen: dict[str, Said] = {}
        for turn in turns.said:
            assert turn.key not in seen
            if turn.parent is not None:
                assert {turn.role, seen[turn.parent].role} == {"user", "assistant"}
            seen[turn.key] = turn
        assert turns.leaf in seen
        reachable = set()
        todo = [s for s in said if s.parent not in {x.key for x in said} or s.parent == s.key]
        while todo:
            node = todo.pop()
            reachable.add(node.key)
            todo += [s for s in said if s.parent == node.key and s.key not in reachable]
        for node in said:
            if node.role and node.key in reachable:
                assert any(node.content in turn.content for turn in turns.said)


@pytest.mark.parametrize(
    ("value", "at"),
    [(1_700_000_000, 1_700_000_000_000), (1_700_000_000.5, 1_700_000_000_500), (1_700_000_000_000, 1_700_000_000_000),
     (None, None), ("2024", None), (True, None), (float("nan"), None), (float("inf"), None), (-5, None), (1e300, None)],
)  # fmt: skip
def test_times(value: Any, at: int | None) -> None:
    assert time_ms(value) == at
