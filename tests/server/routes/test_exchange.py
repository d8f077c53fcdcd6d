"""Conversations as downloads and uploads over HTTP: names of files, kinds of bodies, limits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest
from tests.server.conftest import Running, serving
from tests.server.routes.test_conversations import House, a_talk
from tests.store.exchange.test_keep import CHATGPT, OPEN_WEBUI

from huozhong.engine.llm import LLM
from huozhong.server.routes import conversations
from huozhong.server.routes.exchange import MAX_IMPORT_BYTES


@pytest.fixture
def running(llm: LLM) -> Iterator[Running]:
    with serving(llm) as running:
        yield running


@pytest.fixture
def house(running: Running) -> Iterator[House]:
    house = House(running.url)
    yield house
    house.http.close()


def name_of(response: httpx.Response) -> str:
    kind, _, name = response.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert kind == "attachment"
    return unquote(name)


def test_one_as_markdown_and_as_json(house: House) -> None:
    id = house.new(title='../春天: "诗"\r\nX-Evil: 1')
    answer = house.answered(id, "写一首诗")
    text = house.http.get(f"/conversations/{id}/export")
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert name_of(text) == "春天 诗 X-Evil 1.md"
    assert "x-evil" not in text.headers
    assert "## 问\n\n写一首诗" in text.text
    english = house.http.get(f"/conversations/{id}/export?format=md", headers={"accept-language": "en-GB,zh;q=0.5"})
    assert "## Question" in english.text
    whole = house.http.get(f"/conversations/{id}/export?format=json")
    (conversation,) = whole.json()
    assert conversation["messages"][1]["content"] == answer["content"]
    assert house.http.get(f"/conversations/{id}/export?format=pdf").status_code == 400
    assert house.http.get("/conversations/nothing/export").status_code == 404


def test_everything_moves_to_another_house(house: House, llm: LLM) -> None:
    for n in range(3):
        house.answered(house.new(), f"问题{n}")
    exported = house.http.get("/export")
    assert name_of(exported) == "huozhong.json"
    before = [house.get(c["id"]) for c in house.list()]
    with serving(llm) as running:
        other = House(running.url)
        taken = other.http.post("/import", content=exported.content, headers={"content-type": "application/json"})
        assert taken.json() == {"imported": 3, "skipped": []}
        after = [other.get(c["id"]) for c in other.list()]
        other.http.close()

    def contents(all_of: list[dict]) -> list[list[tuple[str, str, str]]]:  # type: ignore[type-arg]
        return [[(m["role"], m["content"], m["html"] or "") for m in one["messages"]] for one in all_of]

    assert contents(after) == contents(before)


def test_others_files(house: House) -> None:
    body = json.dumps([CHATGPT, OPEN_WEBUI, {"title": "nothing"}])
    taken = house.http.post("/import", content=body, headers={"content-type": "application/json"}).json()
    assert taken["imported"] == 2
    assert taken["skipped"][0]["code"] == "unknown"
    titles = {c["title"]: c["id"] for c in house.list()}
    answer = house.get(titles["光合作用"])["messages"][1]
    assert answer["html"] == "<p>植物用光做糖。</p>\n"
    going_on = house.ask(titles["光合作用"], "谢谢", answer["id"], settings={"max_tokens": 4, "thinking": False})
    assert house.done(going_on["id"])["state"] == "done"
    assert [c["id"] for c in house.list(search="叶子")] == [titles["光合作用"]]


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("text/plain", b"[]", 415, "Content-Type: application/json"),
        ("application/json", b"", 400, "The body is empty"),
        ("application/json", b"hello", 400, "no JSON of conversations"),
        ("application/zip", b"PK\x03\x04", 400, "The .zip cannot be read"),
    ],
)
def test_what_is_no_file(house: House, kind: str, body: bytes, status: int, words: str) -> None:
    response = house.http.post("/import", content=body, headers={"content-type": kind})
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


def test_larger_than_a_question_but_not_without_end(house: House) -> None:
    long = {"messages": [{"role": "user", "content": "长" * 900_000}, {"role": "assistant", "content": "短"}]}
    body = json.dumps([long, long, long], ensure_ascii=False).encode()
    assert len(body) > 8_000_000
    taken = house.http.post("/import", content=body, headers={"content-type": "application/json"})
    assert taken.json()["imported"] == 3
    refused = house.http.post(
        "/import", content=b"[" + b" " * MAX_IMPORT_BYTES, headers={"content-type": "application/json"}
    )
    assert refused.status_code == 413
    assert house.http.post("/clear", content=b" " * 5_000_000).status_code == 413


def test_what_was_imported_is_made_ready_before_it_is_opened(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "AT_ONCE_SECONDS", -1.0)  # who opens it makes nothing
    chats = [
        {"format": "huozhong-conversation", "version": 1, "id": f"c{number}", "messages": a_talk(40)}
        for number in range(3)
    ]
    assert house.http.post("/import", json=chats).json()["imported"] == 3
    ids = [chat["id"] for chat in house.list()]
    deadline = time.monotonic() + 60
    while any("later" in message for id in ids for message in house.get(id)["messages"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
