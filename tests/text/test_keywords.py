"""Arguments as Python writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.text.keywords import Keywords

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "sure": {"type": "boolean"},
        "list": {"type": "array"},
        "more": {"type": "object"},
        "open": {},
    },
}
VALUES: dict[str, Any] = {
    "text": 'it\'s (a), \\ "b"\n中',
    "count": -7,
    "sure": True,
    "list": [1, "x, y", [None, False]],
    "more": {"a": {"b": 1.5}},
    "open": None,
}


def read(text: str, schema: dict[str, Any] = SCHEMA) -> tuple[str, str, str]:
    return Keywords().reader(")", schema).read(text)


def test_what_is_written_is_read_back_and_not_before_it_ends() -> None:
    written = Keywords().written(VALUES)
    found, rest, progress = read(written + "), clock()]")
    assert (json.loads(found), rest, progress) == (VALUES, "), clock()]", "ended")
    for end in range(len(written)):
        assert read(written[:end])[::2] == ("", "more")
    assert read(")")[::2] == ("{}", "ended")


def test_a_mark_inside_a_text_does_not_end_it() -> None:
    """The template escapes nothing."""
    assert json.loads(read("text='it's 5 o'clock (now)', count=2)")[0]) == {"text": "it's 5 o'clock (now)", "count": 2}
    assert json.loads(read("""text="say 'no'")""")[0]) == {"text": "say 'no'"}
    assert json.loads(read("more={'a': [1, 2], 'b': None})")[0]) == {"more": {"a": [1, 2], "b": None}}
    assert json.loads(read("text=5, sure=true)")[0]) == {"text": "5", "sure": True}


@pytest.mark.parametrize("text", ["'北京')", "place)", "count=)", "count=1 2)", "list=[1 2])", "more={1 2})", "5=3)"])
def test_what_is_no_call_is_told_so(text: str) -> None:
    assert read(text)[::2] == ("", "wrong")


def test_names_and_keywords_that_cannot_be_held() -> None:
    def split(text: str) -> Any:
        yield text

    with pytest.raises(RequestError, match="'a-b' cannot be written"):
        Keywords().rules("r", {"properties": {"a-b": {}}}, strict=False, split=split)
    short = {"properties": {"a": {"type": "string", "pattern": "x"}}}
    with pytest.raises(RequestError, match="'pattern' cannot be enforced"):
        Keywords().rules("r", short, strict=True, split=split)
    assert list(Keywords().left_out(short)) == ["properties.a.pattern"]
