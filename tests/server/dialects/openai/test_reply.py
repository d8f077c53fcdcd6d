"""Delta -> JSON, without a server."""

from __future__ import annotations

import math
from typing import Any

from huozhong.cost import Bill
from huozhong.engine.requests import Delta, TokenLogprob, Usage
from huozhong.server.dialects.openai.reply import ChatCompletionReply, usage_json


def token(token_id: int, text: str, logprob: float = -0.5) -> TokenLogprob:
    return TokenLogprob(token_id, logprob, text, text.encode())


def chunks(reply: ChatCompletionReply, delta: Delta) -> list[dict[str, Any]]:
    return [event.data for event in reply.events(0, delta) if isinstance(event.data, dict)]


def test_reasoning_and_content_never_share_a_chunk() -> None:
    reply = ChatCompletionReply(model="m", thinking=True, think_end_id=6)
    delta = Delta(reasoning="a", text="b", logprobs=(token(20, "a"), token(6, "</think>"), token(21, "b")))
    first, second = chunks(reply, delta)
    assert first["choices"][0]["delta"] == {"content": None, "reasoning_content": "a"}
    assert second["choices"][0]["delta"] == {"content": "b", "reasoning_content": None}
    logprobs = first["choices"][0]["logprobs"]
    assert [t["token"] for t in logprobs["reasoning_content"]] == ["a", "</think>"]
    assert [t["token"] for t in logprobs["content"]] == ["b"]
    assert second["choices"][0]["logprobs"] is None
    later = list(chunks(reply, Delta(text="c", logprobs=(token(22, "c"),))))
    assert [t["token"] for t in later[0]["choices"][0]["logprobs"]["content"]] == ["c"]


def test_a_delta_without_text_sends_nothing_unless_it_has_logprobs() -> None:
    reply = ChatCompletionReply(model="m", thinking=False, think_end_id=None)
    assert list(chunks(reply, Delta(token_ids=(3,)))) == []
    assert len(list(chunks(reply, Delta(token_ids=(3,), logprobs=(token(3, "x", -math.inf),))))) == 1


def test_usage() -> None:
    bill = Bill(30, 0.5, 10.0, 0.001, "CNY", "estimated", "by hand")
    usage = Usage(
        prompt_tokens=20,
        completion_tokens=11,
        reasoning_tokens=4,
        cache_hit_tokens=16,
        seconds_to_first_token=0.5,
        seconds=1.5,
        bill=bill,
    )
    found = usage_json(usage)
    assert found["total_tokens"] == 31
    assert (found["prompt_cache_hit_tokens"], found["prompt_cache_miss_tokens"]) == (16, 4)
    assert found["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert found["tokens_per_second"] == 10.0
    assert found["cost"]["money"] == 0.001
    none = Usage(
        prompt_tokens=1,
        completion_tokens=0,
        reasoning_tokens=0,
        cache_hit_tokens=0,
        seconds_to_first_token=None,
        seconds=0.1,
    )
    assert usage_json(none)["tokens_per_second"] is None
    assert usage_json(none)["cost"] is None
