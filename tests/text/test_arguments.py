"""How the arguments of a call are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.text.arguments import JsonArguments, TaggedArguments, Tags, literal, value_kinds


def test_kinds_of_values_end() -> None:
    """Schemas that refer to themselves, many times over."""
    root: dict[str, Any] = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 50 + [{"type": "integer"}]}}}
    assert value_kinds({"$ref": "#/$defs/a"}, root) == {"number"}
    root["$defs"]["a"]["anyOf"].pop()
    every = value_kinds({}, root)
    assert len(every) == 6
    assert value_kinds({"$ref": "#/$defs/a"}, root) == every
    assert value_kinds({"$ref": "#/nowhere/a"}, root) == value_kinds(False, root) == every


def test_a_json_object_ends_with_its_last_brace() -> None:
    reader = JsonArguments()
    text = '{"a": "}\\"", "b": {"c": [1]}} and more'
    assert reader.read(text[:9]) == (text[:9], "", "more")
    assert reader.read(text[9:]) == (text[9:-9], " and more", "ended")


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_arguments_between_tags_become_one_object(step: int) -> None:
    schema = {"properties": {"place": {"type": "string"}, "days": {"type": "integer"}}}
    reader = TaggedArguments(Tags("<k>", "</k>", "</v>"), "</call>", schema)
    text, out, left = '<k>place</k>北"京</v><k>days</k>3</v><k>any</k>[1]</v></call>', "", ""
    for at in range(0, len(text), step):
        piece, left, progress = reader.read(left + text[at : at + step])
        out += piece
    assert (left, progress) == ("</call>", "ended")
    assert json.loads(out) == {"place": '北"京', "days": 3, "any": [1]}
    assert TaggedArguments(Tags("<k>", "</k>", "</v>"), "</call>", schema).read("nothing")[2] == "wrong"


def test_literals_name_control_tokens_by_id() -> None:
    assert literal(["a", "b", 7, "", '"', 8]) == '"ab" <[7]> "\\"" <[8]>'
