"""Texts that are continued as they are, and filled in the middle."""

from __future__ import annotations

import json

import httpx
import openai
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.engine.requests import SamplingParams
from huozhong.server.careful import HEADER, Careful

POEM = "春眠不觉晓，"
ASKED = {"prompt": POEM, "max_tokens": 8, "temperature": 0}


def post(server: Running, path: str = "/v1/completions", **changes: object) -> httpx.Response:
    return httpx.post(f"{server.url}{path}", json={"model": server.llm.name} | ASKED | changes, timeout=60)


def test_a_text_is_continued_as_the_library_does(server: Running) -> None:
    expected = server.llm.generate(POEM, SamplingParams(temperature=0, max_tokens=8))[0]
    for path in ("/v1/completions", "/completions", "/beta/completions"):
        body = post(server, path).json()
        assert body["object"] == "text_completion"
        assert body["choices"] == [{"index": 0, "text": expected.text, "logprobs": None, "finish_reason": "length"}]
        assert body["usage"]["prompt_tokens"] == len(server.llm.text_tokens(POEM))
    assert post(server, prompt=server.llm.text_tokens(POEM)).json()["choices"][0]["text"] == expected.text
    assert post(server, max_tokens=None).json()["usage"]["completion_tokens"] == 16


def test_through_openais_client(server: Running) -> None:
    create = server.client.completions.create
    whole = create(model=server.llm.name, prompt=[POEM, "白日"], n=2, max_tokens=6, temperature=0, logprobs=2)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    assert whole.choices[0].text == whole.choices[1].text != whole.choices[2].text
    assert whole.usage.completion_tokens == 24
    assert whole.usage.prompt_tokens == sum(len(server.llm.text_tokens(text)) for text in (POEM, "白日"))
    told = whole.choices[0].logprobs
    assert len(told.tokens) == len(told.top_logprobs) == 6
    assert told.text_offset[:2] == [0, len(told.tokens[0])]
    grown = ["", ""]
    for chunk in create(model=server.llm.name, prompt=[POEM, "白日"], max_tokens=6, temperature=0, stream=True):
        for choice in chunk.choices:
            grown[choice.index] += choice.text
    assert grown == [whole.choices[0].text, whole.choices[2].text]


def test_echo(server: Running) -> None:
    alone = post(server).json()["choices"][0]["text"]
    assert post(server, echo=True).json()["choices"][0]["text"] == POEM + alone
    assert post(server, echo=True, max_tokens=0).json()["choices"][0]["text"] == POEM
    events = post(server, echo=True, stream=True).text.split("\n\n")[:-2]
    assert "".join(json.loads(event[6:])["choices"][0]["text"] for event in events) == POEM + alone


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [99999]}, "prompt"),
        ({"suffix": "落"}, "suffix"),
        ({"suffix": "落", "prompt": [5]}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"model": "gpt-9"}, "model"),
    ],
)
def test_what_cannot_be_done_is_named(server: Running, changes: dict[str, object], param: str) -> None:
    answer = post(server, **changes)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param


def test_distress_is_answered_here_too(llm: LLM) -> None:
    with serving(llm, careful=Careful(everybody=True)) as careful:
        for changes in ({"prompt": "我不想活了"}, {"prompt": ["我不想活了", "3+5等于几"], "stream": True}):
            answer = post(careful, **changes)
            assert HEADER in answer.headers
            assert '"rule"' in answer.text
        assert HEADER not in post(careful).headers


def test_foreign_pages_may_not(server: Running) -> None:
    for path in ("/v1/completions", "/completions", "/beta/completions"):
        sent = {"origin": "http://evil.example"}
        assert httpx.post(f"{server.url}{path}", json=ASKED, headers=sent).status_code == 403
    assert httpx.get(f"{server.url}/user/balance", headers=sent).status_code == 403


def test_balance(server: Running) -> None:
    body = httpx.get(f"{server.url}/user/balance").json()
    assert body["is_available"] is True
    assert body["balance_infos"][0]["total_balance"] == "unlimited"


def test_errors_reach_openais_client(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="suffix"):
        server.client.completions.create(model=server.llm.name, prompt="a", suffix="b")


def test_an_echoed_prompt_is_told_with_its_probabilities(server: Running) -> None:
    """What the evaluation harnesses ask for: how likely is this text, and is each token the likeliest?"""
    llm = server.llm
    ids = llm.text_tokens(POEM)
    expected = llm.score(ids)
    for stream in (False, True):
        asked = server.client.completions.create(
            model=llm.name, prompt=POEM, max_tokens=0, echo=True, logprobs=2, temperature=0, stream=stream
        )
        choices = [chunk.choices[0] for chunk in asked if chunk.choices] if stream else [asked.choices[0]]
        told = choices[0].logprobs
        assert "".join(choice.text for choice in choices) == POEM
        assert told.token_logprobs == pytest.approx(expected.tolist())
        assert told.text_offset[0] == 0
        assert all(len(top) == 2 for top in told.top_logprobs)
        best = [max(top.values()) for top in told.top_logprobs]
        assert all(own <= other + 1e-9 for own, other in zip(told.token_logprobs, best, strict=True))
        assert not stream or all(not choice.logprobs or not choice.logprobs.tokens for choice in choices[1:])
    given = server.client.completions.create(
        model=llm.name, prompt=[ids, ids[:3]], max_tokens=2, echo=True, logprobs=1, temperature=0
    )
    first, second = (choice.logprobs for choice in given.choices)
    assert first.token_logprobs[0] is None  # nothing stands before it
    assert first.top_logprobs[0] is None
    assert first.token_logprobs[1 : len(ids)] == pytest.approx(expected.tolist())
    assert len(first.tokens) == len(ids) + 2
    assert len(second.tokens) == 3 + 2
