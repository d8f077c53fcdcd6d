"""Vectors that people keep: everybody their own, on the disk when answered, found by likeness, gone when deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running
from tests.server.household import House, household

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.files import data_folder
from huozhong.server import keeping
from huozhong.server.keeping import Collections

TEXTS = ["春眠不觉晓", "The quick brown fox", "处处闻啼鸟", "jumps over the lazy dog"]


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def with_key(house: House, name: str, *scopes: str) -> httpx.Client:
    client = house.stranger()
    client.headers["authorization"] = f"Bearer {house.key(name, *scopes)}"
    return client


def test_kept_searched_deleted(server: Running) -> None:
    with httpx.Client(base_url=server.url) as client:
        body: dict[str, Any] = {"model": server.llm.name, "input": TEXTS}
        kept = client.post("/v1/vectors/poems", json=body)
        assert kept.status_code == 200, kept.text
        assert kept.json()["ids"] == [0, 1, 2, 3]
        assert kept.json()["usage"]["total_tokens"] == sum(len(server.llm.text_tokens(text)) for text in TEXTS)
        more = client.post("/v1/vectors/poems", json={"model": server.llm.name, "input": "夜来风雨声", "ids": [77]})
        assert more.json()["ids"] == [77]
        assert "poems" in client.get("/v1/vectors").json()["data"]
        for text, id in (*zip(TEXTS, range(4), strict=True), ("夜来风雨声", 77)):
            body = {"model": server.llm.name, "input": text, "k": 2}
            found = client.post("/v1/vectors/poems/search", json=body).json()["data"]
            assert len(found) == 2
            assert found[0]["id"] == id
            assert found[0]["likeness"] == pytest.approx(1, abs=1e-3)
        vectors = server.llm.embed([*TEXTS, "夜来风雨声"])
        expected = float(vectors[-1] @ vectors[found[1]["id"]])
        assert found[1]["likeness"] == pytest.approx(expected, abs=1e-3)
        assert client.delete("/v1/vectors/poems").status_code == 200
        assert client.post("/v1/vectors/poems/search", json=body).status_code == 404
        assert client.delete("/v1/vectors/poems").status_code == 404


@pytest.mark.parametrize(
    ("path", "fields", "param", "words"),
    [
        ("/a", {"color": 1}, "color", "Unknown field"), ("/a", {"input": []}, "input", "no list empty"),
        ("/a", {"ids": [1]}, "ids", "one each is needed"), ("/a", {"ids": [-1, 4]}, "ids", "not below 0"),
        ("/a", {"ids": [4, 4]}, "ids", "id of its own"), ("/a", {"ids": [2**63, 1]}, "ids", "fit 64 bits"),
        ("/a%20b", {}, "name", "1 to 64 letters"), ("/..%2Fa", {}, None, ""),
        ("/a/search", {}, "input", "one text"), ("/a/search", {"input": "a", "k": 0}, "k", "between 1 and"),
    ],
)  # fmt: skip
def test_bad_requests(server: Running, path: str, fields: dict[str, Any], param: str | None, words: str) -> None:
    with httpx.Client(base_url=server.url) as client:
        answer = client.post("/v1/vectors" + path, json={"model": server.llm.name, "input": ["a", "b"]} | fields)
        assert answer.status_code in (400, 404), answer.text
        if param is not None:
            assert answer.json()["error"]["param"] == param
            assert words in answer.json()["error"]["message"]


def test_nobody_reaches_what_is_not_theirs(house: House, llm: LLM) -> None:
    body = {"model": llm.name, "input": "只有安能看"}
    with house.stranger() as stranger:
        for method, path in (("POST", ""), ("POST", "/search"), ("DELETE", "")):
            assert stranger.request(method, f"/v1/vectors/secret{path}", json=body).status_code == 401
        assert stranger.get("/v1/vectors").status_code == 401
    with with_key(house, "Ann", "embeddings") as ann, with_key(house, "Bob", "embeddings") as bob:
        assert ann.post("/v1/vectors/secret", json=body).status_code == 200
        assert ann.post("/v1/vectors/secret/search", json=body).status_code == 200
        assert bob.post("/v1/vectors/secret/search", json=body).status_code == 404
        assert bob.delete("/v1/vectors/secret").status_code == 404
        assert bob.get("/v1/vectors").json()["data"] == []
        assert ann.get("/v1/vectors").json()["data"] == ["secret"]
    with with_key(house, "Ann", "chat") as other:
        assert other.post("/v1/vectors/secret/search", json=body).status_code == 403
        assert other.delete("/v1/vectors/secret").status_code == 403
        assert other.get("/v1/vectors").status_code == 403


def test_a_house_holds_few_files_open_and_people_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_OPEN", 2)
    monkeypatch.setattr(keeping, "MOST_NAMES", 3)
    folder = data_folder() / "some"
    collections = Collections(folder)
    try:
        for name in ("a", "b", "c"):
            with collections.held(7, name, dim=4, space="m", new=True) as vectors:
                vectors.add([[1, 2, 3, 4]])
        with (
            pytest.raises(RequestError, match="delete one first"),
            collections.held(7, "d", dim=4, space="m", new=True),
        ):
            pass
        with collections.held(7, "a", dim=4, space="m", new=False) as vectors:
            assert len(vectors) == 1
        with (
            pytest.raises(RequestError, match="cannot be compared"),
            collections.held(7, "a", dim=4, space="other", new=False),
        ):
            pass
        collections.delete_all(7)
        assert collections.names(7) == []
        assert list(folder.rglob("*.vectors")) == []
    finally:
        collections.close()
