"""Pages are never lost, never given out twice, and prefixes are found until their room is needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.engine.cache.pages import PagePool, page_digests


def digests(*tokens: int, size: int = 2) -> list[bytes]:
    return page_digests(np.array(tokens, np.int32), size)


def filled(pool: PagePool, keys: list[bytes]) -> list[int]:
    """Pages for a prefix, computed and offered."""
    pages = [pool.allocate() for _ in keys]
    for page, key in zip(pages, keys, strict=True):
        pool.register(page, key)
    return pages


def test_a_digest_covers_everything_before_it() -> None:
    assert len(digests(1, 2, 3, 4, 5)) == 2
    assert digests(1, 2, 3, 4)[0] == digests(1, 2, 9, 9)[0]
    assert digests(1, 2, 3, 4)[1] != digests(9, 2, 3, 4)[1]
    assert digests(1) == []


def test_shared_pages_are_freed_by_their_last_owner() -> None:
    pool = PagePool(4, 2)
    keys = digests(1, 2, 3, 4)
    first = filled(pool, keys)
    second = pool.find(keys)
    assert second == first
    pool.free(first)
    assert pool.num_used == 2
    pool.free(second)
    assert (pool.num_used, pool.num_available) == (0, 4)
    assert pool.find(keys) == first
    assert pool.num_used == 2


def test_freeing_twice_is_noticed() -> None:
    pool = PagePool(2, 2)
    page = pool.allocate()
    pool.free([page])
    with pytest.raises(AssertionError, match="freed twice"):
        pool.free([page])


def test_least_recently_used_goes_first_and_a_prefix_outlives_its_continuation() -> None:
    pool = PagePool(4, 2)
    old, new = digests(1, 1, 2, 2), digests(5, 5, 6, 6)
    pool.free(filled(pool, old))
    pool.free(filled(pool, new))
    pool.free(pool.find(old))  # used again: now `new` is the older one
    pool.allocate()
    assert len(pool.find(new)) == 1
    assert len(pool.find(old)) == 2


def test_unknown_middle_ends_the_prefix() -> None:
    pool = PagePool(4, 1)
    keys = digests(1, 2, 3, size=1)
    pages = [pool.allocate(), pool.allocate()]
    pool.register(pages[0], keys[0])
    pool.register(pages[1], keys[2])
    assert pool.find(keys) == pages[:1]


def test_same_prefix_computed_twice_keeps_the_first() -> None:
    pool = PagePool(4, 2)
    keys = digests(1, 2)
    first, second = filled(pool, keys), filled(pool, keys)
    pool.free(second)
    pool.free(first)
    assert pool.find(keys) == first


@given(st.lists(st.tuples(st.sampled_from(["new", "drop"]), st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_any_history_keeps_the_books(history: list[tuple[str, int, int]]) -> None:
    pool = PagePool(6, 1)
    owners: list[list[int]] = []
    for action, a, b in history:
        if action == "new":
            keys = digests(*range(a), *([9] * b), size=1)[:6]
            pages = pool.find(keys)
            if pool.num_available < len(keys) - len(pages):
                pool.free(pages)
                continue
            for key in keys[len(pages) :]:
                pages.append(pool.allocate())
                pool.register(pages[-1], key)
            assert len(set(pages)) == len(pages)
            owners.append(pages)
        elif owners:
            pool.free(owners.pop(a % len(owners)))
        assert pool.num_used == len({page for pages in owners for page in pages})
        assert pool.num_used + pool.num_available == 6
