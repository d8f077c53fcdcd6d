"""Every sampling parameter is checked, and the error names it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from huozhong.engine.guides.guide import JsonObject
from huozhong.engine.output import OutputText
from huozhong.engine.sequence import Completion, Delta, SamplingParams, Sequence, Usage
from huozhong.errors import EngineError, RequestError

BAD = {
    "temperature": [-0.1, 2.1, float("nan"), float("inf"), "hot", None, True],
    "top_k": [0, -1, 1.5, "3", True],
    "top_p": [0, 1.1, -1, None],
    "min_p": [-0.1, 1.1, float("nan")],
    "repetition_penalty": [0, -1, 11, None],
    "presence_penalty": [-2.1, 2.1, "1"],
    "frequency_penalty": [-2.1, 2.1],
    "max_tokens": [0, -5, 1.0, "many"],
    "stop": ["", ("",), (1,), 5, ("a",) * 17, None],
    "seed": [1.5, "x", 2**63],
    "logprobs": [-1, 21, True],
    "ignore_eos": [1, "no", None],
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


def test_sequence_counts_its_tokens() -> None:
    output: OutputText = None  # type: ignore[assignment]  # plays no part here
    sequence = Sequence(1, np.arange(5, dtype=np.int32), SamplingParams(seed=-1), 10, print, output)
    assert (sequence.num_tokens, sequence.num_pending, sequence.in_prefill) == (5, 5, True)
    sequence.num_computed = 5
    sequence.generated += [8, 9]
    assert (sequence.num_tokens, sequence.num_pending, sequence.in_prefill) == (7, 2, False)
    assert sequence.tokens(1, 5).tolist() == [1, 2, 3, 4]
    assert sequence.tokens(5, 7).tolist() == [8, 9]
    assert sequence.tokens(6, 7).dtype == np.int32


def test_completion_joins_deltas() -> None:
    usage = Usage(
        prompt_tokens=1,
        completion_tokens=2,
        reasoning_tokens=1,
        cache_hit_tokens=0,
        seconds_to_first_token=0.1,
        seconds=0.2,
    )
    parts = [
        Delta(reasoning="a", token_ids=(1,)),
        Delta(text="b", token_ids=(2,), finish_reason="stop", usage=usage),
    ]
    whole = Completion.from_deltas(parts)
    assert (whole.text, whole.reasoning, whole.token_ids, whole.finish_reason) == ("b", "a", (1, 2), "stop")
    assert whole.usage.total_tokens == 3
    with pytest.raises(EngineError, match="broken"):
        Completion.from_deltas([parts[0], Delta(error=EngineError("broken"))])
