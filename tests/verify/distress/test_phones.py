"""A place's own numbers."""

from __future__ import annotations

import pytest

from huozhong.errors import ConfigError
from huozhong.verify.distress import CHINA, read_numbers


def test_what_is_not_named_stays() -> None:
    assert read_numbers("") == CHINA
    assert read_numbers("mind=988, police=911") == {**CHINA, "mind": "988", "police": "911"}
    assert read_numbers("mind=+852 2382 0000，")["mind"] == "+852 2382 0000"


@pytest.mark.parametrize(
    ("text", "words"),
    [("988", "name=number"), ("doctor=1", "police, ambulance"), ("mind=call me", "digits"), ("mind=", "digits")],
)
def test_mistakes_get_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_numbers(text)
