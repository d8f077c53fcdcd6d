"""Node's clients with their own settings."""

from __future__ import annotations

from tests.clients.conftest import Asked
from tests.clients.scripted import HELLO
from tests.clients.test_python import CALLED, WIDTH, is_whole


def test_ai_sdk(run_client: Asked) -> None:
    told = run_client("ai_sdk.mjs")
    assert told.pop("embedding") == WIDTH
    assert set(told) == {"openai", "chat", "deepseek", "reasoner", "anthropic"}
    for way in told.values():
        assert is_whole(way | {"called": way["called"][0]})
        assert len(way["called"]) == 1
        assert (way["again"], way["reason"], way["object"]) == (HELLO, "stop", "object")
        assert way["tokens"]
    assert told["reasoner"]["thought"]


def test_ollama(run_client: Asked) -> None:
    told = run_client("ollama.mjs")
    assert is_whole(told)
    assert told["called"] == CALLED
    assert told["generated"] == HELLO
    assert told["formed"]
    assert told["thought"]
    assert told["embedding"] == WIDTH
    assert told["models"] == ["scripted"]
    assert told["capabilities"] == ["completion", "tools", "thinking"]
