"""Documents come in over HTTP, and only their owner reads them again."""

from __future__ import annotations

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server.routes.files import MAX_BYTES, PATH

TEXT = "村里的规矩：晚上十点以后不放音乐。\f卫生费每户五元，月初交。\f狗要拴好。"


def add(url: str, data: bytes = TEXT.encode(), name: str = "村规.txt", **headers: str) -> httpx.Response:
    return httpx.post(url + PATH, params={"name": name}, content=data, headers=headers, timeout=60)


def test_a_document_comes_in_and_its_passages_can_be_read(server: Running) -> None:
    answer = add(server.url)
    assert answer.status_code == 201
    kept = answer.json()
    assert (kept["name"], kept["kind"], kept["pages"], kept["passages"]) == ("村规.txt", "text", 3, 3)
    assert httpx.get(f"{server.url}{PATH}/{kept['id']}").json() == kept
    one = httpx.get(f"{server.url}{PATH}/{kept['id']}/passages/1").json()
    assert (one["page"], one["text"]) == (2, "卫生费每户五元，月初交。")
    assert one["before"].endswith("不放音乐。")
    assert one["after"] == "狗要拴好。"
    assert httpx.get(f"{server.url}{PATH}/{kept['id']}/passages/0").json()["before"] is None


def test_pages_on_which_nothing_was_read_are_told(server: Running) -> None:
    assert add(server.url).json()["pages_without_text"] == []
    kept = add(server.url, "一\f\f \f四\f".encode(), "空页.txt").json()
    assert kept["pages_without_text"] == [2, 3, 5]
    assert httpx.get(f"{server.url}{PATH}/{kept['id']}").json() == kept


def test_it_is_forgotten_when_asked(server: Running) -> None:
    kept = add(server.url).json()
    where = f"{server.url}{PATH}/{kept['id']}"
    assert httpx.delete(where).status_code == 204
    assert [httpx.get(where).status_code, httpx.delete(where).status_code] == [404, 404]
    assert httpx.get(f"{where}/passages/0").status_code == 404


def test_what_is_not_there_is_said(server: Running) -> None:
    kept = add(server.url).json()
    answer = httpx.get(f"{server.url}{PATH}/{kept['id']}/passages/3")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "村规.txt has 3 passages; there is no number 3."


@pytest.mark.parametrize(("language", "begins"), [("zh-CN,zh;q=0.9", "这里读不了"), ("en", "a.bin cannot be read")])
def test_what_cannot_be_read_is_said_in_the_readers_language(server: Running, language: str, begins: str) -> None:
    answer = add(server.url, b"\0\1", "a.bin", **{"accept-language": language})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(begins)
    assert answer.json()["error"]["code"] == "unreadable_document"


def test_a_name_is_a_name_and_no_path(server: Running) -> None:
    assert add(server.url, name="../../etc/passwd").json()["name"] == "passwd"
    assert add(server.url, name="C:\\Users\\me\\a.txt").json()["name"] == "a.txt"
    assert add(server.url, name="").json()["name"] == "file"
    assert add(server.url, name="a" * 300).status_code == 400
    assert add(server.url, name="a\nb").status_code == 400


def test_a_book_is_taken_but_not_more_than_can_be_meant(server: Running) -> None:
    sentence = "村里的老人说，看云能知道明天下不下雨。"
    answer = add(server.url, (sentence * 120_000).encode(), "book.txt")  # 6.8 MB: more than other bodies may have
    assert answer.status_code == 201
    assert add(server.url, b"x" * (MAX_BYTES + 1), "b.txt").status_code == 413


def test_nobody_without_the_key(llm: LLM) -> None:
    with serving(llm, api_keys=["secret"]) as guarded:
        assert add(guarded.url).status_code == 401
        assert httpx.post(f"{guarded.url}{PATH}/text?name=a.txt", content=b"a").status_code == 401
        for method in ("GET", "DELETE"):
            assert httpx.request(method, f"{guarded.url}{PATH}/x").status_code == 401
        assert httpx.get(f"{guarded.url}{PATH}/x/passages/0").status_code == 401
        assert add(guarded.url, authorization="Bearer secret").status_code == 201


def test_a_foreign_page_adds_nothing(server: Running) -> None:
    assert add(server.url, origin="http://evil.example").status_code == 403
