"""Whole sentences: which cost the least on either side of whoever is meant.

frames.txt lists the words and the sentences they make: orders to call; what looks like one and is none
(给儿子做饭, 儿子给我打电话了); orders that do not say whom; what is an order only of two people (给大儿子还是小儿子).
Every sentence is laid over all that was heard, from its first syllable to its last, so a name is never found inside
other words: in 给二舅打个电话 the syllable 个 is the sentence's, not 哥哥's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.callhome.align import Costs, Words, after, joined, repeated, spans, until
from huozhong.apps.callhome.sounds import plain, token

STRAY, STRAYING = 0.14, 0.40  # a syllable that no sentence has, and that there are such at all
# and more where the ear errs: 给我奶闹去爷电话 is 奶奶 misheard, not somebody else behind two idle syllables
MISHEARD_STRAY, MISHEARD_STRAYING = 0.14, 0.36
# what turns a sentence round must be heard plainly, and so must "my": in 疙妈 it may be half of 姑妈
PLAINLY = {
    "BADLEAD": 0.25, "BADTAIL": 0.6, "NOTCALL": 0.6, "BACK": 0.6, "SAY": 0.6, "FORHIM": 0.6, "AND": 0.6, "OR": 0.6,
    "PURPOSE": 0.6, "TELL": 0.6, "TOHIM": 0.6, "POSS": 0.3,
}  # fmt: skip
SOMEBODY, ANY_PURPOSE, MESSAGE = 0.10, 0.02, 0.30  # whoever; a syllable of what the call is for; what is to be told
# a part that need not be said and was not heard plainly, where the ear errs: it takes half a name for itself
MISHEARD_OPTIONAL = 0.3
# who calls for whom must be heard plainly: in 帮镁打电话拨屋里厢 the 镁 is 我, and not a sister that is to call
SOMEBODYS = 0.3
SKIPPED = {"PHONE": 1.3, "DIAL": 1.1}  # a part of a sentence that was not heard at all
ELSE_SKIPPED = 0.8
_STRICT = (
    "PLEASE? POSS? @",
    "PLEASE? POSS? @ DE? PHONE",
    "PLEASE? HELP? FIND POSS? @ TALK?",
    "PLEASE? HELP? WITH POSS? @ HIT",
)
_TIGHT = "PLEASE? WITH POSS? @ TALK"  # 跟女儿说一声我要回来 is a message
# an order that leaves out whom, for he was spoken of before: 外孙放学没有，打去问下
_OF_WHOM = ("PLEASE? HELP? DIAL A? PHONE GO?", "PLEASE? HELP? DIAL GO", "PLEASE? HELP? MAKE", "PLEASE? HELP? DIAL A")
BARES_SHARE = 2.0
BARE = 0.25  # a name, or "find" and a name, and nothing else


@dataclass(frozen=True)
class Frame:
    """before, behind: names of lists of words, each with whether it may be missing.  order: it asks for a call.

    strict: nothing else may stand around it, or (tight) behind it.  first: nothing may stand before it."""

    before: tuple[tuple[str, bool], ...]
    behind: tuple[tuple[str, bool], ...]
    order: bool
    strict: bool
    first: bool
    tight: bool = False


@cache
def grammar() -> tuple[dict[str, tuple[str, ...]], tuple[Frame, ...], tuple[Frame, ...], tuple[Frame, ...]]:
    """Lists of words by name, sentences about somebody, orders to call without saying whom, and orders of two."""
    text = Path(__file__).with_name("frames.txt").read_text(encoding="utf-8")
    lists, orders, others, nobody, two = text.strip().split("\n---\n")
    words = {}
    for line in lists.splitlines():
        if line and line[0] != "#":
            name, _, rest = line.partition(" = ")
            words[name] = tuple(dict.fromkeys(plain(word) for word in rest.split()))
    frames = []
    for order, lines in ((True, orders), (False, others)):
        for line in lines.split("\n"):
            if line:
                before, _, behind = line.partition("@")
                strict = order and line in _STRICT
                frames.append(
                    Frame(
                        _parts(before.lstrip("^")),
                        _parts(behind),
                        order,
                        strict,
                        line[0] == "^",
                        strict or line == _TIGHT,
                    )
                )
    without = tuple(Frame(_parts(one), (), True, False, False) for one in nobody.split("\n"))
    of_two = tuple(Frame(_parts(one.removesuffix("@")), (), True, True, False, True) for one in two.split("\n"))
    return words, tuple(frames), without, of_two


def _parts(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple((part.rstrip("?"), part.endswith("?")) for part in text.split())


@cache
def _frame_words(point: int | None) -> tuple[tuple[str, ...], Words]:
    words = grammar()[0]
    names = tuple(words)
    all_words = tuple(tuple(token(c, point) for c in word) for name in names for word in words[name])
    groups = [i for i, name in enumerate(names) for _ in words[name]]
    return names, Words(all_words, [0.0] * len(groups), groups)


class Around:
    """What stands before and behind whoever is meant, for one utterance.

    Of each span the cheapest sentence around it: that asks for a call; that is a name alone; that is no order, and
    orders that are taken back, denied, asked about or reported.  misheard: as by an ear that errs (`sounds.MISHEARD`).
    """

    def __init__(self, heard: str, point: int | None, misheard: bool = False) -> None:
        names, words = _frame_words(point)
        costs = spans(heard, words, misheard)
        self._steps = dict(zip(names, costs, strict=True))
        self._n = n = len(heard)
        self._prepare(misheard)
        begin, end = np.full(n + 1, np.inf, np.float32), np.full(n + 1, np.inf, np.float32)
        begin[0] = end[n] = 0.0
        anything = np.full((n + 1, n + 1), np.inf, np.float32)
        for i in range(n + 1):
            anything[i, i:] = ANY_PURPOSE * np.arange(n + 1 - i)
        loose_begin, loose_end = after(begin, self._loose), until(end, self._loose)
        loose_end = np.minimum(loose_end, until(until(until(end, anything), self._steps["PURPOSE"]), self._lead))
        bad_begin = after(after(loose_begin, self._steps["BADLEAD"]), self._loose)
        bad_end = until(until(loose_end, self._steps["BADTAIL"]), self._loose)
        _, frames, nobody, two = grammar()
        alone, end_alone = after(begin, self._lead), until(end, self._tail)
        self._edges = {"": begin, "alone": alone, "loose": loose_begin, "bad": bad_begin}
        self._ends = {"": end_alone, "loose": loose_end, "bad": bad_end}
        self._read: dict[tuple[str, tuple[tuple[str, bool], ...]], Costs] = {}
        self._two = self._around([(self._before("alone", frame), self._behind("", frame)) for frame in two])
        orders: list[tuple[Costs, Costs]] = []
        bare: list[tuple[Costs, Costs]] = []
        others: list[tuple[Costs, Costs]] = []
        between: list[tuple[Costs, Costs]] = []  # two others
        for frame in frames:
            first = "alone" if frame.strict else "" if frame.first else "loose"
            pair = self._before(first, frame), self._behind("" if frame.tight else "loose", frame)
            of_others = between if ("SOMEBODY", False) in frame.behind else others
            (bare if frame.strict else orders if frame.order else of_others).append(pair)
            if frame.order:
                others.append((self._before("bad", frame), pair[1]))
                if not frame.strict:
                    others.append((pair[0], self._behind("bad", frame)))
        self.nobody = min(float((self._before("alone", one) + end_alone).min()) for one in nobody)
        asked = np.minimum(end_alone, until(until(until(end, anything), self._steps["PURPOSE"]), self._lead))
        self.of_whom = min(
            float((self._before("alone", Frame(_parts(one), (), True, False, False)) + asked).min()) for one in _OF_WHOM
        )
        self.topic = np.minimum(alone, after(alone, self._steps["POSS"]))
        self._orders, self._bare, self._others = self._around(orders), self._around(bare), self._around(others)
        self._between = self._around(between)

    def _prepare(self, misheard: bool) -> None:
        """What it costs that a span is a part of a sentence, or idle words around one."""
        n = self._n
        stray = np.full((n + 1, n + 1), np.inf, np.float32)
        for i in range(n):
            for j in range(i + 1, n + 1):
                stray[i, j] = STRAYING + STRAY * (j - i)
        self.stray = stray
        for name, more in PLAINLY.items():
            self._steps[name] = np.where(self._steps[name] > 0.01, self._steps[name] + more, 0.0).astype(np.float32)
        # whoever he is
        named = np.full((n + 1, n + 1), np.inf, np.float32)
        content = np.full((n + 1, n + 1), np.inf, np.float32)
        for i in range(n):
            named[i, i + 1 : i + 7] = SOMEBODY
            content[i, i + 3 :] = MESSAGE
        self._steps["SOMEBODY"], self._steps["CONTENT"] = named, content
        self._steps["POSS"] = np.minimum(self._steps["POSS"], joined(self._steps["POSS"], self._steps["POSS"]))
        self._maybe, idle = self._steps, stray
        if misheard:
            idle = stray + MISHEARD_STRAYING + MISHEARD_STRAY / STRAY * (stray - STRAYING)
            self._maybe = {
                name: step if name in PLAINLY else np.where(step > 0.01, step + MISHEARD_OPTIONAL, step)
                for name, step in self._steps.items()
            }
        please, tail = self._maybe["PLEASE"], self._maybe["TAIL"]
        self._lead, self._tail = repeated(please), repeated(tail)
        self._loose = repeated(np.minimum(np.minimum(please, tail), idle))

    def and_(self) -> Costs:
        """[n + 1, n + 1]: what it costs that a span says "and" or "or", and "my" behind it."""
        either = np.minimum(self._steps["AND"], self._steps["OR"])
        return np.asarray(np.minimum(either, joined(either, self._steps["POSS"])), np.float32)

    def _before(self, edge: str, frame: Frame) -> Costs:
        """What stands before whoever is meant; many sentences begin alike, and are read once so far."""
        at = self._edges[edge]
        for count, (name, optional) in enumerate(frame.before, 1):
            key = f"<{edge}", frame.before[:count]
            if key not in self._read:
                step = (self._maybe if optional else self._steps)[name]
                self._read[key] = np.minimum(after(at, step), at + _skip(name, optional))
            at = self._read[key]
        return at

    def _behind(self, edge: str, frame: Frame) -> Costs:
        at = self._ends[edge]
        for count in range(len(frame.behind) - 1, -1, -1):
            key = f">{edge}", frame.behind[count:]
            if key not in self._read:
                name, optional = frame.behind[count]
                step = (self._maybe if optional else self._steps)[name]
                self._read[key] = np.minimum(until(at, step), at + _skip(name, optional))
            at = self._read[key]
        return at

    def cheapest(self, slots: Costs, order: bool) -> Costs:
        """[slots]: what the cheapest sentence around each slot's cheapest span costs, the span's own cost included.

        slots: [slots, n + 1, n + 1]."""
        if order:
            return self.orders_of(slots)[0]
        plainly = slots + np.where(slots > 0.01, SOMEBODYS, 0.0)
        return np.asarray(np.minimum(slots + self._others, plainly + self._between).min(axis=(1, 2)))

    def orders_of(self, slots: Costs) -> tuple[Costs, NDArray[np.bool_]]:
        """[slots]: the cheapest order's cost around each, and whether that is the name alone.

        A name alone must be heard the more plainly."""
        found = (slots + self._orders).min(axis=(1, 2))
        bare = BARE + BARES_SHARE * (slots + self._bare).min(axis=(1, 2))
        return np.asarray(np.minimum(found, bare)), np.asarray(bare < found)

    def orders_of_two(self, slots: Costs) -> Costs:
        """[slots]: the cheapest order's cost around each, where each is two people: 给大儿子还是小儿子 is one, too."""
        plainly = BARE + BARES_SHARE * (slots + self._two).min(axis=(1, 2))
        return np.asarray(np.minimum(self.orders_of(slots)[0], plainly))

    def _around(self, sentences: list[tuple[Costs, Costs]]) -> Costs:
        best = np.full((self._n + 1, self._n + 1), np.inf, np.float32)
        for before, behind in sentences:
            np.minimum(best, before[:, None] + behind[None, :], out=best)
        return best


def _skip(name: str, optional: bool) -> float:
    return 0.0 if optional else SKIPPED.get(name, ELSE_SKIPPED)
