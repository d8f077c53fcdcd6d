"""What programs send that were written for other servers, through a real one."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM

HELLO = [{"role": "user", "content": "你好"}]


def events(answer: httpx.Response) -> list[dict]:  # type: ignore[type-arg]
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_several_answers(server: Running) -> None:
    asked = {"n": 3, "temperature": 1, "seed": 5, "max_tokens": 12}
    whole = server.post(**asked).json()
    texts = [choice["message"]["content"] for choice in whole["choices"]]
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert texts[0] == server.post(**asked | {"n": 1}).json()["choices"][0]["message"]["content"]
    assert whole["usage"]["completion_tokens"] == 36
    assert whole["usage"]["prompt_tokens"] == len(server.llm.prompt(HELLO, thinking=False).ids)
    stream = events(server.post(**asked, stream=True, stream_options={"include_usage": True}))
    grown = ["", "", ""]
    for event in stream:
        for choice in event["choices"]:
            grown[choice["index"]] += choice["delta"]["content"] or ""
    assert grown == texts
    assert [event["choices"] for event in stream if event["usage"]] == [[]]
    assert len({event["id"] for event in stream}) == 1


def test_a_bias_forbids_and_forces(server: Running) -> None:
    first = server.post(logprobs=True, max_tokens=1).json()["choices"][0]["message"]["content"]
    token = int(server.llm.tokenizer.encode("八")[0])
    forced = server.post(logit_bias={str(token): 100}, max_tokens=4, logprobs=True).json()["choices"][0]
    assert {tuple(one["bytes"]) for one in forced["logprobs"]["content"]} == {
        tuple(server.llm.tokenizer.bytes_of(token))
    }
    banned = {str(i): -100 for i in server.llm.tokenizer.encode(first)[:1]}
    assert server.post(logit_bias=banned, max_tokens=1).json()["choices"][0]["message"]["content"] != first
    wrong = server.post(logit_bias={"99999": 1})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "logit_bias")


def test_a_stop_belongs_to_the_answer_only(server: Running) -> None:
    thought = server.post(thinking={"type": "enabled"}, max_tokens=20).json()["choices"][0]["message"]
    assert len(thought["reasoning_content"]) > 4
    stop = thought["reasoning_content"][2]
    again = server.post(thinking={"type": "enabled"}, max_tokens=20, stop=stop).json()["choices"][0]
    assert again["finish_reason"] == "length"
    assert again["message"] == thought


def test_an_answer_that_is_begun_is_gone_on_with(server: Running) -> None:
    whole = server.post(max_tokens=12).json()["choices"][0]["message"]["content"]
    begun = {"role": "assistant", "content": "春眠不觉晓", "prefix": True}
    for path in ("/beta/chat/completions", "/v1/chat/completions"):
        answer = httpx.post(f"{server.url}{path}", json=server.body(messages=[*HELLO, begun]), timeout=60).json()
        more = answer["choices"][0]["message"]["content"]
        assert more
        assert more != whole
        assert not more.startswith("春眠")
        ids = [*server.llm.prompt(HELLO, thinking=False).ids, *server.llm.tokenizer.encode("春眠不觉晓")]
        assert answer["usage"]["prompt_tokens"] <= len(ids)
    thought = {"role": "assistant", "content": "", "reasoning_content": "有人", "prefix": True}
    message = server.post(messages=[*HELLO, thought]).json()["choices"][0]["message"]
    assert message["reasoning_content"]
    assert message["content"] == ""


@pytest.mark.parametrize("name", ["deepseek-chat", "deepseek-reasoner", "deepseek-flash", "deepseek-v4-pro"])
def test_deepseeks_names_mean_what_is_served(server: Running, name: str) -> None:
    assert server.post(model=name, max_tokens=1).json()["model"] == server.llm.name


def test_any_name_is_an_option(server: Running, llm: LLM) -> None:
    assert server.post(model="gpt-4o").status_code == 404
    with serving(llm, any_model=True) as open_to_all:
        assert open_to_all.post(model="gpt-4o", max_tokens=1).json()["model"] == llm.name


def test_a_byte_order_mark(server: Running) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(server.body(max_tokens=1)).encode()
    sent = {"content-type": "application/json"}
    assert httpx.post(f"{server.url}/v1/chat/completions", content=body, headers=sent, timeout=60).status_code == 200
