"""What DeepSeek's app exports comes in with its thoughts and versions, in its newer form and in the older one."""

from __future__ import annotations

from typing import Any

from tests.store.exchange.test_keep import only, take, words

from huozhong.store.database import Store


def node(parent: str | None, *children: str, **message: Any) -> dict[str, Any]:
    told = {"files": [], "model": "deepseek-reasoner", "inserted_at": "2025-01-26T13:19:16.229000+08:00", **message}
    return {"parent": parent, "children": list(children), "message": told if message else None}


def fragments(**said: str) -> list[dict[str, str]]:
    return [{"type": kind, "content": content} for kind, content in said.items()]


def exported(mapping: dict[str, Any]) -> list[dict[str, Any]]:
    named = {key: {"id": key, **one} for key, one in mapping.items()}
    times = {"inserted_at": "2025-01-26T13:19:15.000000+08:00", "updated_at": "2025-01-26T13:30:00.000000+08:00"}
    return [{"id": "a-1", "title": "二元一次方程", "mapping": named, **times}]


def test_fragments_become_questions_answers_and_thoughts(store: Store) -> None:
    late = "2025-01-26T13:25:00.000000+08:00"
    chat = exported(
        {
            "root": node(None, "1", "3"),
            "1": node("root", "2", fragments=fragments(REQUEST="怎么解？")),
            "2": node("1", fragments=fragments(THINK="先想想", SEARCH="", RESPONSE="**消元**。")),
            "3": node("root", "4", fragments=fragments(REQUEST="怎么解方程？")),
            "4": node("3", fragments=fragments(RESPONSE="代入。"), inserted_at=late, model="deepseek-chat"),
        }
    )
    assert take(store, chat).imported == 1
    conversation, messages = only(store)
    assert (conversation.title, conversation.created) == ("二元一次方程", 1_737_868_755_000)
    assert sorted(words(messages)) == [
        ("assistant", "**消元**。"),
        ("assistant", "代入。"),
        ("user", "怎么解方程？"),
        ("user", "怎么解？"),
    ]
    by_content = {message.content: message for message in messages}
    assert by_content["**消元**。"].reasoning == "先想想"
    assert by_content["代入。"].model == "deepseek-chat"
    assert conversation.leaf_id == by_content["代入。"].id
    assert by_content["怎么解？"].parent_id is by_content["怎么解方程？"].parent_id is None
    assert take(store, chat).skipped[0]["code"] == "there"


def test_older_files_tell_by_turns_who_wrote_it(store: Store) -> None:
    chat = exported(
        {
            "root": node(None, "1"),
            "1": node("root", "2", content="你好"),
            "2": node("1", "3", content="你好！", reasoning_content="他打招呼"),
            "3": node("2", content="再见"),
        }
    )
    assert take(store, chat).imported == 1
    _, messages = only(store)
    assert words(messages)[:3] == [("user", "你好"), ("assistant", "你好！"), ("user", "再见")]
    assert messages[1].reasoning == "他打招呼"


def test_odd_ones_are_told_and_spoil_nothing(store: Store) -> None:
    circle = exported({"1": node("2", content="a"), "2": node("1", content="b")})
    odd = [*circle, {"inserted_at": 5, "mapping": {"1": {"message": {"fragments": [7, None], "inserted_at": "x"}}}}]
    told = take(store, [*odd, *exported({"1": node(None, fragments=fragments(REQUEST="好"))})])
    assert told.imported == 1
    assert [one["code"] for one in told.skipped] == ["empty", "empty"]
