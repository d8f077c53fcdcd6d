"""Arguments as XML elements of their names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.text.elements import Elements

FORM, AFTER = Elements("]["), "][</invoke>"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/one"}},
        "more": {"type": "object", "properties": {"sure": {"type": "boolean"}, "words": {"type": "array"}}},
        "empty": {"type": "array"},
    },
    "$defs": {"one": {"type": "object", "properties": {"id": {"type": "string"}}}},
}
VALUES: dict[str, Any] = {
    "text": "<b> 5 < 6 ]\n中",
    "count": 7,
    "list": [{"id": "1"}, {"id": "2"}],
    "more": {"sure": True, "words": [1, "x"]},
    "empty": [],
}


def read(text: str) -> tuple[str, str, str]:
    return FORM.reader(AFTER, SCHEMA).read(text)


def test_what_is_written_is_read_back_and_not_before_it_ends() -> None:
    written = FORM.written(VALUES | {"nothing": None})
    assert "nothing" not in written
    found, rest, progress = read(written + AFTER + "more")
    assert (json.loads(found), rest, progress) == (VALUES, AFTER + "more", "ended")
    for end in range(len(written + AFTER)):
        assert read((written + AFTER)[:end])[::2] == ("", "more")
    assert read(AFTER)[::2] == ("{}", "ended")


@pytest.mark.parametrize(
    "text", ["北京", "][<text>x", "][<text>x][</count>", "][<>x][</>", "][<list>][<item>][</list>"]
)
def test_what_is_no_call_is_told_so(text: str) -> None:
    assert read(text + AFTER)[::2] == ("", "wrong")


def test_names_and_keywords_that_cannot_be_held() -> None:
    def split(text: str) -> Any:
        yield text

    with pytest.raises(RequestError, match="'a b' cannot be written"):
        FORM.rules("r", {"properties": {"a b": {}}}, strict=False, split=split)
    with pytest.raises(RequestError, match="'items' cannot be enforced"):
        FORM.rules("r", SCHEMA, strict=True, split=split)
    assert "properties.more.properties" in list(FORM.left_out(SCHEMA))
