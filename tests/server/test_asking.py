"""Questions about documents: what a model is told of them, and what its answer keeps of where that stood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server.routes.files import PATH

TEXT = "村里的规矩：晚上十点以后不放音乐。\f卫生费每户五元，月初交。\f狗要拴好。"


@pytest.fixture(scope="module")
def ember(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with LLM("ember", cache_dir=tmp_path_factory.mktemp("packed")) as llm, serving(llm) as running:
        yield running


def asked(
    url: str, content: str, files: list[str], parent: str | None = None, id: str | None = None, language: str = "zh"
) -> dict[str, Any]:
    """The whole answer to a question about files, in a new conversation or after an answer of one."""
    with httpx.Client(base_url=f"{url}/house", timeout=60, headers={"accept-language": language}) as house:
        settings = {"thinking": False, "temperature": 0.0, "max_tokens": 6}
        id = id or house.post("/conversations", json={"settings": settings}).json()["id"]
        turn = house.post(f"/conversations/{id}/ask", json={"parent": parent, "content": content, "files": files})
        assert turn.status_code == 201, turn.text
        number = turn.json()["answer"]["id"]
        for _ in range(600):
            messages = house.get(f"/conversations/{id}").json()["messages"]
            answer = next(message for message in messages if message["id"] == number)
            if answer["state"] != "running":
                return dict(answer) | {"conversation": id, "question": turn.json()["question"]}
            time.sleep(0.05)
    raise AssertionError("no answer came")


def added(url: str, text: str = TEXT) -> str:
    answer = httpx.post(url + PATH, params={"name": "村规.txt"}, content=text.encode(), timeout=60)
    return str(answer.raise_for_status().json()["id"])


def test_an_answer_keeps_the_passages_that_it_was_given(server: Running) -> None:
    file = added(server.url)
    answer = asked(server.url, "卫生费多少钱？", [file])
    assert answer["question"]["files"] == [{"id": file, "name": "村规.txt", "kind": "text", "pages": 3, "passages": 3}]
    assert answer["state"] == "done"
    assert [source["page"] for source in answer["files"]] == [1, 2, 3]  # so short a document is given whole
    assert answer["usage"]["prompt_tokens"] > len(TEXT)
    # A further question of the conversation is about the same documents.
    further = asked(server.url, "狗呢？", [], parent=answer["id"], id=answer["conversation"])
    assert [source["n"] for source in further["files"]] == [1, 2, 3]


def test_what_does_not_fit_is_searched(server: Running) -> None:
    pages = [f"第{number}条讲的是树木和道路的事，和别的都没有关系。" * 30 for number in range(60)]
    pages[41] = "卫生费每户五元，月初交给会计。" * 20
    answer = asked(server.url, "卫生费多少钱？", [added(server.url, "\f".join(pages))])
    assert 42 in [source["page"] for source in answer["files"]]
    assert len(answer["files"]) < 20
    assert answer["usage"]["prompt_tokens"] < 6000


def test_a_model_that_is_too_small_says_so_and_shows_them(ember: Running) -> None:
    answer = asked(ember.url, "卫生费什么时候交？", [added(ember.url)])
    assert answer["content"].startswith("我太小，读不了文件")
    assert "第 2 页" in answer["content"]
    assert answer["files"][0]["page"] == 2
    assert answer["state"] == "done"
    assert answer["html"] is not None


@pytest.mark.parametrize(
    ("content", "language", "begins"),
    [
        ("When is the 卫生费 paid?", "en", "I am too small to read documents."),
        ("卫生费什么时候交？", "en-GB", "I am too small to read documents."),
        ("What does 量子 mean?", "en", "I am too small to read documents, and no passage"),
        ("When is the fee paid?", "zh-CN", "我太小，读不了文件"),
        ("When is the 卫生费 paid?", "zh-TW", "我太小，读不了文件"),
    ],
)
def test_that_is_said_in_the_readers_language_whatever_the_questions_words(
    ember: Running, content: str, language: str, begins: str
) -> None:
    assert asked(ember.url, content, [added(ember.url)], language=language)["content"].startswith(begins)


def test_distress_is_answered_before_any_document(ember: Running) -> None:
    answer = asked(ember.url, "我不想活了", [added(ember.url)])
    assert answer["rule"] is not None
    assert answer["files"] == []


def test_a_file_that_is_not_ones_own_is_not_found(server: Running) -> None:
    with httpx.Client(base_url=f"{server.url}/house", timeout=60) as house:
        id = house.post("/conversations", json={}).json()["id"]
        turn = house.post(
            f"/conversations/{id}/ask", json={"parent": None, "content": "x", "files": ["nobodys-file-0000"]}
        )
        assert turn.status_code == 404
        assert house.get(f"/conversations/{id}").json()["messages"] == []
