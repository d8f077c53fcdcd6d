"""A limit to how long is thought: where it is reached, the mark that ends a thought is the only token that may come.

Up to there nothing is changed, so a greedy thought under a limit is the beginning of the one without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.output import OutputText
from huozhong.text.tokenizer import END_THINK, Tokenizer


class ThoughtLimit:
    """One answer's.  limit: tokens of the thought, the mark that ends it among them; a thought has at least that."""

    def __init__(self, limit: int, tokenizer: Tokenizer, vocab_size: int) -> None:
        marked = tokenizer.has(END_THINK)
        self._end = [tokenizer.token_id(END_THINK)] if marked else tokenizer.encode(END_THINK)
        self._limit, self._vocab_size = limit, vocab_size
        self._written = 0  # of the mark

    def mask(self, output: OutputText) -> NDArray[np.bool_] | None:
        """bool [V]: the one token that may come next; None where the thought may go on, or has ended."""
        if not output.is_thinking or self._left(output) > 0:
            return None
        mask_V = np.zeros(self._vocab_size, np.bool_)
        mask_V[self._end[min(self._written, len(self._end) - 1)]] = True
        self._written += 1
        return mask_V

    def cut(self, forced: list[int], output: OutputText) -> list[int]:
        """What code writes into the thought, as far as there is room; its end and what follows are kept."""
        if not output.is_thinking:
            return forced
        ends = forced.index(self._end[0]) if self._end[0] in forced else len(forced)
        return forced[: min(ends, max(self._left(output), 0))] + forced[ends:]

    def _left(self, output: OutputText) -> int:
        return self._limit - len(self._end) - output.reasoning_tokens
