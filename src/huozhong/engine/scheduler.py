"""Continuous batching: which tokens of which requests are computed in the next step.

`schedule()` goes over the running requests in the order of their arrival.  Everyone who is decoding gets its
one token first; what is left of the step's token budget goes to prompts, piece by piece, so that a long
prompt never stalls the others' tokens.  Then waiting requests are admitted while pages last.

When a running request needs a page and none is left, the newest running request is put back: its pages are
freed, its tokens are kept.  When it is admitted again its cache is computed again, the prompt as a prompt
(un-absorbed) and the generated tokens as generated ones (absorbed), so that not a bit of its answer changes.
The pool holds at least one full context, so the oldest request always gets on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from huozhong.engine.kv_cache import PagePool, page_digests
from huozhong.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Slice:
    """Compute `count` tokens of a request from `start` on: all of the prompt (prefill) or none of it.

    reaches_end: these are its last known tokens, so the logits after them choose its next one.
    """

    sequence: Sequence
    start: int
    count: int
    prefill: bool
    reaches_end: bool


class Scheduler:
    """Queues of waiting and running requests, and the pages they hold.  Used by the step thread alone."""

    def __init__(self, pool: PagePool, *, token_budget: int = 256, max_running: int = 32) -> None:
        assert token_budget >= max_running > 0, "every running request must get its token in every step"
        self.pool = pool
        self.token_budget = token_budget
        self.max_running = max_running
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []  # oldest first
        self.num_preemptions = 0

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.running)

    def add(self, sequence: Sequence) -> None:
        """Queue a new request."""
        self.waiting.append(sequence)

    def schedule(self) -> list[Slice]:
        """The next step's work; never empty while there are requests."""
        slices: dict[Sequence, Slice] = {}
        budget = self.token_budget
        for decoding in (True, False):
            for sequence in list(self.running):
                is_decoding = not sequence.in_prefill and sequence.num_pending == 1
                if is_decoding is decoding and sequence in self.running:
                    budget -= self._take(sequence, budget, slices)
        while budget > 0 and self.waiting and len(self.running) < self.max_running and self._admit():
            budget -= self._take(self.running[-1], budget, slices)
        assert slices or not self.has_work
        return list(slices.values())

    def advance(self, done: Slice) -> None:
        """Record that a slice has been computed, and offer the prompt pages it filled to later requests."""
        sequence = done.sequence
        sequence.num_computed += done.count
        size = self.pool.page_size
        full = min(sequence.num_computed, sequence.prompt_len) // size
        for index in range(sequence.num_registered_pages, full):
            self.pool.register(sequence.pages[index], sequence.digests[index])
        sequence.num_registered_pages = max(full, sequence.num_registered_pages)

    def remove(self, sequence: Sequence) -> None:
        """Forget a request (finished, aborted or failed) and free its pages; an unknown one has none."""
        if sequence in self.running:
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)
        self._free(sequence)

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, sequence: Sequence, budget: int, slices: dict[Sequence, Slice]) -> int:
        """Plan a running request's next tokens, at most `budget`; returns how many."""
        stop = sequence.prompt_len if sequence.in_prefill else sequence.num_tokens
        count = min(budget, stop - sequence.num_computed)
        if count == 0 or not self._reserve(sequence, sequence.num_computed + count, slices):
            return 0
        slices[sequence] = Slice(
            sequence,
            sequence.num_computed,
            count,
            prefill=sequence.in_prefill,
            reaches_end=sequence.num_computed + count == sequence.num_tokens,
        )
        return count

    def _reserve(self, sequence: Sequence, num_tokens: int, slices: dict[Sequence, Slice]) -> bool:
        """Give the request pages for `num_tokens`, putting back newer ones; False if it went back itself."""
        missing = -(-num_tokens // self.pool.page_size) - len(sequence.pages)
        while self.pool.num_available < missing:
            newest = self.running[-1]
            self._put_back(newest)
            slices.pop(newest, None)
            if newest is sequence:
                return False
        sequence.pages += [self.pool.allocate() for _ in range(missing)]
        return True

    def _put_back(self, sequence: Sequence) -> None:
        self.num_preemptions += 1
        self.running.remove(sequence)
        self._free(sequence)
        self.waiting.appendleft(sequence)

    def _admit(self) -> bool:
        """Start the first waiting request if there is room for all its known tokens and one more."""
        sequence = self.waiting[0]
        if not sequence.digests:
            sequence.digests = page_digests(sequence.prompt, self.pool.page_size)
        # At least the prompt's last token is computed: its logits choose the first token of the answer.
        # A request for scores needs the logits of all of them.
        usable = 0 if sequence.only_score else (sequence.prompt_len - 1) // self.pool.page_size
        found = self.pool.find(sequence.digests[:usable])
        needed = -(-(sequence.num_tokens + 1) // self.pool.page_size) - len(found)
        if self.running and self.pool.num_available < needed:
            self.pool.free(found)
            return False
        self.waiting.popleft()
        self.running.append(sequence)
        sequence.pages = found
        sequence.num_computed = len(found) * self.pool.page_size
        sequence.num_registered_pages = len(found)
        if not sequence.was_admitted:  # finding its own pages again after it was put back is no hit
            sequence.cache_hit_tokens = sequence.num_computed
            sequence.was_admitted = True
        return True

    def _free(self, sequence: Sequence) -> None:
        self.pool.free(sequence.pages)
        sequence.pages = []
        sequence.num_computed = 0
        sequence.num_registered_pages = 0
