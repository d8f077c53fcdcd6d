"""How a model itself wants to be sampled, and what ends its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.engine.generation_config import eos_ids, sampling_defaults, uses_acts
from huozhong.engine.requests import SamplingParams
from huozhong.errors import CheckpointError


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"eos_token_id": 2}, SamplingParams()),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.95}, SamplingParams(temperature=0.6, top_p=0.95)),
        ({"do_sample": False, "temperature": 0.6}, SamplingParams(temperature=0.0)),
        ({"top_k": 0}, SamplingParams()),
        ({"top_k": 20, "repetition_penalty": None}, SamplingParams(top_k=20)),
    ],
)
def test_reads(config: dict[str, Any], expected: SamplingParams) -> None:
    files = {"generation_config.json": json.dumps(config).encode()}
    assert sampling_defaults(files, where="the model") == expected


def test_without_the_file() -> None:
    assert sampling_defaults({}, where="the model") == SamplingParams()
    assert eos_ids({}, where="the model") == []


@pytest.mark.parametrize("text", ["{", "[]", '{"temperature": "hot"}', '{"top_p": 7}'])
def test_a_broken_file_is_named(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"the model/generation_config\.json"):
        sampling_defaults({"generation_config.json": text.encode()}, where="the model")


@pytest.mark.parametrize(("named", "expected"), [(2, [2]), ([2, 7], [2, 7]), (None, []), ("</s>", [])])
def test_what_ends_an_answer(named: Any, expected: list[int]) -> None:
    files = {"generation_config.json": json.dumps({"eos_token_id": named}).encode()}
    assert eos_ids(files, where="the model") == expected
    with pytest.raises(CheckpointError, match="not a JSON object"):
        eos_ids({"generation_config.json": b"null"}, where="the model")


@pytest.mark.parametrize(("text", "expected"), [('{"acts": true}', True), ('{"acts": "yes"}', False), ("{}", False)])
def test_whether_it_was_taught_dialogue_acts(text: str, expected: bool) -> None:
    assert uses_acts({"generation_config.json": text.encode()}, where="the model") is expected
    assert not uses_acts({}, where="the model")
    with pytest.raises(CheckpointError, match="not a JSON object"):
        uses_acts({"generation_config.json": b"[]"}, where="the model")
