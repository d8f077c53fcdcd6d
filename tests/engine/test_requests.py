"""What may enter: every sampling parameter is checked, and the error names it.  What comes back: results."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from huozhong.engine.guides.guide import JsonObject
from huozhong.engine.requests import (
    Completion,
    Delta,
    EmbeddedText,
    EmbedRequest,
    GenerateRequest,
    Request,
    SamplingParams,
    ScoredText,
    ScoreRequest,
    Usage,
    checked_ids,
)
from huozhong.errors import ContextLengthError, EngineError, RequestError
from huozhong.text.template import ChatPrompt

BAD = {
    "temperature": [-0.1, 2.1, float("nan"), float("inf"), "hot", None, True],
    "top_k": [0, -1, 1.5, "3", True],
    "top_p": [0, 1.1, -1, None],
    "min_p": [-0.1, 1.1, float("nan")],
    "repetition_penalty": [0, -1, 11, None, 5e-324],
    "presence_penalty": [-2.1, 2.1, "1"],
    "frequency_penalty": [-2.1, 2.1],
    "max_reasoning_tokens": [-1, 2.5, True, "5"],
    "max_tokens": [0, -5, 1.0, "many"],
    "stop": ["", ("",), (1,), 5, ("a",) * 129, None],
    "seed": [1.5, "x", 2**63],
    "logprobs": [-1, 21, True],
    "ignore_eos": [1, "no", None],
    "drawn_logprobs": [1, "no", None],
    "temperature_last": [1, "no", None],
    "logit_bias": [5, {"1": 1}, {-1: 1}, {1: 101}, {1: True}, ((1,),), dict.fromkeys(range(1025), 1)],
    "guide": ["json", 5, JsonObject, {"type": "object"}],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values], ids=str)
def test_bad_value_names_its_field(name: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        SamplingParams(**{name: value})  # type: ignore[arg-type]
    assert caught.value.param == name
    assert str(caught.value).startswith(name)


def test_every_field_has_bad_values_above() -> None:
    assert BAD.keys() == {field.name for field in dataclasses.fields(SamplingParams)}


def test_good_values_at_the_edges() -> None:
    SamplingParams(temperature=0, top_k=1, top_p=1, min_p=1, repetition_penalty=10, presence_penalty=-2, seed=-5)
    assert SamplingParams(stop="。").stop == ("。",)  # type: ignore[arg-type]
    assert SamplingParams(stop=["a", "b"]).stop == ("a", "b")  # type: ignore[arg-type]
    assert SamplingParams(temperature=0).is_greedy
    assert not SamplingParams().has_penalties
    assert SamplingParams(frequency_penalty=0.1).has_penalties


USAGE = Usage(
    prompt_tokens=1,
    completion_tokens=2,
    reasoning_tokens=1,
    cache_hit_tokens=0,
    seconds_to_first_token=0.1,
    seconds=0.2,
)


def test_completion_joins_deltas() -> None:
    parts = [
        Delta(reasoning="a", token_ids=(1,)),
        Delta(text="b", token_ids=(2,), finish_reason="stop", usage=USAGE),
    ]
    whole = Completion.from_deltas(parts)
    assert (whole.text, whole.reasoning, whole.token_ids, whole.finish_reason) == ("b", "a", (1, 2), "stop")
    assert whole.usage.total_tokens == 3
    with pytest.raises(EngineError, match="broken"):
        Completion.from_deltas([parts[0], Delta(error=EngineError("broken"))])


def test_values_are_read_from_the_last_delta() -> None:
    values = np.array([3.0, 0.0, 4.0])
    last = Delta(values=values, finish_reason="stop", usage=USAGE)
    assert ScoredText.from_deltas([last]).logprobs is values
    embedded = EmbeddedText.from_deltas([last])
    np.testing.assert_allclose(embedded.unit_vector(), [0.6, 0, 0.8])
    np.testing.assert_array_equal(embedded.unit_vector(1), np.ones(1, np.float32))
    assert embedded.unit_vector().dtype == np.float32
    for kind in (ScoredText, EmbeddedText):
        with pytest.raises(EngineError, match="broken"):
            kind.from_deltas([Delta(error=EngineError("broken"))])
        with pytest.raises(EngineError, match="closed"):
            kind.from_deltas([Delta(finish_reason="abort", usage=USAGE)])


def test_a_zero_state_has_no_direction() -> None:
    assert not EmbeddedText(np.zeros(2), USAGE).unit_vector().any()


def test_a_prompt_leaves_room_for_a_token_and_a_text_need_not() -> None:
    full = [1] * 8
    asked: list[Request] = [ScoreRequest(full), EmbedRequest(full)]
    for request in asked:
        assert checked_ids(request, 8, 20).dtype == np.int32
        with pytest.raises(ContextLengthError, match="8 tokens, but the model's context is 7"):
            checked_ids(request, 7, 20)
    with pytest.raises(ContextLengthError, match="context length is 8 "):
        checked_ids(GenerateRequest(ChatPrompt(full), SamplingParams()), 8, 20)
    with pytest.raises(RequestError, match="token id 20 is not"):
        checked_ids(ScoreRequest([1, 20]), 8, 20)
    with pytest.raises(RequestError, match="'mean' or 'last'"):
        EmbedRequest(full, "max")  # type: ignore[arg-type]
