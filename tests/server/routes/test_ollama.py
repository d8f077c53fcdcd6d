"""Ollama's dialect, as its own client uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import ollama
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server.careful import HEADER, Careful

HELLO = [{"role": "user", "content": "你好"}]
GREEDY = {"temperature": 0, "num_predict": 12, "num_ctx": 2048}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "d",
        "parameters": {"type": "object", "properties": {"days": {"enum": [3]}}, "required": ["days"]},
    },
}


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[ollama.Client]:
    client = ollama.Client(host=server.url)
    yield client
    client._client.close()


def post(server: Running, path: str, **fields: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/api/{path}", json={"model": server.llm.name} | fields, timeout=60)


def test_a_chat_whole_and_streamed(server: Running, client: ollama.Client) -> None:
    other = server.post(max_tokens=12).json()
    name = f"{server.llm.name}:latest"
    whole = client.chat(name, HELLO, options=GREEDY, keep_alive=60)
    assert whole.message.content == other["choices"][0]["message"]["content"]
    assert (whole.done, whole.done_reason, whole.eval_count) == (True, "length", 12)
    assert whole.prompt_eval_count == other["usage"]["prompt_tokens"]
    pieces = list(client.chat(name, HELLO, options=GREEDY, stream=True))
    assert "".join(piece.message.content for piece in pieces) == whole.message.content
    assert [piece.done for piece in pieces][-2:] == [False, True]
    thought = client.chat(name, HELLO, options=GREEDY, think=True).message
    assert thought.thinking
    assert thought.content == ""


def test_a_stream_is_the_default_and_a_line_a_piece(server: Running) -> None:
    answer = post(server, "chat", messages=HELLO, options=GREEDY)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["done"] for line in answer.text.split("\n")[:-1]][-1] is True


def test_a_text(server: Running, client: ollama.Client) -> None:
    whole = client.generate(server.llm.name, "你好", options=GREEDY)
    assert whole.response == server.post(max_tokens=12).json()["choices"][0]["message"]["content"]
    grown = "".join(p.response for p in client.generate(server.llm.name, "你好", options=GREEDY, stream=True))
    assert grown == whole.response
    assert client.generate(server.llm.name).done_reason == "load"
    shaped = client.generate(
        server.llm.name, "?", format={"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]},
        options=GREEDY | {"num_predict": 100},
    )  # fmt: skip
    assert json.loads(shaped.response)["a"] == 1


def test_tools_in_a_history(server: Running, client: ollama.Client) -> None:
    call = {"function": {"name": "weather", "arguments": {"days": 3}}}
    history = [
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "weather", "content": "晴"},
        {"role": "user", "content": "?"},
    ]
    answer = client.chat(server.llm.name, history, tools=[TOOL], options=GREEDY)
    assert answer.done
    lost = post(server, "chat", messages=[*HELLO, history[2]], stream=False)
    assert (lost.status_code, "No call" in lost.json()["error"]) == (400, True)


def test_what_is_served(server: Running, client: ollama.Client) -> None:
    assert [model.model for model in client.list().models] == [server.llm.name]
    assert [model.model for model in client.ps().models] == [server.llm.name]
    shown = client.show(server.llm.name)
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo["general.architecture"] == server.llm.config.family
    assert shown.modelinfo["general.parameter_count"] > 1000
    assert shown.details.parameter_size.endswith("K")
    [older] = [httpx.post(f"{server.url}/api/embeddings", json={"model": server.llm.name, "prompt": "你好"}).json()]
    assert older["embedding"] == client.embed(server.llm.name, "你好").embeddings[0]
    assert httpx.get(f"{server.url}/api/version").json()["version"]
    vectors = client.embed(server.llm.name, ["你好", "白日"]).embeddings
    np.testing.assert_allclose(vectors, server.llm.embed(["你好", "白日"]), atol=1e-6)


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("chat", {"messages": HELLO, "model": "gpt-9"}, 404, "gpt-9"),
        ("chat", {"messages": HELLO, "zzz": 1}, 400, "Unknown field 'zzz'"),
        ("chat", {"messages": HELLO, "options": {"zzz": 1}}, 400, "options.zzz"),
        ("chat", {"messages": HELLO, "options": {"temperature": "hot"}}, 400, "options.temperature"),
        ("chat", {"messages": HELLO, "options": {"mirostat": 2}}, 400, "mirostat"),
        ("chat", {"messages": HELLO, "options": {"stop": 5}}, 400, "options.stop"),
        ("chat", {"messages": HELLO, "format": "xml"}, 400, "format"),
        ("chat", {"messages": [{"role": "user", "images": ["aa"]}]}, 400, "images"),
        ("generate", {"prompt": "a", "raw": True}, 400, "raw"),
        ("embed", {"input": []}, 400, "input"),
        ("show", {"model": "gpt-9"}, 404, "gpt-9"),
        ("show", {"model": None}, 400, "missing"),
    ],
)
def test_errors_have_its_form(server: Running, path: str, fields: dict[str, Any], status: int, words: str) -> None:
    answer = post(server, path, **fields)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_foreign_pages_may_not(server: Running) -> None:
    sent = {"origin": "http://evil.example"}
    for path in ("chat", "generate", "embed", "show"):
        assert httpx.post(f"{server.url}/api/{path}", json={}, headers=sent).status_code == 403
    for path in ("tags", "ps", "version"):
        refused = httpx.get(f"{server.url}/api/{path}", headers=sent)
        assert (refused.status_code, list(refused.json())) == (403, ["error"])


def test_distress_is_answered_by_a_rule(llm: LLM) -> None:
    with serving(llm, careful=Careful(everybody=True)) as careful:
        talk = [{"role": "user", "content": "我不想活了"}]
        for stream in (False, True):
            for path, said in (("chat", {"messages": talk}), ("generate", {"prompt": "我不想活了"})):
                answer = post(careful, path, stream=stream, **said)
                assert HEADER in answer.headers
                assert "谢谢你告诉我" in answer.text
                assert '"rule"' in answer.text


def test_the_small_models_acts_stay_behind_the_answer(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "3+5等于几？"}]
    with LLM("ember", cache_dir=tmp_path) as llm, serving(llm) as ember:
        hidden = post(ember, "chat", messages=talk, stream=False).json()["message"]
        shown = post(ember, "chat", messages=talk, stream=False, think=True).json()["message"]
        assert "8" in hidden["content"]
        assert "thinking" not in hidden
        assert shown["thinking"]
