"""The same schema, written as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong import RequestError
from huozhong.text.schemas import pointed, tidy


def test_null_is_not_given_but_where_it_is_a_value() -> None:
    said = {
        "type": "object",
        "required": None,
        "properties": {"a": {"type": "string", "pattern": None, "default": None}, "required": {"const": None}},
        "enum": [None, {"required": None}],
    }
    assert tidy(said) == {
        "type": "object",
        "properties": {"a": {"type": "string", "default": None}, "required": {"const": None}},
        "enum": [None, {"required": None}],
    }
    assert said["required"] is None


def test_whole_numbers_may_be_written_with_a_point() -> None:
    tidied = tidy({"anyOf": [{"minLength": 1.0, "maxLength": 2.5, "minimum": 1.0}]})
    assert repr(tidied) == repr({"anyOf": [{"minLength": 1, "maxLength": 2.5, "minimum": 1.0}]})


@pytest.mark.parametrize(
    ("reference", "encoded"),
    [
        ("#/$defs/地址", "#/$defs/%E5%9C%B0%E5%9D%80"),
        ("#/$defs/%E5%9C%B0", "#/$defs/%E5%9C%B0"),
        ("#/$defs/a%b c", "#/$defs/a%25b%20c"),
        ("https://a.b/c?d=e#f", "https://a.b/c?d=e#f"),
    ],
)
def test_references_are_uris(reference: str, encoded: str) -> None:
    root: dict[str, Any] = {"$defs": {"地址": 1, "地": 2, "a%b c": 3}}
    assert tidy({"not": {"$ref": reference}}) == {"not": {"$ref": encoded}}
    assert pointed(root, reference) == pointed(root, encoded)


def test_what_is_nested_too_deeply_is_said() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"not": deep}
    with pytest.raises(RequestError, match="too deeply"):
        tidy(deep)
