"""Gemma 4's arguments, written and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.text.pairs import PairArguments, Pairs

PAIRS = Pairs('<|"|>')


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"place": "北京, {a}: [b]", "days": 2},
        {"deep": {"list": [1, -2.5, "x", {"a": None}], "empty": {}, "none": []}, "yes": True},
    ],
)
def test_there_and_back(arguments: dict[str, Any]) -> None:
    written = PAIRS.written(arguments)
    text, rest, progress = PairArguments(PAIRS).read(written + "}<tool_call|>")
    assert (json.loads(text), rest, progress) == (arguments, "}<tool_call|>", "ended")
    for cut in range(len(written)):
        assert PairArguments(PAIRS).read(written[:cut]) == ("", written[:cut], "more")


def test_what_is_not_in_the_form() -> None:
    assert PairArguments(PAIRS).read("{no key}}")[2] == "wrong"
    assert PairArguments(PAIRS).read('<|"|>key<|"|>:word}') == ('{"key": "word"}', "}", "ended")


def test_what_cannot_be_held() -> None:
    with pytest.raises(RequestError, match="cannot be written"):
        PAIRS.rules("a", {"properties": {"x:y": {}}}, strict=False, split=lambda text: iter([text]))
    schema = {"properties": {"x": {"type": ["array", "null"], "minItems": 3}}}
    with pytest.raises(RequestError, match="'minItems' cannot be enforced"):
        PAIRS.rules("a", schema, strict=True, split=lambda text: iter([text]))
