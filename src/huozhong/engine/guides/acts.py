"""Holding a small model's answer to its dialogue acts (`huozhong.acts`): what it may write, what code writes for it.

`ActsConstraint` has the face of `Constraint`, and one thing more: after a token that makes clear what follows,
`take_forced` gives that as tokens.  They join the answer without being sampled, and their places in the cache are
computed together, in one piece; behind the last piece, when the answer is complete, nothing is computed at all.

Forced text is encoded by itself.  It begins where the tokenizer cuts in any case: behind a letter, a label's full
stop, the end of a line or a control token, so the model reads what it would have read in its training.
"""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.acts.labels import LABELS, POEM_FORMS
from huozhong.acts.plan_line import CHARACTERS, PlanLine
from huozhong.acts.reading import read, shown
from huozhong.acts.turn import PROBLEM, Forced, Planning, Turn
from huozhong.acts.useless import without_useless
from huozhong.engine.guides.guide import Acts
from huozhong.text.tokenizer import Tokenizer

__all__ = ["ActsConstraint", "ActsVocabulary", "numbers_line", "shorter", "shown"]

Mask = NDArray[np.bool_]

_KEPT_PLANS = 512  # masks of a plan's states; each is a vocabulary long


Messages = Sequence[Mapping[str, Any]]


def shorter(messages: Messages) -> tuple[Mapping[str, Any], ...] | None:
    """A conversation whose last message is a problem, without the clauses of it that look useless; None for others."""
    question = str(messages[-1].get("content") or "") if messages else ""
    problem = without_useless(question)
    if problem is None or read(question).claimed is not None:
        return None
    turn = Turn(messages)
    if turn.is_sure or turn.is_exact or not turn.possible(PROBLEM):
        return None
    return (*messages[:-1], {**messages[-1], "content": problem})


def numbers_line(messages: Messages) -> str:
    """The line that the reasoning about the last message, a problem, begins with; a plan follows."""
    said = Turn(messages).next(PROBLEM[:-1])
    return PROBLEM[:-1] + said.reasoning if isinstance(said, Forced) else ""


class ActsVocabulary:
    """What acts need to know of a model's tokens; made once.  Thread-safe: what is kept can be made again."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos_ids: frozenset[int], end_think_id: int) -> None:
        self.tokenizer, self.vocab_size, self.end_think_id = tokenizer, vocab_size, end_think_id
        self.eos_id = tokenizer.eos_id if tokenizer.eos_id in eos_ids else min(eos_ids)
        controls = [i for i in range(vocab_size) if tokenizer.is_control(i)]
        self.reasoning_V = np.ones(vocab_size, np.bool_)  # anything but marks; it may end
        self.reasoning_V[controls] = False
        self.reasoning_V[end_think_id] = True
        self.answer_V = self.reasoning_V.copy()  # the same, of the answer
        self.answer_V[end_think_id] = False
        self.answer_V[[i for i in eos_ids if i < vocab_size]] = True
        self._plan_masks: dict[PlanLine, Mask] = {}

    @cached_property
    def poems(self) -> list[int]:
        """The tokens that the reasoning of a poem may begin with: its form, 五言绝句."""
        forms = [f"{form}：".encode() for form in POEM_FORMS]
        return sorted({i for form in forms for end in range(1, len(form) + 1) for i in self.spelled(form[:end])})

    @cached_property
    def _by_bytes(self) -> list[tuple[bytes, int]]:
        ids = np.flatnonzero(self.reasoning_V & self.answer_V).tolist()
        return sorted((self.tokenizer.bytes_of(i), i) for i in ids if self.tokenizer.bytes_of(i))

    @cached_property
    def _of_plans(self) -> list[tuple[str, int]]:
        """The tokens that a plan can be made of."""
        texts = ((spelled.decode(errors="replace"), i) for spelled, i in self._by_bytes)
        return [(text, i) for text, i in texts if CHARACTERS.issuperset(text)]

    def beginning_with(self, start: bytes) -> list[tuple[bytes, int]]:
        """The tokens that begin with these bytes, and their bytes."""
        found, at = [], bisect_left(self._by_bytes, (start, -1))
        while at < len(self._by_bytes) and self._by_bytes[at][0].startswith(start):
            found.append(self._by_bytes[at])
            at += 1
        return found

    def spelled(self, text: bytes) -> list[int]:
        """The tokens of exactly these bytes."""
        at = bisect_left(self._by_bytes, (text, -1))
        return [i for spelled, i in self._by_bytes[at : at + 4] if spelled == text]

    def plan_mask(self, line: PlanLine) -> Mask:
        """Tokens that go on with a plan in this state.  Not to be changed."""
        mask_V = self._plan_masks.get(line)
        if mask_V is None:
            mask_V = np.zeros(self.vocab_size, np.bool_)
            mask_V[[i for text, i in self._of_plans if line.after(text) is not None]] = True
            if len(self._plan_masks) < _KEPT_PLANS:
                self._plan_masks[line] = mask_V
        return mask_V


class ActsConstraint:
    """One answer's state.  Used by the step thread alone, but for its making."""

    is_finished = False  # a complete answer is forced up to its end token

    def __init__(self, turn: Turn, words: ActsVocabulary) -> None:
        self._turn, self._words = turn, words
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._written = ""  # the reasoning so far
        self._bytes: bytes | None = b""  # the same while it is the first line of an act or may become one
        self._in_reasoning = True
        self._next = turn.next("")
        self._forced: list[int] = []
        self._mask_V: Mask | None = None
        self._possible = {label.encode(): turn.possible(label) for label in (*LABELS, PROBLEM)}

    @classmethod
    def of(cls, guide: Acts, words: ActsVocabulary) -> ActsConstraint:
        """A fresh answer's state."""
        return cls(Turn(guide.messages, guide.seed), words)

    @property
    def decides(self) -> bool:
        """Whether the next token belongs to a label or a plan."""
        return self._in_reasoning and (self._bytes is not None or isinstance(self._next, Planning))

    def mask(self) -> Mask:
        """bool [V]: the tokens that may come next; never all False."""
        if self._mask_V is None:
            self._mask_V = self._make_mask()
        return self._mask_V

    def advance(self, token: int) -> None:
        """Take a token that `mask` allows into the answer."""
        self._mask_V = None
        if not self._in_reasoning:
            return
        if token == self._words.end_think_id:
            self._in_reasoning = False
            return
        spelled = self._words.tokenizer.bytes_of(token)
        if self._bytes is not None:
            self._bytes += spelled
        self._written += self._decoder.decode(spelled)
        self._look()
        while isinstance(self._next, Forced):
            self._force(self._next)

    def take_forced(self) -> list[int]:
        """The tokens that follow for certain; they belong to the answer now."""
        forced, self._forced = self._forced, []
        return forced

    def validate(self, drafts: list[int]) -> int:
        """How many of these tokens, one after the other, are allowed from here on.  Changes nothing."""
        if isinstance(self._next, Planning) and self._in_reasoning:
            return self._validate_plan(self._next, drafts)
        if self._bytes is not None and self._in_reasoning:  # a label may be complete any moment
            return int(bool(drafts) and bool(self.mask()[drafts[0]]))
        in_reasoning = self._in_reasoning
        for index, token in enumerate(drafts):
            if not (self._words.reasoning_V if in_reasoning else self._words.answer_V)[token]:
                return index
            in_reasoning = in_reasoning and token != self._words.end_think_id
        return len(drafts)

    # -- inside ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask what follows what is written, unless nothing could."""
        if self._bytes is not None and not any(label.startswith(self._bytes) for label in self._possible):
            self._bytes = None
            if not isinstance(self._next, Planning):
                self._next = self._turn.next(self._written)
            return
        self._next = self._turn.next(self._written)

    def _force(self, said: Forced) -> None:
        self._bytes = None
        self._written += said.reasoning
        self._forced += self._words.tokenizer.encode(said.reasoning)
        if said.answer is None:
            self._next = self._turn.next(self._written)
            return
        self._in_reasoning = False
        self._next = self._turn.next("")  # nothing is asked any more
        answer = self._words.tokenizer.encode(said.answer)
        self._forced += [self._words.end_think_id, *answer, self._words.eos_id]

    def _make_mask(self) -> Mask:
        if not self._in_reasoning:
            return self._words.answer_V
        if isinstance(self._next, Planning):
            return self._plan_mask(self._next)
        return self._words.reasoning_V if self._bytes is None else self._opening_mask(self._bytes)

    def _plan_mask(self, planning: Planning) -> Mask:
        """A plan that failed before is not written again: its last token is another one."""
        mask_V = self._words.plan_mask(_state(planning))
        rests = [tried[len(planning.line) :] for tried in planning.tried if tried.startswith(planning.line)]
        if rests:
            mask_V = mask_V.copy()
            for rest in rests:
                mask_V[self._words.spelled(rest.encode() or b"\n")] = False
        return mask_V

    def _opening_mask(self, start: bytes) -> Mask:
        """Only what can be meant, and no token across the end of a label."""
        rests = {label[len(start) :]: can for label, can in self._possible.items() if label.startswith(start)}
        mask_V = self._words.reasoning_V.copy()
        if self._turn.is_sure or self._turn.is_exact or not start or any(rests.values()):
            mask_V[:] = False  # a label that was begun is ended
        if not start and self._turn.may_be_poem:
            mask_V[self._words.poems] = True
        # Not in the middle of a label.  Nothing to think about is said by models that were trained further.
        mask_V[self._words.end_think_id] = not start and not self._turn.is_sure
        allowed: set[int] = set()
        for rest, can in rests.items():
            across = [i for spelled, i in self._words.beginning_with(rest) if spelled != rest]
            inside = [i for end in range(1, len(rest) + 1) for i in self._words.spelled(rest[:end])]
            mask_V[across + inside] = False
            if can:
                allowed.update(inside)
        mask_V[list(allowed)] = True
        return mask_V

    def _validate_plan(self, planning: Planning, drafts: list[int]) -> int:
        state: PlanLine | None = _state(planning)
        text = planning.line
        for index, token in enumerate(drafts):
            spelled = self._words.tokenizer.bytes_of(token).decode(errors="replace")
            state = state.after(spelled) if state is not None and token != self._words.end_think_id else None
            text += spelled
            if state is None or text.removesuffix("\n") in planning.tried:
                return index
        return len(drafts)


def _state(planning: Planning) -> PlanLine:
    state = PlanLine(planning.letters, small=planning.small, sums=planning.sums).after(planning.line)
    assert state is not None
    return state
