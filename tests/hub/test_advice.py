"""Advice that holds: names that can be pulled, sizes that fit, and the same table in both READMEs."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.hub.advice import BY_MEMORY, GB, ROOM, Advised, advised, offers
from huozhong.hub.arrival import gigabytes
from huozhong.hub.names import SHORT_NAMES

ROOT = Path(__file__).parents[2]
SYSTEM = 2 * GB  # of the machine's memory, what a desktop takes
EVERY = [(size, model) for size, models in BY_MEMORY.items() for model in models]


@pytest.mark.parametrize(("size", "model"), EVERY, ids=[model.name for _, model in EVERY])
def test_what_is_advised_can_be_pulled_and_fits(size: int, model: Advised) -> None:
    assert SHORT_NAMES[model.name].select is not None, "a file, whose size is known"
    assert model.size + ROOM + SYSTEM <= size * GB
    for readme in ("README.md", "README.zh.md"):
        rows = [line for line in (ROOT / readme).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        (row,) = [line for line in rows if f"`{model.name}`" in line]
        assert row.startswith(f"| {size} GB |")
        assert gigabytes(model.size) in row


def test_what_fits_into_free_memory() -> None:
    def names(free: float) -> list[str]:
        found = advised(round(free * GB))
        return [] if found is None else [model.name for model in found[1]]

    assert names(1) == []
    assert names(3) == ["deepseek-r1:1.5b"]
    assert names(6) == ["qwen3:4b", "deepseek-r1:1.5b"]
    assert names(11) == ["deepseek-r1-0528:8b", "qwen3:14b"]
    assert names(28) == ["glm-4.7-flash:30b", "qwen3:30b-a3b"]
    assert names(60) == [model.name for model in BY_MEMORY[64]]


def test_the_best_is_the_largest_that_is_as_fast_as_reading() -> None:
    fast = offers(free=14 * GB, bandwidth=60e9)
    assert fast[0].model.name == "deepseek-r1-0528:8b"
    slow = offers(free=14 * GB, bandwidth=4e9)
    assert slow[0].tokens_per_second == max(offer.tokens_per_second for offer in slow)
    assert offers(free=1 * GB, bandwidth=60e9) == []
    names = [offer.model.name for offer in fast]
    assert names[0] not in [offer.model.name for offer in offers(14 * GB, 60e9, here=names[:1])]
    for offer in fast:  # a token of a mixture of experts reads less than the file
        assert offer.tokens_per_second >= 60e9 / offer.model.size
