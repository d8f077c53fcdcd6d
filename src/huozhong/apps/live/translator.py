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

from huozhong.apps.live.slots import SLOT, Part, filled, intact, pattern
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
    if answer.startswith(before) and intact(answer, part.kinds):
        return answer
    return _between(translator, part, language, before)


def _joined(part: Part, language: str) -> str:
    marks = str.maketrans({"，": ",", "、": ",", "。": ".", "！": "!", "？": "?"}) if language != "ja" else {}
    return re.sub(r"([,.!?])(?=⟦)", r"\1 ", part.text.translate(marks)).strip()


def _between(translator: Translator, part: Part, language: str, before: str) -> str:
    """The words between the slots one by one, the slots where they stood."""
    begun = {int(match[1]) for match in SLOT.finditer(before)}
    pieces = re.split(r"(⟦\d⟧)", part.text)
    said: list[str] = []
    for piece in pieces:
        slot = SLOT.fullmatch(piece)
        if slot is not None:
            said += [] if int(slot[1]) in begun else [piece]
            continue
        words = piece.strip(" ，。！？、,.!?；：:;")
        if words and not before:
            answer = translator(words, language, {}, "")
            said.append(re.sub(r"[⟦⟧]", "", answer).strip(" ,.;:"))
    end = "" if language == "ja" else "."
    tail = " ".join(one for one in said if one)
    if not tail:
        return before
    return f"{before} {tail}" if before else tail + end


def caption(translator: Translator, part: Part, language: str) -> str:
    """A whole part as viewers read it."""
    return filled(translated(translator, part, language), part.facts, language)
