"""Finding what was said, in both databases alike."""

from __future__ import annotations

import random

import pytest

from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.people import HOUSE
from huozhong.store.search import Hit, fold, search, words_of
from huozhong.store.tables.base import now
from huozhong.store.tables.people import PersonRow


def add_person(store: Store, name: str) -> int:
    with store.begin() as session:
        session.add(row := PersonRow(name=name, folded=name.casefold(), role="member", created=now()))
        session.flush()
        return row.id


def say(store: Store, text: str, person: int = HOUSE, title: str = "") -> str:
    """A conversation with this question; its id."""
    kept = Conversations(store)
    id = kept.create(person, title=title or "untitled").id
    kept.ask(person, id, parent=None, content=text)
    return id


def find(store: Store, query: str, person: int = HOUSE, limit: int = 50) -> list[Hit]:
    with store.read() as session:
        return search(session, person, query, limit)


def found(store: Store, query: str, person: int = HOUSE) -> list[str]:
    return [hit.conversation.id for hit in find(store, query, person)]


@pytest.mark.parametrize(
    "query", ["机器", "学习", "机器学习", "的", "Transformer", "trans", "FORM", "ＧＰＵ", "gp", "g", "2026", "注意 gpu",
              "naïve", "注意力机制！"],
)  # fmt: skip
def test_words_of_any_kind(store: Store, query: str) -> None:
    id = say(store, "机器学习里的 Transformer 用 GPU 训练，注意力机制 (2026), naïve.")
    say(store, "今天天气很好")
    assert found(store, query) == [id]


@pytest.mark.parametrize("query", ["", "  ", "？！", "器机", "学机", "gpus", "ransformers", "下雨"])
def test_what_is_not_there(store: Store, query: str) -> None:
    say(store, "机器学习 Transformer gpu")
    assert found(store, query) == []


def test_pairs_that_stand_apart_are_no_word(store: Store) -> None:
    say(store, "机器 器学 学习")  # every pair of the query, and not the query
    assert found(store, "机器学习") == []


@pytest.mark.parametrize(
    "query", ['"', "'; DROP TABLE message; --", "* OR *", "NEAR(", "机器\0", "%", "_", "\\", "(", "a" * 5000]
)
def test_a_query_is_only_words(store: Store, query: str) -> None:
    say(store, "机器学习")
    find(store, query)
    assert found(store, "机器")


def test_a_sign_that_is_part_of_a_name_is_sought(store: Store) -> None:
    other = say(store, "a cup of coffee, C")
    cpp, sharp = say(store, "用 C++ 写"), say(store, "question", title="Ｃ# 的问题")
    assert found(store, "c++") == [cpp]
    assert found(store, "C#") == [sharp]
    assert set(found(store, "c")) == {other, cpp, sharp}
    assert found(store, "c++ 写，") == [cpp]


def test_an_emoji_or_a_mark_alone_is_sought_as_it_is(store: Store) -> None:
    ann = add_person(store, "Ann")
    say(store, "她的👍", ann)
    family, thumb = say(store, "问", title="👨\u200d👩\u200d👧 家"), say(store, "答得好👍！")
    assert found(store, "👍") == [thumb]
    assert found(store, "👨\u200d👩\u200d👧") == [family]
    assert found(store, "！ 👍") == [thumb]
    assert found(store, "🙈") == []
    assert found(store, "  ") == []


def test_titles_count_too(store: Store) -> None:
    id = say(store, "第一题怎么做", title="数学 Homework")
    (hit,) = find(store, "homework")
    assert (hit.conversation.id, hit.message_id) == (id, "")


def test_the_snippet_stands_around_the_word(store: Store) -> None:
    say(store, "甲" * 300 + "，这里有一只猫。\n" + "乙" * 300)
    (hit,) = find(store, "一只猫")
    assert "这里有一只猫" in hit.snippet
    assert hit.snippet.startswith("…甲")
    assert hit.snippet.endswith("乙…")
    assert hit.snippet.index("一只猫") < 12, "a list is narrow"
    assert len(hit.snippet) < 150
    assert "\n" not in hit.snippet


def test_a_snippet_has_no_marks_of_markdown(store: Store) -> None:
    say(store, "和你的问题有关的：\n\n**[1] 《手册》第 3 页**\n\n> 桂花在**九月**开\n\n- `2*3` - 1\n")
    (hit,) = find(store, "手册")
    assert hit.snippet == "…： [1] 《手册》第 3 页 桂花在九月开 2*3 - 1"


def test_answers_are_found_once_they_are_whole(store: Store) -> None:
    kept = Conversations(store)
    id = kept.create(HOUSE).id
    turn = kept.ask(HOUSE, id, parent=None, content="问题")
    kept.keep([(HOUSE, turn.answer.id, {"content": "光合"})])
    assert found(store, "光合") == []
    kept.keep([(HOUSE, turn.answer.id, {"content": "光合作用", "state": "done"})])
    (hit,) = find(store, "光合")
    assert hit.message_id == turn.answer.id
    kept.keep([(HOUSE, turn.answer.id, {"content": "别的", "state": "done"})])  # what it no longer says is not found
    assert found(store, "光合") == []
    assert found(store, "别的") == [id]


def test_nobody_finds_what_others_said(store: Store) -> None:
    ann = add_person(store, "Ann")
    hers = say(store, "我的秘密日记", ann)
    ours = say(store, "公开的日记")
    assert found(store, "日记", ann) == [hers]
    assert found(store, "日记") == [ours]
    assert found(store, "秘密") == []
    assert found(store, f"§{ann}") == []


def test_what_is_deleted_is_not_found(store: Store) -> None:
    kept = Conversations(store)
    id = say(store, "会消失的话")
    kept.delete(HOUSE, id)
    assert found(store, "消失") == []
    kept.restore(HOUSE, id)
    assert found(store, "消失") == [id]


def test_never_more_than_were_asked_for(store: Store) -> None:
    for n in range(4):
        say(store, f"苹果 {n}", title="苹果" if n % 2 else "")
    assert [bool(hit.message_id) for hit in find(store, "苹果", limit=2)] == [True, True]
    assert len(find(store, "苹果", limit=3)) == 3


def test_the_latest_first_and_each_conversation_once(store: Store) -> None:
    kept = Conversations(store)
    ids = [say(store, f"苹果 {n}") for n in range(6)]
    kept.ask(HOUSE, ids[0], parent=None, content="又是苹果")
    assert found(store, "苹果") == [ids[0], *ids[:0:-1]]
    assert [hit.conversation.id for hit in find(store, "苹果", limit=2)] == [ids[0], ids[5]]


def test_it_finds_what_looking_everywhere_finds(store: Store) -> None:
    """Random words from random texts: neither more nor less than a plain search."""
    dice = random.Random(3)
    letters = "春眠不觉晓处处闻啼鸟abcdeÄßſ１2 ,。한글カタ"
    texts = ["".join(dice.choice(letters) for _ in range(dice.randrange(5, 60))) for _ in range(150)]
    ids = [say(store, text) for text in texts]
    for _ in range(120):
        text = dice.choice(texts)
        start = dice.randrange(len(text))
        query = text[start : start + dice.randrange(1, 7)]
        words = words_of(query)
        latin = [word for word in words if word.isascii() and len(word) < 3]
        if not words or latin:
            continue  # one or two letters are looked for at the beginning of words only
        expected = [id for id, said in zip(ids, texts, strict=True) if all(word in fold(said) for word in words)]
        assert sorted(found(store, query)) == sorted(expected)[:50] or len(expected) > 50, query
