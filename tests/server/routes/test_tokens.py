"""Tokens, templates and counts, as llama.cpp's programs ask for them."""

from __future__ import annotations

import httpx
from tests.server.conftest import Running

HELLO = [{"role": "user", "content": "你好"}]


def post(server: Running, path: str, **fields: object) -> httpx.Response:
    return httpx.post(f"{server.url}/{path}", json=fields, timeout=60)


def test_there_and_back(server: Running) -> None:
    tokenizer = server.llm.tokenizer
    for text in ("春眠不觉晓 Hi", "", "鳄<think>"):
        ids = post(server, "tokenize", content=text).json()["tokens"]
        assert post(server, "detokenize", tokens=ids).json() == {"content": text}
    assert tokenizer.token_id("<think>") in ids
    assert (
        tokenizer.token_id("<think>")
        not in post(server, "tokenize", content=text, parse_special=False).json()["tokens"]
    )
    assert post(server, "tokenize", content="a", add_special=True).json()["tokens"][0] == tokenizer.bos_id
    pieces = post(server, "tokenize", content="鳄", with_pieces=True).json()["tokens"]
    raw = b"".join(p["piece"].encode() if isinstance(p["piece"], str) else bytes(p["piece"]) for p in pieces)
    assert raw.decode() == "鳄"


def test_a_template(server: Running) -> None:
    body = post(server, "apply-template", messages=HELLO, enable_thinking=False).json()
    assert body["prompt"] == server.llm.template.render(HELLO, thinking=False)


def test_what_cannot_be_done(server: Running) -> None:
    for path, fields, param in (
        ("tokenize", {"content": 5}, "content"),
        ("detokenize", {"tokens": [99999]}, "tokens"),
        ("apply-template", {"messages": []}, "messages"),
        ("apply-template", {"messages": HELLO, "x": 1}, "x"),
    ):
        answer = post(server, path, **fields)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_counts_grow(server: Running) -> None:
    def steps() -> dict[str, float]:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    before = steps()
    server.post()
    assert any(value > before[name] for name, value in steps().items())


def test_foreign_pages_may_not(server: Running) -> None:
    sent = {"origin": "http://evil.example"}
    for path in ("tokenize", "detokenize", "apply-template"):
        assert httpx.post(f"{server.url}/{path}", json={}, headers=sent).status_code == 403
    assert httpx.get(f"{server.url}/metrics", headers=sent).status_code == 403


def test_a_template_shows_the_tools(server: Running) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    body = {"messages": [{"role": "user", "content": "天气？"}], "tools": [tool]}
    shown = httpx.post(f"{server.url}/apply-template", json=body).json()["prompt"]
    assert "weather" in shown
    bare = httpx.post(f"{server.url}/apply-template", json=body | {"tools": []}).json()["prompt"]
    assert "weather" not in bare
    wrong = httpx.post(f"{server.url}/apply-template", json=body | {"tools": [{"type": "function"}]})
    assert "tools[0].function" in wrong.json()["error"]["message"]
