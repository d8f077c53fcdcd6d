"""Chats as their users see them: through the real `openai` client, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.server.conftest import Running, serving

from huozhong import LLM

HELLO = [{"role": "user", "content": "你好"}]


PLAIN = {"thinking": {"type": "disabled"}}


def test_plain_answer_and_usage(server: Running) -> None:
    answer = server.client.chat.completions.create(
        model=server.llm.name, messages=HELLO, max_tokens=12, temperature=0, extra_body=PLAIN
    )
    assert answer.object == "chat.completion"
    choice = answer.choices[0]
    assert choice.finish_reason == "length"
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.message.reasoning_content is None
    usage = answer.usage
    assert usage.prompt_tokens == len(server.llm.prompt(HELLO, thinking=False).ids)
    assert usage.completion_tokens == 12
    assert usage.total_tokens == usage.prompt_tokens + 12
    assert usage.prompt_cache_hit_tokens + usage.prompt_cache_miss_tokens == usage.prompt_tokens
    assert usage.completion_tokens_details.reasoning_tokens == 0
    assert usage.tokens_per_second > 0
    assert {"seconds", "joules", "money", "currency", "source"} <= set(usage.cost)
    assert usage.cost["joules"] > 0


def test_a_thought_goes_into_reasoning_content(server: Running) -> None:
    answer = server.client.chat.completions.create(model=server.llm.name, messages=HELLO, max_tokens=12, temperature=0)
    assert answer.choices[0].message.reasoning_content
    assert answer.choices[0].message.content == ""
    assert answer.usage.completion_tokens_details.reasoning_tokens == 12
    assert server.post(thinking=None, reasoning_effort="none").json()["choices"][0]["message"]["content"]


def test_stream_says_the_same_as_the_plain_answer(server: Running) -> None:
    whole = server.post(max_tokens=24).json()["choices"][0]["message"]["content"]
    stream = server.client.chat.completions.create(
        model=server.llm.name,
        messages=HELLO,
        max_tokens=24,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=PLAIN,
    )
    chunks = list(stream)
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content for c in chunks if c.choices) == whole
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 24
    assert chunks[-1].usage.cost["source"] in ("measured", "estimated")


def test_deepseeks_own_example_reads_the_stream(server: Running) -> None:
    """The loop of DeepSeek's documentation, on its path without /v1."""
    client = server.client.with_options(base_url=server.url)
    reasoning = content = ""
    for chunk in client.chat.completions.create(
        model=server.llm.name, messages=HELLO, stream=True, max_tokens=12, temperature=0
    ):
        if chunk.choices[0].delta.reasoning_content:
            reasoning += chunk.choices[0].delta.reasoning_content
        else:
            content += chunk.choices[0].delta.content
    assert reasoning
    assert content == ""


def test_stream_ends_with_done(server: Running) -> None:
    answer = server.post(stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events[:-2])


def test_stop_strings(server: Running) -> None:
    whole = server.post(max_tokens=24).json()["choices"][0]["message"]["content"]
    stop = whole[len(whole) // 2]
    answer = server.post(max_tokens=24, stop=[stop]).json()["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert answer["message"]["content"] == whole[: whole.index(stop)]


def test_logprobs(server: Running) -> None:
    answer = server.client.chat.completions.create(
        model=server.llm.name,
        messages=HELLO,
        max_tokens=6,
        temperature=0,
        logprobs=True,
        top_logprobs=3,
        extra_body=PLAIN,
    )
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == 6
    joined = b"".join(bytes(t.bytes) for t in tokens).decode("utf-8", "replace")
    assert joined == answer.choices[0].message.content
    for token in tokens:
        assert token.logprob <= 0
        assert [t.logprob for t in token.top_logprobs] == sorted((t.logprob for t in token.top_logprobs), reverse=True)
        assert token.top_logprobs[0].token == token.token  # greedy
        assert len(token.top_logprobs) == 3
    assert server.post().json()["choices"][0]["logprobs"] is None


def test_logprobs_in_a_stream_cover_every_token(server: Running) -> None:
    for thinking, key in (("disabled", "content"), ("enabled", "reasoning_content")):
        answer = server.post(stream=True, logprobs=True, thinking={"type": thinking})
        events = [json.loads(line[6:]) for line in answer.text.split("\n\n")[:-2]]
        found = [e["choices"][0]["logprobs"] for e in events]
        assert sum(len(part[key]) for part in found if part) == 8


def test_a_seed_repeats_an_answer(server: Running) -> None:
    answers = [server.post(temperature=1, seed=seed, max_tokens=16).json() for seed in (5, 5, 6)]
    first, again, other = (answer["choices"][0]["message"] for answer in answers)
    assert first == again != other


def test_history_system_and_text_parts(server: Running) -> None:
    messages = [
        {"role": "developer", "content": "简短回答。"},
        {"role": "user", "content": [{"type": "text", "text": "你"}, {"type": "text", "text": "好"}]},
        {"role": "assistant", "content": "你好！", "reasoning_content": "有人打招呼", "tool_calls": None},
        {"role": "user", "content": "再见"},
    ]
    same = [
        {"role": "system", "content": "简短回答。"},
        *HELLO,
        {"role": "assistant", "content": "你好！"},
        {"role": "user", "content": "再见"},
    ]
    one, two = (server.post(messages=m).json() for m in (messages, same))
    assert one["choices"] == two["choices"]
    assert one["usage"]["prompt_tokens"] == len(server.llm.prompt(same, thinking=False).ids)


def test_eight_at_once_answer_as_one_alone(server: Running) -> None:
    questions = [f"{n} + {n} = ?" for n in range(8)]

    def ask(question: str) -> str:
        answer = server.post(messages=[{"role": "user", "content": question}], max_tokens=20)
        return answer.json()["choices"][0]["message"]["content"]

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, questions)) == alone


# -- a model with dialogue acts: what code knows comes all at once, and only what is meant to be seen ----

SUM = [{"role": "user", "content": "学校买来 6 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"}]


@pytest.fixture(scope="module")
def ember(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with LLM("ember", cache_dir=tmp_path_factory.mktemp("packed")) as llm, serving(llm) as running:
        yield running


def asked(server: Running, thinking: str, **more: object) -> dict[str, object]:
    thinks = {"thinking": {"type": thinking}}
    return {"model": server.llm.name, "messages": SUM, "temperature": 0, "extra_body": thinks} | more


def test_an_act_is_reasoning_and_its_answer_content(ember: Running) -> None:
    answer = ember.client.chat.completions.create(**asked(ember, "enabled"))
    message = answer.choices[0].message
    assert message.reasoning_content.startswith("a=6，b=24，c=50\n")
    assert message.content.endswith("94盒。")
    assert answer.choices[0].finish_reason == "stop"


def test_without_thinking_an_act_is_written_and_not_shown(ember: Running) -> None:
    shown = ember.client.chat.completions.create(**asked(ember, "enabled"))
    hidden = ember.client.chat.completions.create(**asked(ember, "disabled", logprobs=True))
    assert hidden.choices[0].message.reasoning_content is None
    assert hidden.choices[0].message.content == shown.choices[0].message.content
    assert hidden.usage.completion_tokens == shown.usage.completion_tokens
    assert hidden.usage.completion_tokens_details.reasoning_tokens > 10
    told = "".join(token.token for token in hidden.choices[0].logprobs.content)
    assert told.startswith(hidden.choices[0].message.content)


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_a_stream_of_an_act_begins_its_content_behind_the_reasoning(ember: Running, thinking: str) -> None:
    whole = ember.client.chat.completions.create(**asked(ember, thinking)).choices[0].message
    chunks = list(ember.client.chat.completions.create(**asked(ember, thinking, stream=True)))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    assert "".join(delta.reasoning_content or "" for delta in deltas) == (whole.reasoning_content or "")
    first = next(at for at, delta in enumerate(deltas) if delta.content)
    assert not any(delta.reasoning_content for delta in deltas[first:])


def test_a_response_format_leaves_no_room_for_acts(ember: Running) -> None:
    answer = ember.client.chat.completions.create(
        **asked(ember, "disabled", response_format={"type": "json_object"}, max_tokens=40)
    )
    assert answer.choices[0].message.content.startswith("{")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0


@pytest.mark.parametrize(
    "limit",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 6}},
        {"thinking_budget": 6, "enable_thinking": True, "thinking": None},
        {"reasoning": {"max_tokens": 6}, "thinking": None},
        {"max_reasoning_tokens": 6, "thinking": None},
        {"reasoning_effort": "low", "thinking": None, "max_tokens": 12},
    ],
)
def test_a_thought_is_ended_at_its_limit_and_the_answer_begins(server: Running, limit: dict[str, object]) -> None:
    free = server.post(thinking={"type": "enabled"}, max_tokens=20).json()["choices"][0]["message"]
    held = server.post(**{"max_tokens": 20, **limit}).json()
    message, usage = held["choices"][0]["message"], held["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 6
    assert free["reasoning_content"].startswith(message["reasoning_content"])
    assert message["content"]


def test_two_limits_that_differ_are_refused(server: Running) -> None:
    wrong = server.post(thinking={"type": "enabled", "budget_tokens": 6}, thinking_budget=7)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "thinking_budget")
