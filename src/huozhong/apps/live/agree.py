"""LocalAgreement-2 (Liu et al. 2020, arXiv:2005.11185): what two translations in a row agree on stands for good.

The source grows while the seller speaks.  Each time it is translated anew; the words that the last two translations
have in common from the beginning are shown as certain and never change again, the rest is a guess.  What comes next
must begin with what stands, so it is asked for as a continuation.

A price that is just being said (三十九 … 块九) is none yet: the source is read only as far as its last fact is sure
to be over (`settled`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from huozhong.apps.live.facts import Fact
from huozhong.apps.live.grammar import locks
from huozhong.apps.live.slots import SLOT, Part, filled, parts
from huozhong.apps.live.translator import Translator, translated

AFTER = 6  # characters behind a fact that make sure that it is over
ENOUGH = 4  # new characters that are worth another translation
_CLAUSE = "，。！？；：,.!?;:\n"
_SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]+")


def sentences(text: str) -> tuple[list[str], str]:
    """Whole sentences, and the rest that has no end yet."""
    whole = [match[0] for match in _SENTENCE.finditer(text)]
    return [one.strip() for one in whole if one.strip(" \n。！？!?")], text[sum(map(len, whole)) :]


def settled(source: str, names: Mapping[str, Fact]) -> str:
    """As much of a growing source as can be read for good: no fact of it may still become another one."""
    end = len(source)
    for lock in reversed(locks(source, names)):
        behind = source[lock.end : end]
        if len(behind) >= AFTER or any(mark in behind for mark in _CLAUSE):
            break
        end = lock.start
    kept = source[:end]
    # a numeral or a word of an offer that stands at the end may be the beginning of a fact
    return re.sub(r"(?:[\d.零〇一二两三四五六七八九十百千万半第买满拍打立每¥$€]|[A-Za-z])+$", "", kept)


@dataclass
class Agreement:
    """One sentence in one language while it grows.

    stands: what viewers have for certain, facts filled in; guess: what may follow.  Neither `stands` nor the facts in
    it ever change; the sentence's end makes all of it certain.
    """

    language: str
    stands: str = ""
    guess: str = ""
    _done: list[Part] = field(default_factory=list)  # parts that are wholly said
    _before: str = ""  # of the part at hand, with slots: what is certain
    _last: str = ""  # its last translation, with slots
    _source: str = ""

    def grow(self, source: str, names: Mapping[str, Fact], translator: Translator, *, final: bool) -> bool:
        """The sentence as it is now.  Whether anything is new for viewers.  Raises what the translator raises."""
        told = (self.stands, self.guess)
        ready = source if final else settled(source, names)
        if not final and len(ready) < len(self._source) + ENOUGH and not ready.endswith(tuple(_CLAUSE)):
            return False
        if ready == self._source and not final:
            return False
        self._source = ready
        now = parts(ready, names)
        while len(now) > len(self._done) + (0 if final else 1):
            self._finish(now[len(self._done)], translator)
        if not final and len(now) == len(self._done) + 1:
            self._go_on(now[-1], translator)
        if final:
            self.guess = ""
        return told != (self.stands, self.guess)

    def _go_on(self, part: Part, translator: Translator) -> None:
        if not part.text.strip():
            return
        answer = translated(translator, part, self.language, self._before)
        common = agreed(self._last, answer)
        if len(common) > len(self._before) and common.startswith(self._before):
            self._show(part, common)
        self._last = answer
        rest = answer[len(self._before) :] if answer.startswith(self._before) else ""
        self.guess = filled(rest, part.facts, self.language).strip()

    def _finish(self, part: Part, translator: Translator) -> None:
        """A part that will not grow any more: its last translation stands, whatever was thought before."""
        answer = translated(translator, part, self.language, self._before) if part.text.strip() else ""
        self._show(part, answer)
        self._done.append(part)
        self._before = self._last = ""

    def _show(self, part: Part, answer: str) -> None:
        new = filled(answer[len(self._before) :], part.facts, self.language)
        shown = filled(answer, part.facts, self.language)
        before = filled(self._before, part.facts, self.language)
        new = shown[len(before) :] if shown.startswith(before) else new
        joint = "" if not self.stands or new[:1] in (" ", ",", ".") or self._before or self.language == "ja" else " "
        self.stands = (self.stands + joint + new).rstrip() if new.strip() else self.stands
        self._before = answer


def agreed(one: str, other: str) -> str:
    """The words that two texts begin with in common; the last one of a text may still be half a word."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    common = other[:length]
    whole = length in (len(one), len(other)) and len(one) == len(other)
    if whole:
        return common
    # back to the end of a word, and never into a slot
    cut = max(common.rfind(" "), common.rfind("⟧") + 1 if "⟧" in common else -1, _asian(common))
    return common[: max(cut, 0)].rstrip()


def _asian(text: str) -> int:
    """The end of the last mark or syllable of a writing without blanks, but for the last two, which may change."""
    if " " in text or not re.search(r"[぀-ヿ㐀-鿿]", SLOT.sub("", text)):
        return -1
    end = len(text) - 2
    opened = text.rfind("⟦", 0, max(end, 0))
    return end if opened < 0 or text.find("⟧", opened) < end else opened
