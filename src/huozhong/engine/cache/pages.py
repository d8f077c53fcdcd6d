"""The latent cache's pages: who holds which, and which prompt prefixes are still in them.

A page holds the latents of `page_size` consecutive tokens for all layers (the runner owns the arrays; here
are only numbers).  Pages are reference-counted, so that requests with the same beginning share them.  A
page full of PROMPT tokens is found again by a digest of all tokens up to its end; when nobody uses it
any more it stays findable until its room is needed, the least recently used going first.  Pages with
generated tokens are never offered: those were computed in the absorbed form, and a hit must not change a
single bit of the answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class PageMemory(Protocol):
    """Who owns the pages' contents (the runner)."""

    @property
    def page_bytes(self) -> int:
        """Bytes of a page in one layer."""

    def read_page(self, page: int) -> bytes:
        """A copy of a page, all layers."""

    def write_page(self, page: int, data: bytes) -> None:
        """Put a copy back, into any page."""


@dataclass(frozen=True, slots=True)
class SwappedOut:
    """The pages of a preempted request: `num_computed` tokens."""

    pages: list[bytes]
    num_computed: int

    @property
    def num_bytes(self) -> int:
        return sum(map(len, self.pages))


class SwapSpace:
    """Host memory for pages of preempted requests, at most `capacity` bytes."""

    def __init__(self, memory: PageMemory, capacity: int) -> None:
        self._memory, self._capacity = memory, capacity
        self.used = 0

    def swap_out(self, pages: list[int], num_computed: int) -> SwappedOut | None:
        """Copy pages; None when there is no room (the request is then computed again)."""
        copies: list[bytes] = []
        taken = 0
        for page in pages:
            if self.used + taken >= self._capacity:
                return None
            copies.append(self._memory.read_page(page))
            taken += len(copies[-1])
        if not copies or self.used + taken > self._capacity:
            return None
        self.used += taken
        return SwappedOut(copies, num_computed)

    def swap_in(self, swapped: SwappedOut, pages: list[int], first: int) -> None:
        """Write the copies from the `first` on into `pages`, and forget them all."""
        for page, data in zip(pages, swapped.pages[first:], strict=True):
            self._memory.write_page(page, data)
        self.forget(swapped)

    def forget(self, swapped: SwappedOut) -> None:
        """Give back the room of copies that are needed no more."""
        self.used -= swapped.num_bytes
        assert self.used >= 0


def page_digests(tokens: np.ndarray, page_size: int) -> list[bytes]:
    """One digest per whole page of `tokens` (int32 [T]); each covers everything from the first token on."""
    digests: list[bytes] = []
    parent = b""
    for start in range(0, len(tokens) - page_size + 1, page_size):
        page = np.ascontiguousarray(tokens[start : start + page_size], dtype=np.int32)
        parent = hashlib.blake2b(parent + page.tobytes(), digest_size=16).digest()
        digests.append(parent)
    return digests


class PagePool:
    """`num_pages` pages of `page_size` tokens.  Not thread-safe: the step thread alone uses it."""

    def __init__(self, num_pages: int, page_size: int) -> None:
        assert num_pages > 0
        assert page_size > 0
        self.num_pages = num_pages
        self.page_size = page_size
        self.on_forget: Callable[[int, bytes], None] | None = None  # a prompt page is about to be overwritten
        self._references = [0] * num_pages
        self._free = list(range(num_pages - 1, -1, -1))  # a stack: what was used last goes first
        self._page_of: dict[bytes, int] = {}
        self._digest_of: dict[int, bytes] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # unused but findable, least recently used first

    @property
    def num_available(self) -> int:
        """Pages that `allocate` can hand out now, forgetting old prefixes where it must."""
        return len(self._free) + len(self._idle)

    @property
    def num_used(self) -> int:
        """Pages held by requests."""
        return self.num_pages - self.num_available

    def allocate(self) -> int:
        """A page for one owner.  The caller has checked `num_available`."""
        if self._free:
            page = self._free.pop()
        else:
            assert self._idle, "allocate() from an exhausted pool"
            page, _ = self._idle.popitem(last=False)
            digest = self._digest_of.pop(page)
            del self._page_of[digest]
            if self.on_forget is not None:
                self.on_forget(page, digest)
        self._references[page] = 1
        return page

    def find(self, digests: list[bytes]) -> list[int]:
        """Pages of the longest known prefix; each is given one more owner."""
        pages: list[int] = []
        for digest in digests:
            page = self._page_of.get(digest)
            if page is None:
                break
            if self._references[page] == 0:
                del self._idle[page]
            self._references[page] += 1
            pages.append(page)
        return pages

    def page_of(self, digest: bytes) -> int | None:
        """The findable page of a digest, without becoming its owner."""
        return self._page_of.get(digest)

    def register(self, page: int, digest: bytes) -> None:
        """Make a fully computed prompt page findable; the first page with a digest stays the findable one."""
        assert self._references[page] > 0
        if digest not in self._page_of and page not in self._digest_of:
            self._page_of[digest] = page
            self._digest_of[page] = digest

    def free(self, pages: list[int]) -> None:
        """Take one owner from each page.  Later pages go first: a prefix outlives its continuations."""
        for page in reversed(pages):
            assert self._references[page] > 0, f"page {page} freed twice"
            self._references[page] -= 1
            if self._references[page]:
                continue
            if page in self._digest_of:
                self._idle[page] = None
            else:
                self._free.append(page)
