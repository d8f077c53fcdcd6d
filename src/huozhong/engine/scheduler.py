"""Continuous batching: which tokens of which requests are computed in the next step.

`schedule()` serves in this order:

1. Everyone who is decoding gets its one token; where guessing pays, some guessed ones after it.
2. Waiting requests are admitted while pages last: preempted ones first, then users in turn.
3. What is left of the step's token budget goes to prompts.  Each user's shortest come before anyone's second,
   shorter ones first, so that a short prompt behind a long one does not wait for it; the oldest has a quarter of
   the budget for certain, so that a long one gets on too.

A prompt page that another request is computing right now is not computed again: the request waits for it and
takes it over.  It waits only for older running ones, which get on in every step, so it never waits for ever.

When a running request needs a page and none is left, the newest running request is preempted: its pages are
swapped out to host memory and in again with it.  When there is no room for copies its cache is computed again, the
prompt as a prompt (un-absorbed) and the generated tokens as generated ones (absorbed).  Either way not a bit of
its answer changes.  The pool holds at least one full context, so the oldest request always gets on.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from huozhong.engine.cache.pages import PageMemory, PagePool, SwapSpace, page_digests
from huozhong.engine.cache.prefixes import PrefixStore
from huozhong.engine.queueing import Queueing
from huozhong.engine.sequence import Sequence
from huozhong.engine.waiting import WaitingRoom

OLDEST_SHARE = 4  # the oldest prompt has at least the budget divided by this
_LOADED_PER_STEP = 16  # pages copied from the disk's thread per request and step
_UNSAVED = 4096  # pages that wait to be copied for the disk; older ones are let go

PlanDrafts = Callable[[list[Sequence], int], dict[Sequence, list[int]]]


@dataclass(frozen=True, slots=True)
class Slice:
    """Compute `count` tokens of a request from `start` on: all of the prompt (prefill) or none of it.

    reaches_end: these are its last known tokens, so the logits after them choose its next one.
    drafts: guessed tokens, the last of the `count`.
    """

    sequence: Sequence
    start: int
    count: int
    prefill: bool
    reaches_end: bool
    drafts: tuple[int, ...] = ()


@dataclass(slots=True)
class SchedulerStats:
    """preemptions = swapped_out + computed again; prefix tokens by where they were found."""

    preemptions: int = 0
    swapped_out: int = 0
    prompt_tokens: int = 0
    memory_hit_tokens: int = 0
    disk_hit_tokens: int = 0


class Scheduler:
    """Queues of waiting and running requests, and the pages they hold.  Used by the step thread alone.

    memory: where pages' contents can be read and written; without it nothing is swapped or stored.
    swap_bytes: room for copies of the pages of preempted requests.
    plan_drafts: guesses for the decoding requests (`Speculator.plan`).
    """

    def __init__(
        self,
        pool: PagePool,
        *,
        token_budget: int = 256,
        max_running: int = 32,
        memory: PageMemory | None = None,
        swap_bytes: int = 0,
        store: PrefixStore | None = None,
        plan_drafts: PlanDrafts | None = None,
    ) -> None:
        assert token_budget >= max_running > 0, "every running request must get its token in every step"
        assert memory is not None or (store is None and swap_bytes == 0)
        self.pool = pool
        self.token_budget = token_budget
        self.busy_budget = token_budget  # of prompts, while others wait for their next token; see Engine
        self.max_running = max_running
        self.waiting = WaitingRoom()
        self.queueing = Queueing()
        self.running: list[Sequence] = []  # oldest first
        self.stats = SchedulerStats()
        self.swap = None if memory is None or swap_bytes == 0 else SwapSpace(memory, swap_bytes)
        self._memory, self.store = memory, store
        self._plan_drafts = plan_drafts
        self._orders = itertools.count(1)
        self._unsaved: OrderedDict[bytes, None] = OrderedDict()  # prompt pages the disk may not have
        if store is not None:
            pool.on_forget = self._save_forgotten

    @property
    def has_work(self) -> bool:
        return bool(self.running or self.waiting)

    def add(self, sequence: Sequence) -> None:
        """Queue a new request."""
        self.waiting.add(sequence)

    def schedule(self) -> list[Slice]:
        """The next step's work; empty only while all requests wait for the disk (or there are none)."""
        slices: dict[Sequence, Slice] = {}
        budget = self.token_budget
        decoding = [s for s in self.running if s.num_pending == 1 and not s.in_prefill]
        for sequence in decoding:
            if sequence.is_running:
                budget -= self._take(sequence, 1, slices)
        if self.waiting:
            self._admit_all()
            self.queueing.tell(self.waiting, len(self.running))
        if len(self.running) > len(slices):
            if slices:
                budget = min(budget, self.busy_budget)
            for sequence, grant in self._shares(budget, slices):
                if sequence.is_running:
                    budget -= self._take(sequence, min(grant, budget), slices)
        elif self._plan_drafts is not None and slices:
            self._add_drafts(slices, budget)
        assert slices or not self.has_work or any(s.load for s in self.running)
        return list(slices.values())

    def advance(self, done: Slice) -> None:
        """Record that a slice has been computed, and offer the prompt pages it filled to later requests.

        Drafts do not count yet: `accept` says how many were right.
        """
        sequence = done.sequence
        sequence.num_computed += done.count - len(done.drafts)
        if done.prefill:
            self._register(sequence)

    def accept(self, sequence: Sequence, count: int) -> None:
        """So many drafts of the step were right.  The others' rows in the cache are void: later ones overwrite them.

        Pages that only wrong drafts needed are given back.
        """
        sequence.num_computed += count
        needed = -(-sequence.num_tokens // self.pool.page_size)
        if len(sequence.pages) > needed:
            self.pool.free(sequence.pages[needed:])
            sequence.set_pages(sequence.pages[:needed])

    def remove(self, sequence: Sequence) -> None:
        """Forget a request (finished, aborted or failed) and free its pages; an unknown one has none."""
        if sequence.is_running:
            self.running.remove(sequence)
            sequence.is_running = False
            self.queueing.ended(sequence)
        else:
            self.waiting.remove(sequence)
        if sequence.swapped is not None and self.swap is not None:
            self.swap.forget(sequence.swapped)
            sequence.swapped = None
        if self.store is not None:
            self._mark_unsaved(sequence)
        self._free(sequence)

    def save_pages(self, limit: int) -> bool:
        """Copy up to `limit` pages of finished prompts for the disk; True if that did something."""
        store, memory = self.store, self._memory
        if store is None or memory is None:
            return False
        copied = False
        while limit > 0 and self._unsaved and store.has_room:
            digest, _ = self._unsaved.popitem(last=False)
            page = self.pool.page_of(digest)
            if page is not None and not store.has(digest):
                store.save(digest, memory.read_page(page))
                limit -= 1
                copied = True
        return copied

    @property
    def has_unsaved(self) -> bool:
        return bool(self._unsaved)

    # -- a step's tokens -------------------------------------------------------------------------

    def _take(self, sequence: Sequence, budget: int, slices: dict[Sequence, Slice]) -> int:
        """Plan a running request's next tokens, at most `budget`; returns how many."""
        prefill = sequence.num_computed < sequence.prompt_len
        known = sequence.num_tokens
        count = min(budget, (sequence.prompt_len if prefill else known) - sequence.num_computed)
        stop = sequence.num_computed + count
        if count <= 0 or not self._reserve(sequence, stop, slices):
            return 0
        slices[sequence] = Slice(sequence, sequence.num_computed, count, prefill, stop == known)
        return count

    def _shares(self, budget: int, planned: dict[Sequence, Slice]) -> list[tuple[Sequence, int]]:
        """Who computes how much of a prompt (or of an answer, again); shortest first, see the module's text."""
        ready: list[Sequence] = []
        coming: set[bytes] = set()  # pages that older ones are computing
        size = self.pool.page_size
        for sequence in self.running:
            if sequence in planned:
                continue
            index = self._take_over(sequence)
            waits = sequence.load is not None
            if sequence.num_computed == index * size and index < self._usable(sequence):
                waits = waits or sequence.digests[index] in coming
            if not waits:
                ready.append(sequence)
            if sequence.in_prefill:
                coming.update(sequence.digests[index:])
        if not ready:
            return []
        oldest = ready[0]
        left = budget - self._computable(oldest, max(1, budget // OLDEST_SHARE))
        turns: dict[str | None, int] = {}
        keyed: list[tuple[int, int, int, Sequence]] = []
        for sequence in sorted(ready, key=self._computable):
            turn = turns[sequence.user] = turns.get(sequence.user, 0) + 1
            keyed.append((turn, self._computable(sequence), sequence.order, sequence))
        grants: dict[Sequence, int] = {oldest: budget - left}
        for _, computable, _, sequence in sorted(keyed, key=lambda k: k[:3]):
            more = min(computable - grants.get(sequence, 0), left)
            left -= more
            grants[sequence] = grants.get(sequence, 0) + more
        return list(grants.items())

    @staticmethod
    def _computable(sequence: Sequence, at_most: int | None = None) -> int:
        """Tokens that can be computed in one slice: the rest of the prompt, or of the answer."""
        end = sequence.prompt_len if sequence.in_prefill else sequence.num_tokens
        rest = end - sequence.num_computed
        return rest if at_most is None else min(rest, at_most)

    def _add_drafts(self, slices: dict[Sequence, Slice], budget: int) -> None:
        assert self._plan_drafts is not None
        for sequence, drafts in self._plan_drafts(list(slices), budget).items():
            start = sequence.num_computed
            # Guesses take only pages that nobody holds.
            size = self.pool.page_size
            room = (len(sequence.pages) + self.pool.num_available) * size - start - 1
            guessed = tuple(drafts[: max(room, 0)])
            if guessed and self._reserve(sequence, start + 1 + len(guessed), slices):
                slices[sequence] = Slice(sequence, start, 1 + len(guessed), False, True, guessed)

    # -- pages -----------------------------------------------------------------------------------

    def _reserve(self, sequence: Sequence, num_tokens: int, slices: dict[Sequence, Slice]) -> bool:
        """Give the request pages for `num_tokens`, preempting newer ones; False if it was preempted itself."""
        missing = -(-num_tokens // self.pool.page_size) - len(sequence.pages)
        while self.pool.num_available < missing:
            newest = self.running[-1]
            self._preempt(newest)
            slices.pop(newest, None)
            if newest is sequence:
                return False
        if missing > 0:
            sequence.pages += [self.pool.allocate() for _ in range(missing)]
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self.stats.preemptions += 1
        self.running.remove(sequence)
        sequence.is_running = False
        sequence.was_preempted = True
        if self.swap is not None:
            filled = -(-sequence.num_computed // self.pool.page_size)
            sequence.swapped = self.swap.swap_out(sequence.pages[:filled], sequence.num_computed)
            self.stats.swapped_out += sequence.swapped is not None
        self._free(sequence)
        self.waiting.requeue(sequence)

    def _admit_all(self) -> None:
        """Start waiting requests while there is room for all their known tokens and one more each."""
        size = self.pool.page_size
        promised = sum(max(0, -(-(s.num_tokens + 1) // size) - len(s.pages)) for s in self.running if s.in_prefill)
        while self.waiting and len(self.running) < self.max_running:
            sequence = self.waiting.first()
            if not sequence.digests:
                sequence.digests = page_digests(sequence.prompt, size)
            found = self.pool.find(sequence.digests[: self._usable(sequence)])
            needed = -(-(sequence.num_tokens + 1) // size) - len(found)
            # A preempted one needs room to stay, or it would come and go.
            spare = int(sequence.was_preempted)
            if self.running and self.pool.num_available - promised < needed + spare:
                self.pool.free(found)
                return
            self.waiting.pop()
            self._start(sequence, found)
            promised += max(0, -(-(sequence.num_tokens + 1) // size) - len(sequence.pages))

    def _start(self, sequence: Sequence, found: list[int]) -> None:
        sequence.is_running = True
        self.queueing.begun(sequence)
        sequence.order = sequence.order or next(self._orders)
        insort(self.running, sequence, key=lambda s: s.order)
        sequence.num_computed = len(found) * self.pool.page_size
        sequence.num_registered_pages = len(found)
        if not sequence.was_preempted:  # finding its own pages again is no hit
            sequence.cache_hit_tokens = sequence.num_computed
            self.stats.prompt_tokens += sequence.prompt_len
            self.stats.memory_hit_tokens += sequence.num_computed
        swapped, sequence.swapped = sequence.swapped, None
        if swapped is None or self.swap is None:
            sequence.set_pages(found)
        elif swapped.num_computed > sequence.num_computed:
            fresh = [self.pool.allocate() for _ in swapped.pages[len(found) :]]
            self.swap.swap_in(swapped, fresh, len(found))
            sequence.set_pages(found + fresh)
            sequence.num_computed = swapped.num_computed
            self._register(sequence)
        else:
            self.swap.forget(swapped)
            sequence.set_pages(found)

    def _free(self, sequence: Sequence) -> None:
        if sequence.load is not None:
            sequence.load.cancelled = True
            sequence.load = None
        self.pool.free(sequence.pages)
        sequence.set_pages([])
        sequence.num_computed = 0
        sequence.num_registered_pages = 0

    # -- prompt pages of others and from the disk ------------------------------------------------

    def _usable(self, sequence: Sequence) -> int:
        """How many of its prompt's pages may come from elsewhere.

        At least the prompt's last token is computed: its logits choose the first token of the answer.  A
        text that is scored or embedded needs all of them.
        """
        return 0 if sequence.reads_whole_prompt else (sequence.prompt_len - 1) // self.pool.page_size

    def _register(self, sequence: Sequence) -> None:
        full = min(sequence.num_computed, sequence.prompt_len) // self.pool.page_size
        for index in range(sequence.num_registered_pages, full):
            self.pool.register(sequence.pages[index], sequence.digests[index])
        sequence.num_registered_pages = max(full, sequence.num_registered_pages)

    def _take_over(self, sequence: Sequence) -> int:
        """Take the next prompt pages from where they are ready; returns the first page that is still open."""
        size = self.pool.page_size
        index = sequence.num_computed // size
        usable = self._usable(sequence)
        loaded = 0
        while index < usable and sequence.num_computed == index * size and len(sequence.pages) == index:
            found = self.pool.find(sequence.digests[index : index + 1])
            if found:
                sequence.pages += found
                self._count_hit(sequence, index, on_disk=False)
            elif loaded < _LOADED_PER_STEP and self._take_loaded(sequence, index):
                self._count_hit(sequence, index, on_disk=True)
                loaded += 1
            else:
                break
            index += 1
        if sequence.load is not None and index >= usable:
            sequence.load.cancelled = True
            sequence.load = None
        return index

    def _count_hit(self, sequence: Sequence, index: int, *, on_disk: bool) -> None:
        size = self.pool.page_size
        sequence.num_computed = (index + 1) * size
        sequence.num_registered_pages = index + 1
        if sequence.was_preempted:
            return
        sequence.cache_hit_tokens += size
        if on_disk:
            self.stats.disk_hit_tokens += size
        else:
            self.stats.memory_hit_tokens += size

    def _take_loaded(self, sequence: Sequence, index: int) -> bool:
        """Copy a page that has come from the disk, or ask for those that are there; False: not (yet) there."""
        if self.store is None or self._memory is None:
            return False
        if sequence.load is None:
            if sequence.looked_on_disk:
                return False
            sequence.looked_on_disk = True
            sequence.load = self.store.load(sequence.digests[index : self._usable(sequence)])
            return False
        load = sequence.load
        if self.pool.num_available == 0 or load.is_late:  # nobody is preempted for a page that can be computed
            load.cancelled = True
            sequence.load = None
            return False
        while load.arrived:
            digest, data = load.arrived.popleft()
            if digest != sequence.digests[index]:
                continue  # an older page, which came from another request meanwhile
            page = self.pool.allocate()
            self._memory.write_page(page, data)
            sequence.pages.append(page)
            self.pool.register(page, digest)
            return True
        if load.ended and not load.arrived:
            sequence.load = None
        return False

    def _mark_unsaved(self, sequence: Sequence) -> None:
        count = sequence.num_registered_pages
        for digest in sequence.digests[:count]:
            self._unsaved[digest] = None
            if len(self._unsaved) > _UNSAVED:
                self._unsaved.popitem(last=False)

    def _save_forgotten(self, page: int, digest: bytes) -> None:
        """The last moment to keep a page that the disk may not have."""
        assert self.store is not None
        assert self._memory is not None
        if digest in self._unsaved:
            del self._unsaved[digest]
            if self.store.has_room and not self.store.has(digest):
                self.store.save(digest, self._memory.read_page(page))
