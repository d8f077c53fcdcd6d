"""Files of conversations come in whole, whoever wrote them; what is odd in them is told in a sentence each."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

import pytest
from tests.store.test_search import add_person, found

from huozhong.errors import RequestError
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.exchange.keep import Imported, import_file
from huozhong.store.exchange.markdown import shown_branch, to_markdown
from huozhong.store.exchange.ours import to_json
from huozhong.store.people import HOUSE
from huozhong.store.tables.conversations import ConversationRow, MessageRow

AT = 1_700_000_000


def take(store: Store, raw: Any, person: int = HOUSE) -> Imported:
    return import_file(store, person, raw if isinstance(raw, bytes) else json.dumps(raw).encode())


def all_of(store: Store, person: int = HOUSE) -> list[tuple[ConversationRow, list[MessageRow]]]:
    kept = Conversations(store)
    return [kept.get(person, id) for id in kept.ids(person)]


def only(store: Store) -> tuple[ConversationRow, list[MessageRow]]:
    ((conversation, messages),) = all_of(store)
    return conversation, messages


def words(messages: list[MessageRow]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


# -- ours --------------------------------------------------------------------------------------------


def filled(store: Store) -> str:
    """A conversation with branches, reasoning, an answer that was cut; its id."""
    kept = Conversations(store)
    id = kept.create(HOUSE, settings={"system": "简短", "temperature": 0.5}).id
    first = kept.ask(HOUSE, id, parent=None, content="什么是火种？")
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    whole = {"content": "一个**种子**。", "reasoning": "想一想", "state": "done", "finish": "stop", "usage": usage,
             "model": "ember", "think_ms": 1200}  # fmt: skip
    kept.keep([(HOUSE, first.answer.id, whole)])
    other = kept.again(HOUSE, id, first.answer.id, model=None)
    kept.keep([(HOUSE, other.answer.id, {"content": "另一个", "state": "stopped"})])
    second = kept.ask(HOUSE, id, parent=first.answer.id, content="然后呢")
    kept.keep([(HOUSE, second.answer.id, {"content": "没", "reasoning": ""})])  # still running
    kept.change(HOUSE, id, {"title": "我的对话", "pinned": True, "leaf": other.answer.id})
    return id


def test_out_and_in_again_it_is_the_same(store: Store) -> None:
    conversation, messages = Conversations(store).get(HOUSE, filled(store))
    exported = to_json(conversation, messages)
    ann = add_person(store, "Ann")
    assert take(store, [exported], ann) == Imported(imported=1)
    ((copy, copied),) = all_of(store, ann)
    for name in ("title", "title_is_own", "pinned", "settings", "created", "model"):
        assert getattr(copy, name) == getattr(conversation, name), name
    places = {message.id: place for place, message in enumerate(copied)}
    assert len(copied) == len(messages) == 5
    by_content = {message.content: message for message in copied}
    for message in messages:
        same = by_content[message.content]
        for name in ("role", "reasoning", "finish", "usage", "model", "created", "think_ms"):
            assert getattr(same, name) == getattr(message, name), name
        assert same.state == ("cut" if message.state == "running" else message.state)
        parents = {m.id: m.content for m in messages}
        if message.parent_id is not None:
            assert copied[places[str(same.parent_id)]].content == parents[message.parent_id]
    assert next(m.content for m in copied if m.id == copy.leaf_id) == "另一个"
    assert found(store, "种子", ann) == [copy.id]


def test_what_is_there_is_not_taken_twice(store: Store) -> None:
    id = filled(store)
    exported = to_json(*Conversations(store).get(HOUSE, id))
    again = take(store, [exported])
    assert again.imported == 0
    assert again.skipped == [{"title": "我的对话", "code": "there", "why": "It is here already."}]
    Conversations(store).delete(HOUSE, id)
    assert take(store, [exported]).imported == 1
    assert take(store, [exported]).skipped[0]["code"] == "there"
    assert len(all_of(store)) == 1


def test_a_newer_version_is_told(store: Store) -> None:
    result = take(store, [{"format": "huozhong-conversation", "version": 2, "title": "x"}])
    assert "newer Huozhong" in result.skipped[0]["why"]


# -- ChatGPT's -----------------------------------------------------------------------------------------


def node(parent: str | None, role: str | None, content: Any = None, **more: Any) -> dict[str, Any]:
    if role is None:
        return {"id": "x", "message": None, "parent": parent, "children": []}
    body = {"content_type": "text", "parts": [content]} if isinstance(content, str) else content
    about = more.pop("metadata", {})
    message = {"id": "x", "author": {"role": role, "name": None, "metadata": {}}, "create_time": AT + 0.25,
               "content": body, "status": "finished_successfully", "end_turn": None, "weight": 1.0,
               "metadata": about, "recipient": "all"}  # fmt: skip
    return {"id": "x", "message": message | more, "parent": parent, "children": []}


CHATGPT = {
    "title": "光合作用",
    "create_time": AT + 0.5,
    "update_time": AT + 60.0,
    "current_node": "a2",
    "conversation_id": "6f3c2a",
    "default_model_slug": "gpt-5",
    "mapping": {
        "root": node(None, None),
        "sys": node("root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        "ctx": node("sys", "user", {"content_type": "user_editable_context", "user_profile": "secret"}),
        "q": node("ctx", "user", "什么是光合作用？"),
        "think": node("q", "assistant", {"content_type": "thoughts", "thoughts": [
            {"summary": "Recalling", "content": "植物……"}]}, metadata={"model_slug": "gpt-5"}),
        "recap": node("think", "assistant", {"content_type": "reasoning_recap", "content": "Thought for 3s"}),
        "call": node("recap", "assistant", {"content_type": "code", "language": "unknown", "text": "search('x')"},
                     recipient="web"),
        "tool": node("call", "tool", {"content_type": "execution_output", "text": "result"}),
        "a": node("tool", "assistant", "植物用光做糖。", metadata={"model_slug": "gpt-5"}),
        "q2": node("a", "user", {"content_type": "multimodal_text", "parts": [
            {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1"}, "这是什么？"]}),
        "a1": node("q2", "assistant", "一片叶子"),
        "a2": node("q2", "assistant", "一棵树"),
    },
}  # fmt: skip


def test_chatgpts_tree(store: Store) -> None:
    assert take(store, [CHATGPT]) == Imported(imported=1)
    conversation, messages = only(store)
    assert conversation.title == "光合作用"
    assert (conversation.created, conversation.updated) == (AT * 1000 + 500, (AT + 60) * 1000)
    assert words(messages) == [
        ("user", "什么是光合作用？"),
        ("assistant", "植物用光做糖。"),
        ("user", "[image]\n\n这是什么？"),
        ("assistant", "一片叶子"),
        ("assistant", "一棵树"),
    ]
    assert messages[1].reasoning == "植物……"
    assert messages[1].model == "gpt-5"
    assert messages[1].created == AT * 1000 + 250
    assert [m.content for m in shown_branch(conversation, messages)][-1] == "一棵树"
    assert "secret" not in str(words(messages))
    assert take(store, [CHATGPT]).skipped[0]["code"] == "there"


def test_chatgpts_zip(store: Store) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations-000.json", json.dumps([CHATGPT]))
        archive.writestr("conversations-001.json", json.dumps([CHATGPT | {"conversation_id": "other", "title": "B"}]))
    assert take(store, data.getvalue()) == Imported(imported=2)


# -- Open WebUI's --------------------------------------------------------------------------------------

THOUGHT = (
    '<details type="reasoning" done="true" duration="13">\n<summary>Thought for 13 seconds</summary>\n'
    "&gt; 1 &lt; 2\n&gt; \n&gt; yes\n</details>\n"
)


def webui(key: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"id": key, "parentId": parent, "childrenIds": [], "role": role, "content": content,
            "timestamp": AT, **more}  # fmt: skip


OPEN_WEBUI = {
    "id": "b1946ac9",
    "user_id": "u",
    "title": "数学",
    "created_at": AT,
    "updated_at": AT + 9,
    "pinned": True,
    "archived": False,
    "meta": {},
    "chat": {
        "title": "数学",
        "models": ["deepseek-r1:7b"],
        "params": {"system": "你是老师"},
        "history": {
            "currentId": "a2",
            "messages": {
                "q": webui("q", None, "user", "1<2？", models=["deepseek-r1:7b"]),
                "a": webui("a", "q", "assistant", THOUGHT + "对。", model="deepseek-r1:7b", done=True),
                "q2": webui("q2", "a", "user", "再来"),
                "a2": webui("a2", "q2", "assistant", "", error={"content": "model not found"}),
                "q3": webui("q3", "a", "user", [{"type": "text", "text": "看图"}, {"type": "image_url"}]),
                "a3": webui("a3", "q3", "assistant", '<details type="tool_calls" done="true">x</details>\n好'),
            },
        },
        "messages": [],
    },
}


def test_open_webuis_tree(store: Store) -> None:
    assert take(store, [OPEN_WEBUI]) == Imported(imported=1)
    conversation, messages = only(store)
    assert (conversation.title, conversation.pinned) == ("数学", True)
    assert conversation.settings == {"system": "你是老师"}
    by_content = {message.content: message for message in messages}
    assert by_content["对。"].reasoning == "1 < 2\n\nyes"
    assert by_content["对。"].think_ms == 13_000
    assert by_content["对。"].model == "deepseek-r1:7b"
    assert (by_content[""].state, by_content[""].error) == ("failed", "model not found")
    assert by_content["好"].parent_id == by_content["看图\n\n[image]"].id
    assert conversation.leaf_id == by_content[""].id


def test_open_webuis_older_forms(store: Store) -> None:
    turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "你好"},
             {"role": "assistant", "content": "好", "done": False}]  # fmt: skip
    assert take(store, [{"chat": {"title": "New Chat", "messages": turns}}, {"messages": turns}]).imported == 2
    for conversation, messages in all_of(store):
        assert words(messages) == [("user", "你好"), ("assistant", "好")]
        assert conversation.title == "你好"
        assert messages[1].state == "cut"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"content": "<think>\n想\n</think>\n\n答"}, ("想", "答")),
        ({"content": "答", "reasoning_content": "想"}, ("想", "答")),
        ({"content": "<think></think>答"}, ("", "<think></think>答")),
        ({"content": "标签 <think>x</think> 是什么"}, ("", "标签 <think>x</think> 是什么")),
    ],
)
def test_thoughts_that_stand_in_an_answer_are_its_reasoning(
    store: Store, answer: dict[str, str], kept: tuple[str, str]
) -> None:
    take(store, [{"messages": [{"role": "user", "content": "问"}, {"role": "assistant", **answer}]}])
    _, messages = only(store)
    assert (messages[1].reasoning, messages[1].content) == kept


# -- what is odd ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "no JSON of conversations"),
        (b"", "no JSON of conversations"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"PK\x03\x04 broken", "The .zip cannot be read"),
    ],
)
def test_what_is_no_file_of_conversations(store: Store, data: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        take(store, data)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_that_a_program_saved_in_another_encoding(store: Store, encoding: str) -> None:
    exported = to_json(*Conversations(store).get(HOUSE, filled(store)))
    assert (
        take(store, json.dumps([exported], ensure_ascii=False).encode(encoding), add_person(store, "李")).imported == 1
    )


def test_a_zip_without_conversations_and_one_that_unpacks_to_too_much(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", "")
    with pytest.raises(RequestError, match=r"holds no conversations\.json"):
        take(store, data.getvalue())
    monkeypatch.setattr("huozhong.store.exchange.keep.MAX_UNPACKED", 100_000)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[" + " " * 5_000_000)
    with pytest.raises(RequestError, match="too large"):
        take(store, data.getvalue())


def test_one_that_is_odd_does_not_spoil_the_others(store: Store) -> None:
    good = CHATGPT | {"conversation_id": "good"}
    result = take(
        store,
        [
            None,
            5,
            "x",
            [],
            {},
            {"title": "空", "mapping": {}},
            {"title": "?", "what": 1},
            good,
            {"mapping": {"a": None}},
        ],
    )
    assert result.imported == 1
    assert [(s["title"], s["code"]) for s in result.skipped] == [
        *[("", "unknown")] * 5, ("空", "empty"), ("?", "unknown"), ("", "empty"),
    ]  # fmt: skip
    assert all(s["why"].endswith(".") for s in result.skipped)


def test_a_file_that_was_cut_off_gives_what_it_has(store: Store) -> None:
    whole = json.dumps([CHATGPT | {"conversation_id": str(n), "title": str(n)} for n in range(3)]).encode()
    result = take(store, whole[: len(whole) * 5 // 6])
    assert result.imported == 2
    assert "what comes after that was not taken" in result.skipped[0]["why"]


@pytest.mark.parametrize("raw", [b"[" * 200_000, b'[{"a":' * 100_000, b"[1" + b"0" * 10_000 + b"]"])
def test_nested_without_end(store: Store, raw: bytes) -> None:
    assert [skipped["code"] for skipped in take(store, raw).skipped] == ["broken"]


def test_odd_characters_and_times(store: Store) -> None:
    odd = OPEN_WEBUI | {"id": "\ud800\0", "title": "\0\ud800", "created_at": 1e300, "updated_at": "gestern"}
    assert take(store, [odd]).imported == 1
    assert only(store)[0].title == "\ufffd\ufffd"
    assert take(store, [odd]).skipped[0]["title"] == "\ufffd\ufffd"


def test_no_two_have_the_same_time(store: Store) -> None:
    """Lists are read on from the time of their last."""
    assert take(store, [OPEN_WEBUI | {"id": f"same-{n}"} for n in range(45)]).imported == 45
    kept, seen, before, more = Conversations(store), [], None, True
    kept.change(HOUSE, kept.ids(HOUSE)[0], {"pinned": False})
    while more:
        rows, more = kept.latest(HOUSE, before=before, limit=10)
        seen += [row.id for row in rows if row.id not in seen]
        before = rows[-1].updated
    assert len(seen) == 45


_JUNK: list[Any] = [None, True, -1, 2**70, 1e308, "", "x", "\ud800", [], [None], {}, {"a": []}, [[["deep"]]]]


def test_two_hundred_damaged_files(store: Store) -> None:
    """One value anywhere replaced by something else: taken or skipped, never an error of ours."""
    dice = random.Random(9)
    exported = to_json(*Conversations(store).get(HOUSE, filled(store)))
    for _ in range(200):
        raw = json.loads(json.dumps(dice.choice([CHATGPT, OPEN_WEBUI, exported])))
        place: Any = raw
        while True:
            key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], dict | list) or not place[key] or dice.random() < 0.2:
                break
            place = place[key]
        place[key] = dice.choice(_JUNK)
        result = take(store, [raw])
        assert result.imported + len(result.skipped) == 1


# -- Markdown ------------------------------------------------------------------------------------------


def test_markdown_is_the_shown_branch(store: Store) -> None:
    kept = Conversations(store)
    id = filled(store)
    conversation, messages = kept.get(HOUSE, id)
    text = to_markdown(conversation, messages)
    assert text.startswith("# 我的对话\n\n20")
    assert text.index("## 问\n\n什么是火种？") < text.index("## 答\n\n另一个\n\n*（没有写完）*")
    assert "种子" not in text
    kept.change(HOUSE, id, {"leaf": messages[1].id})
    text = to_markdown(*kept.get(HOUSE, id), language="en")
    assert "## Question" in text
    assert "## Answer · ember\n\n> **Reasoning**\n>\n> 想一想\n\n一个**种子**。\n" in text


def test_code_that_was_cut_does_not_take_in_the_rest(store: Store) -> None:
    kept = Conversations(store)
    id = kept.create(HOUSE).id
    turn = kept.ask(HOUSE, id, parent=None, content="写代码")
    kept.keep([(HOUSE, turn.answer.id, {"content": "````py\n```\nx = 1", "state": "cut"})])
    further = kept.ask(HOUSE, id, parent=turn.answer.id, content="```\n全的\n```")
    kept.keep([(HOUSE, further.answer.id, {"content": "好", "state": "done"})])
    text = to_markdown(*kept.get(HOUSE, id))
    assert "x = 1\n````\n\n*（没有写完）*\n\n## 问\n\n```\n全的\n```\n\n## 答" in text
