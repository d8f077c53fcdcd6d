"""Who translates: the house's model, a scripted one in tests; all behind one small interface.

Whoever it is, it is shown slots instead of prices and sizes, and its answer must hold each of them exactly once.  An
engine that keeps to a schema cannot do otherwise; whose answer does it all the same is asked no second time: the words
between the slots are translated by themselves, and the slots stay in the order of the source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Protocol

from huozhong.apps.live.slots import MADE_UP, SLOT, Part, filled, intact, pattern
from huozhong.skills.run import Ask

LANGUAGE_NAMES = {"en": "English", "ja": "Japanese", "ko": "Korean", "es": "Spanish"}
MOST_TOKENS = 160


class Translator(Protocol):
    """Translates Chinese with slots.  slots: those that the answer must hold, with
    their kinds; before: how it must begin."""

    def __call__(self, text: str, language: str, slots: Mapping[int, str], before: str) -> str: ...


class ByModel:
    """The house's model.  plain: it takes the sentence itself, as a model that does nothing but translate does."""

    def __init__(self, ask: Ask, *, plain: bool = False) -> None:
        self._ask, self._plain = ask, plain

    def __call__(self, text: str, language: str, slots: Mapping[int, str], before: str) -> str:
        """Raises a `HuozhongError` where the model cannot be asked; an answer that is no JSON is "" (and so unfit)."""
        schema = {
            "type": "object",
            "properties": {"text": {"type": "string", "pattern": f"^{pattern(slots, before=before)}$"}},
            "required": ["text"],
            "additionalProperties": False,
        }
        asked = text if self._plain else self._words(text, language, slots, before)
        messages = [{"role": "user", "content": asked}]
        said = "".join(self._ask(messages, schema=schema, max_tokens=MOST_TOKENS))
        try:
            found = json.loads(said)["text"]
        except (ValueError, KeyError, TypeError):
            return ""
        return " ".join(found.split()) if isinstance(found, str) else ""

    def _words(self, text: str, language: str, slots: Mapping[int, str], before: str) -> str:
        name = LANGUAGE_NAMES[language]
        kept = f" Keep {' '.join(f'⟦{one}⟧' for one in slots)} as they are, each exactly once." if slots else ""
        begun = f" The translation begins with: {before}" if before else ""
        return (
            f"Translate what a seller says in a live stream from Chinese into {name}. Say it as a seller would, short "
            f'and plain.{kept}{begun} Answer as JSON: {{"text": "the translation"}}\n\n{text}'
        )


def translated(translator: Translator, part: Part, language: str, before: str = "") -> str:
    """A part in `language`, beginning with `before`, its slots still in it; each exactly once, whoever translates."""
    slots = {slot: kind for slot, kind in part.kinds.items() if f"⟦{slot}⟧" not in before}
    if not SLOT.sub("", part.text).strip(" ，。！？、,.!?"):  # nothing but facts: there is nothing to translate
        return before or _joined(part, language)
    answer = translator(part.text, language, slots, before)
    if not (answer.startswith(before) and intact(answer, part.kinds)):
        answer = _between(translator, part, language, before)
    return _ended(answer, part.text, language)


def _ended(answer: str, source: str, language: str) -> str:
    """A clause that a comma ended ends with one, so that the next clause's goods do not run into it."""
    if not answer or source[-1:] not in "，,；;" or answer[-1] in ",.;:!?、。，！？":
        return answer
    return answer + ("、" if language == "ja" else ",")


def _joined(part: Part, language: str) -> str:
    marks = str.maketrans({"，": ",", "、": ",", "。": ".", "！": "!", "？": "?"}) if language != "ja" else {}
    return re.sub(r"([,.!?])(?=⟦)", r"\1 ", part.text.translate(marks)).strip()


def _between(translator: Translator, part: Part, language: str, before: str) -> str:
    """The words between the slots one by one, the slots where they stood; what `before` says is not said again."""
    said: list[str] = []
    for piece in re.split(r"(⟦\d⟧)", part.text):
        words = piece.strip(" ，。！？、,.!?；：:;")
        if SLOT.fullmatch(piece):
            said.append(piece)
        elif words:
            said.append(MADE_UP.sub("", translator(words, language, {}, "")).strip(" ,.;:"))
    whole = " ".join(one for one in said if one)
    return f"{before} {_after(whole, before)}".rstrip() if before else whole


def _after(whole: str, before: str) -> str:
    """What of a translation is still to be said: without the slots of `before` and the first words that it has too."""
    begun, words = set(SLOT.findall(before)), _bare(before)
    left: list[str] = []
    for word in re.sub(r"(⟦\d⟧)", r" \1 ", whole).split():
        slot = SLOT.fullmatch(word)
        if slot is not None and slot[1] in begun:
            continue
        if slot is None and not left and _bare(word) <= words:
            continue
        left.append(word)
    return re.sub(r" (?=[,.;:!?])", "", " ".join(left))


def _bare(text: str) -> set[str]:
    return {word.strip(",.;:!?").lower() for word in SLOT.sub(" ", text).split()}


def caption(translator: Translator, part: Part, language: str) -> str:
    """A whole part as viewers read it."""
    return filled(translated(translator, part, language), part.facts, language)
