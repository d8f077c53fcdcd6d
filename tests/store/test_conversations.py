"""Conversations in both databases: whose they are, what time and crashes do to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.store.test_search import add_person

from huozhong.errors import RequestError
from huozhong.store import conversations as module
from huozhong.store.conversations import KEPT_DAYS, Conversations, Turn
from huozhong.store.database import Store
from huozhong.store.people import HOUSE


@pytest.fixture
def kept(store: Store) -> Conversations:
    return Conversations(store)


def asked(kept: Conversations, id: str, content: str = "你好", parent: str | None = None, person: int = HOUSE) -> Turn:
    """A question with a whole answer."""
    turn = kept.ask(person, id, parent=parent, content=content)
    kept.keep([(person, turn.answer.id, {"content": f"{content}！", "state": "done", "finish": "stop"})])
    return turn


OTHERS: list[Callable[[Conversations, int, Turn], Any]] = [
    lambda kept, person, turn: kept.get(person, turn.conversation.id),
    lambda kept, person, turn: kept.change(person, turn.conversation.id, {"title": "mine"}),
    lambda kept, person, turn: kept.delete(person, turn.conversation.id),
    lambda kept, person, turn: kept.restore(person, turn.conversation.id),
    lambda kept, person, turn: kept.ask(person, turn.conversation.id, parent=None, content="x"),
    lambda kept, person, turn: kept.again(person, turn.conversation.id, turn.answer.id, model=None),
    lambda kept, person, turn: kept.go_on(person, turn.conversation.id, turn.answer.id),
    lambda kept, person, turn: kept.find_message(person, turn.answer.id),
]


@pytest.mark.parametrize("use", OTHERS)
def test_anothers_conversation_is_as_unknown_as_none(
    store: Store, kept: Conversations, use: Callable[[Conversations, int, Turn], Any]
) -> None:
    ann = add_person(store, "Ann")
    turn = asked(kept, kept.create(HOUSE).id)
    before = kept.get(HOUSE, turn.conversation.id)[0].updated
    with pytest.raises(RequestError) as caught:
        use(kept, ann, turn)
    assert caught.value.code == "not_found"
    with pytest.raises(RequestError, match="taken"):
        kept.create(ann, id=turn.conversation.id)
    assert kept.latest(ann) == ([], False)
    assert kept.get(HOUSE, turn.conversation.id)[0].updated == before


def test_a_message_of_another_conversation_is_no_parent(kept: Conversations) -> None:
    one, other = kept.create(HOUSE).id, kept.create(HOUSE).id
    turn = asked(kept, one)
    for use in (
        lambda: kept.ask(HOUSE, other, parent=turn.answer.id, content="x"),
        lambda: kept.again(HOUSE, other, turn.answer.id, model=None),
        lambda: kept.change(HOUSE, other, {"leaf": turn.answer.id}),
    ):
        with pytest.raises(RequestError, match="no message of this conversation"):
            use()


def test_the_clock_set_back_changes_no_order(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    old = kept.create(HOUSE, title="before").id
    real = module.now()
    monkeypatch.setattr(module, "now", lambda: real - 365 * 86_400_000)
    new = kept.create(HOUSE, title="after").id
    assert [row.id for row in kept.latest(HOUSE)[0]] == [new, old]
    turn = asked(kept, old)
    assert [row.id for row in kept.latest(HOUSE)[0]] == [old, new]
    second = asked(kept, old, parent=turn.answer.id)
    assert [message.id for message in kept.get(HOUSE, old)[1]][-1] == second.answer.id


def test_two_at_once_lose_nothing(kept: Conversations) -> None:
    id = kept.create(HOUSE).id
    root = asked(kept, id)

    def ask(worker: int) -> None:
        for index in range(5):
            asked(kept, id, f"{worker}-{index}", root.answer.id)

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = kept.get(HOUSE, id)[1]
    assert len(messages) == 2 + 4 * 5 * 2
    assert [message.seq for message in messages] == list(range(1, 43))


def test_what_was_running_is_cut_at_the_next_start_and_found(store: Store, kept: Conversations) -> None:
    id = kept.create(HOUSE).id
    whole, running = asked(kept, id), kept.ask(HOUSE, id, parent=None, content="讲故事")
    kept.keep([(HOUSE, running.answer.id, {"content": "从前有座山"})])
    assert kept.recover() == 1
    states = {message.id: message.state for message in kept.get(HOUSE, id)[1]}
    assert (states[whole.answer.id], states[running.answer.id]) == ("done", "cut")
    assert kept.recover() == 0
    turn, was = kept.go_on(HOUSE, id, running.answer.id)
    assert was == ("cut", None, None)
    assert turn.answer.content == "从前有座山"


def test_thirty_days_after(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, stays = kept.create(HOUSE).id, kept.create(HOUSE).id
    turn = asked(kept, gone)
    asked(kept, gone, parent=turn.answer.id)
    kept.delete(HOUSE, gone)
    assert kept.purge() == 0
    real = module.now()
    monkeypatch.setattr(module, "now", lambda: real + (KEPT_DAYS * 86_400 + 60) * 1000)
    assert kept.purge() == 1
    with pytest.raises(RequestError, match="no such conversation"):
        kept.restore(HOUSE, gone)
    kept.keep([(HOUSE, turn.answer.id, {"content": "too late", "state": "done"})])  # an answer that still ran
    assert kept.get(HOUSE, stays)


def test_clearing_twice_is_undone_apart(kept: Conversations) -> None:
    first = kept.create(HOUSE).id
    at, ids = kept.clear(HOUSE)
    assert ids == [first]
    second = kept.create(HOUSE).id
    later, _ = kept.clear(HOUSE)
    assert later > at
    assert [row.id for row in kept.undo_clear(HOUSE, later)] == [second]
    assert [row.id for row in kept.latest(HOUSE)[0]] == [second]


def test_clearing_is_ones_own(store: Store, kept: Conversations) -> None:
    ann = add_person(store, "Ann")
    hers = kept.create(ann).id
    at, _ = kept.clear(HOUSE)
    assert kept.get(ann, hers)
    assert kept.undo_clear(ann, at) == []


def test_settings_add_up_and_can_be_taken_back(kept: Conversations) -> None:
    id = kept.create(HOUSE, settings={"temperature": 0.5}).id
    turn = kept.ask(HOUSE, id, parent=None, content="x", settings={"system": "Be brief."})
    assert turn.conversation.settings == {"temperature": 0.5, "system": "Be brief."}
    assert kept.change(HOUSE, id, {"settings": {"temperature": None}}).settings == {"system": "Be brief."}


def test_html_is_kept_for_its_version_and_its_text(kept: Conversations) -> None:
    id = kept.create(HOUSE).id
    turn = asked(kept, id)
    answer = turn.answer.id
    kept.keep_renderings({answer: "<p>hi</p>", "gone": "<p></p>"}, "1")
    assert kept.renderings([answer, "gone"], "1") == {answer: "<p>hi</p>"}
    assert kept.renderings([answer], "2") == {}
    kept.keep_renderings({answer: "<b>hi</b>"}, "2")
    assert kept.renderings([answer], "2") == {answer: "<b>hi</b>"}
    kept.keep([(HOUSE, answer, {"finish": "length"})])
    kept.go_on(HOUSE, id, answer)
    assert kept.renderings([answer], "2") == {}
