"""llama.cpp's fields as our sampler takes them."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.dialects.llamacpp.requests import parse_completion

# As SillyTavern sends them.
ALL = ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]


def params(**body: Any) -> SamplingParams:
    return parse_completion({"prompt": "a"} | body, SamplingParams(top_k=40, min_p=0.05, temperature=0.8)).params


def test_samplers_say_when_temperature_comes_and_what_is_off() -> None:
    assert params() == params(samplers=ALL) == params(samplers="edskypmxt") == params(samplers=[])
    assert params().temperature_last
    assert not params(samplers=["temperature", "top_k", "min_p"]).temperature_last
    some = params(samplers=["top_k", "temperature"])
    assert (some.top_k, some.min_p, some.top_p, some.temperature) == (40, 0.0, 1.0, 0.8)
    assert params(samplers=["min_p"], presence_penalty=1, repeat_penalty=1.5) == params(
        samplers=["min_p"], temperature=1, top_k=0
    )


@pytest.mark.parametrize(
    ("samplers", "words"),
    [(["top_k", "luck"], "'luck', which is none of"), (["top_k", "temperature", "min_p"], "between"), ("k?", "'\\?'")],
)
def test_what_samplers_cannot_be(samplers: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words) as error:
        params(samplers=samplers)
    assert error.value.param == "samplers"


def test_probabilities_of_the_draw_itself(server: Running) -> None:
    body = {"prompt": "小明有", "n_predict": 4, "n_probs": 5, "post_sampling_probs": True, "temperature": 1, "top_k": 3}
    said = httpx.post(f"{server.url}/completion", json=body, timeout=60).json()
    assert len(said["completion_probabilities"]) == 4
    for token in said["completion_probabilities"]:
        assert len(token["top_probs"]) == 3  # of five asked for: what was cut away is not told
        assert math.isclose(sum(one["prob"] for one in token["top_probs"]), 1)
        assert token["prob"] in [one["prob"] for one in token["top_probs"]]


def test_each_tokens_probabilities_are_a_piece_of_their_own(server: Running) -> None:
    body = {"prompt": "小明有", "n_predict": 9, "n_probs": 2, "stream": True, "timings_per_token": True}
    text = httpx.post(f"{server.url}/completion", json=body, timeout=60).text
    told = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert [len(one["completion_probabilities"]) for one in told[:-1]] == [1] * 9
    assert [one["timings"]["predicted_n"] for one in told[:-1]] == [*range(1, 10)]


def test_how_far_a_text_is_read(server: Running) -> None:
    body = {"prompt": "火" * 300, "n_predict": 1, "stream": True, "return_progress": True}
    text = httpx.post(f"{server.url}/completion", json=body, timeout=60).text
    told = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert told[0]["prompt_progress"]["processed"] == told[0]["prompt_progress"]["cache"]
    assert [one for one in told if "prompt_progress" in one][-1]["prompt_progress"]["processed"] > 100
