from __future__ import annotations

from typing import Any

import pytest

from huozhong.skills.given import Given
from huozhong.verify.distress import CHINA

CRY = "我不想活了"


def test_every_text_is_looked_at_once_however_deep(looked_at: list[str]) -> None:
    given = Given({"a": "甲", "n": 3, "many": ["乙", ["丙"], {"x": "丁"}], "none": None, "z": "x" * 100_000})
    assert [text[:9] for text in looked_at] == ["甲", "乙", "丙", "丁", "x" * 9]
    assert given.rule is None
    assert dict(given)["many"] == ["乙", ["丙"], {"x": "丁"}]
    assert len(looked_at) == 5


@pytest.mark.parametrize("filled_in", [{"a": CRY}, {"b": 1, "a": [1, [CRY]]}, {"a": {"b": CRY}}, {"a": "好", "b": CRY}])
def test_an_emergency_is_found(filled_in: dict[str, Any]) -> None:
    assert "12356" in str(Given(filled_in).rule)
    assert "988" in str(Given(filled_in, {**CHINA, "mind": "988"}).rule)


def test_nobody_changes_it_after_the_look() -> None:
    mine: dict[str, Any] = {"a": ["好"]}
    given = Given(mine)
    mine["a"][0] = CRY
    mine["b"] = CRY
    given["a"].append(CRY)
    assert dict(given) == {"a": ["好"]}
    assert not hasattr(given, "__setitem__")


def test_a_field_less_is_no_emergency_less(looked_at: list[str]) -> None:
    given = Given({"language": CRY, "n": "3"})
    less = given.without("language")
    assert dict(less) == {"n": "3"}
    assert less.rule == given.rule
    assert less.rule is not None
    assert dict(given) == {"language": CRY, "n": "3"}
    assert len(looked_at) == 1
