"""How a section of a recipe is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from huozhong.errors import ConfigError
from huozhong.train.fields import check_at_least, check_sections, check_shares, flat, read_section


@dataclass(frozen=True, kw_only=True)
class Part:
    path: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(self, weight=0)


@dataclass(frozen=True, kw_only=True)
class Whole:
    count: int
    share: float = 0.5
    kind: Literal["one", "other"] = "one"
    betas: tuple[float, float] = (0.9, 0.99)
    parts: tuple[Part, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        check_at_least(self, count=1, limit=2)
        check_shares(self, "share")


def test_values_become_what_the_annotations_say() -> None:
    raw = {"count": 3e8, "share": 1, "betas": [0.5, 1], "parts": [{"path": "a"}, {"path": "b", "weight": 2}]}
    read = read_section(Whole, raw, "x.toml: [whole]")
    assert read == Whole(
        count=300_000_000, share=1.0, betas=(0.5, 1.0), parts=(Part(path="a"), Part(path="b", weight=2.0))
    )
    assert type(read.count) is int
    assert type(read.share) is float


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "count is missing"),
        ({"count": 1, "colour": 2}, "has no key 'colour'; known keys: betas, count"),
        ({"count": True}, "count is True; it must be a whole number"),
        ({"count": 1.5}, "it must be a whole number"),
        ({"count": "1"}, "it must be a whole number"),
        ({"count": 0}, r"x.toml: \[whole\] count is 0; it must be at least 1"),
        ({"count": 1, "limit": 1}, "limit is 1; it must be at least 2"),
        ({"count": 1, "share": 1.5}, "share is 1.5; it must lie between 0 and 1"),
        ({"count": 1, "kind": "two"}, "it must be one of one, other"),
        ({"count": 1, "betas": [0.5]}, "has 1 values; it needs 2"),
        ({"count": 1, "betas": 0.5}, "it must be a list"),
        ({"count": 1, "parts": ["a"]}, "it must be a table"),
        ({"count": 1, "parts": [{"path": "a", "weight": -1}]}, r"parts\[0\] weight is -1.0"),
    ],
)
def test_what_is_wrong_is_named(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_section(Whole, raw, "x.toml: [whole]")


def test_sections_are_known_and_are_sections() -> None:
    check_sections({"run": {}, "ramp": []}, {"run", "ramp"}, "x.toml")
    with pytest.raises(ConfigError, match=r"unknown section \[walk\]; known sections: ramp, run"):
        check_sections({"walk": {}}, {"run", "ramp"}, "x.toml")
    with pytest.raises(ConfigError, match="run stands outside a section"):
        check_sections({"run": 3}, {"run"}, "x.toml")


def test_flat_is_as_json_would_give_it_back() -> None:
    assert flat(a={"x": (1, (2,))}, b=None, c={"y": "z"}) == {"a.x": [1, [2]], "c.y": "z"}
