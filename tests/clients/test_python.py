"""Python's clients with their own settings: each says, streams, calls a function and reads its output."""

from __future__ import annotations

from typing import Any

from tests.clients.conftest import Asked
from tests.clients.scripted import HELLO, SUNNY

CALLED = ["weather", {"city": "Paris"}]
WIDTH = 32  # of the model's vectors


def is_whole(told: dict[str, Any]) -> bool:
    """That everything that a client was told is what the model said."""
    said = {"text": HELLO, "streamed": HELLO, "after": SUNNY}
    wrong = {name: told[name] for name in said if told[name] != said[name]}
    assert not wrong
    return "called" not in told or told["called"] == CALLED


def test_openai(run_client: Asked) -> None:
    told = run_client("openai_client.py")
    assert {told[name] for name in ("text", "streamed", "helped", "response")} == {HELLO}
    assert [[call["name"], call["arguments"]] for call in told["called"]] == [["weather", '{"city": "Paris"}']]
    assert told["response_called"] == CALLED
    assert told["response_after"] == SUNNY
    assert told["thought"] is told["parsed"] is told["response_parsed"] is True
    assert told["response_events"] == sorted(
        {
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        }
    )


def test_litellm(run_client: Asked) -> None:
    told = run_client("litellm_client.py")
    assert all(is_whole(told[way]) for way in ("openai", "deepseek", "reasoner", "anthropic", "ollama"))
    assert (told["responses"], told["effort"], told["embedding"]) == (HELLO, HELLO, WIDTH)


def test_langchain(run_client: Asked) -> None:
    told = run_client("langchain_client.py")
    for way in ("openai", "responses", "kept", "deepseek"):
        assert is_whole(told[way])
        assert told[way]["again"] == SUNNY
        assert all(told[way]["structured"])
        assert told[way]["tokens"]
    assert told["embedding"] == WIDTH


def test_llama_index(run_client: Asked) -> None:
    told = run_client("llama_index_client.py")
    assert all(is_whole(told[way]) for way in ("chat", "deepseek"))
    # By itself it asks for a completion of OpenAI's own length: 16 tokens.
    for way in ("plain", "plain_streamed", "plain_chat"):
        assert len(told[way]) > 5
        assert HELLO.startswith(told[way].rstrip("\ufffd"))


def test_pydantic_ai(run_client: Asked) -> None:
    told = run_client("pydantic_ai_client.py")
    for way in ("chat", "responses", "deepseek"):
        assert is_whole(told[way])
        assert told[way]["again"] == HELLO
        assert told[way]["typed"]


def test_llm(run_client: Asked) -> None:
    told = run_client("llm_client.py")
    assert is_whole(told)
    assert (told["first"], told["second"], told["schema"]) == (HELLO, HELLO, True)
