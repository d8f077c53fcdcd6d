"""One request as it is scheduled: which of its tokens are known and computed, and which pages hold them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from huozhong.engine.cache.pages import SwappedOut
from huozhong.engine.cache.prefixes import Load
from huozhong.engine.requests import Delta
from huozhong.engine.speculation.guessing import Guessing
from huozhong.engine.tasks import EmbedTask, ScoreTask, Task


@dataclass(eq=False)
class Sequence:
    """One request's state, owned by the step thread.

    Its tokens are the prompt and what was generated after it; `num_computed` of them are in the latent cache, in
    `pages`.  task: what is done with what is computed.  max_new_tokens: 0 where no answer is wanted.
    """

    request_id: int
    prompt: np.ndarray  # int32 [prompt_len]
    max_new_tokens: int
    task: Task
    on_delta: Callable[[Delta], None]
    user: str | None = None  # whose request it is: users take turns
    watched: bool = False  # its deltas say how far it is
    generated: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    num_computed: int = 0
    digests: list[bytes] = field(default_factory=list)  # of the prompt's whole pages, made on admission
    num_registered_pages: int = 0  # pages of the prompt already offered to other requests
    cache_hit_tokens: int = 0
    order: int = 0  # requests are older or newer than others by this number, given on first admission
    is_running: bool = False
    is_finished: bool = False
    was_preempted: bool = False
    swapped: SwappedOut | None = None  # its pages, while it waits after being preempted
    load: Load | None = None  # prompt pages on their way from the disk
    looked_on_disk: bool = False
    guessing: Guessing = field(default_factory=Guessing)
    submitted_at: float = field(default_factory=time.perf_counter)
    begun_at: float | None = None  # when it was first admitted
    first_token_at: float | None = None
    place: int = 1  # among those that wait, 0 while it runs; see engine.queueing
    seconds: float = 0.0  # share of the machine's time
    joules: float = 0.0

    def __post_init__(self) -> None:
        self._table = np.zeros(0, np.int32)

    @property
    def prompt_len(self) -> int:
        return len(self.prompt)

    @property
    def num_tokens(self) -> int:
        return len(self.prompt) + len(self.generated)

    @property
    def reads_whole_prompt(self) -> bool:
        """Whether something is wanted of every token of the prompt, so that none may come from a cache."""
        return isinstance(self.task, ScoreTask | EmbedTask)

    @property
    def in_prefill(self) -> bool:
        """Whether the next tokens to compute belong to the prompt."""
        return self.num_computed < len(self.prompt)

    @property
    def num_pending(self) -> int:
        """Known tokens not yet in the cache: 1 while decoding, more in prefill or after preemption."""
        return self.num_tokens - self.num_computed

    @property
    def table(self) -> np.ndarray:
        """`pages` as int32, for the runner."""
        if len(self._table) != len(self.pages):
            self._table = np.array(self.pages, np.int32)
        return self._table

    def set_pages(self, pages: list[int]) -> None:
        """Hold other pages than before (`pages` itself may only be appended to)."""
        self.pages = pages
        self._table = np.array(pages, np.int32)

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """int32 [stop - start]; a range lies wholly in the prompt or wholly in the answer."""
        if start < len(self.prompt):
            assert stop <= len(self.prompt)
            return self.prompt[start:stop]
        offset = len(self.prompt)
        return np.array(self.generated[start - offset : stop - offset], dtype=np.int32)
