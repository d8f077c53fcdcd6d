"""Whether the last thing that somebody said must not go to a small model, and what is said instead.

Stateless: the turns before are looked at again each time.  For some turns after distress there is no small talk: a
laugh or "another one" gets a calm text, a clear request of another kind (a sum) goes to the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from huozhong.verify.distress.phones import CHINA
from huozhong.verify.distress.rules import Language, Rule, book

LOOK_BACK = 6  # of the user's turns

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Finding:
    """A message that a rule answers.

    rule: the id of the rule that was met, now or, for `said` "follow", in a turn before.
    said: "first", "again" (distress goes on) or "follow" (small talk comes after it); turn counts these.
    language: in which the user should be answered.
    """

    kind: str
    rule: str
    language: Language
    said: Literal["first", "again", "follow"] = "first"
    turn: int = 0

    def reply(self, language: Language | None = None, numbers: Mapping[str, str] = CHINA) -> str:
        """The text to say.  numbers: as `read_numbers` gives them."""
        return _PLACE.sub(lambda place: numbers[place[1]], self._text(language))

    def numbers(self, language: Language | None = None, numbers: Mapping[str, str] = CHINA) -> list[str]:
        """The numbers that the text names, in its order."""
        return list(dict.fromkeys(numbers[name] for name in _PLACE.findall(self._text(language))))

    def _text(self, language: Language | None) -> str:
        kind = book().kinds[self.kind]
        language = language or self.language
        if self.said == "first":
            return kind.reply[language]
        texts = kind.group.again if self.said == "again" else kind.group.follow
        return texts[language][self.turn % len(texts[language])]


def check(messages: Sequence[Mapping[str, Any]]) -> Finding | None:
    """What a rule says to the last of the user's messages; None where the model may answer."""
    said = [text for message in messages if message.get("role") == "user" and (text := _text_of(message))]
    said = said[-1 - LOOK_BACK :]
    if not said:
        return None
    *before, last = (_found(text) for text in said)
    earlier = [(rule, text) for rule, text in zip(before, said, strict=False) if rule is not None]
    if last is not None:
        same = sum(rule.kind.group is last.kind.group for rule, _ in earlier)
        language = last.language or language_of(said[-1])
        if any(rule.kind is last.kind for rule, _ in earlier):
            return Finding(last.kind.name, last.id, language, "again", same - 1)
        return Finding(last.kind.name, last.id, language)
    turns_ago = next((ago for ago, rule in enumerate(reversed(before), 1) if rule is not None), None)
    if turns_ago is None:
        return None
    rule, text = earlier[-1]
    if turns_ago > rule.kind.group.turns or _is_request(said[-1]):
        return None
    return Finding(rule.kind.name, rule.id, rule.language or language_of(text), "follow", turns_ago - 1)


def language_of(text: str) -> Language:
    return "en" if not _HAN.search(text) and _LATIN_WORD.search(text) else "zh"


def _found(text: str) -> Rule | None:
    return book().find(text)


def _is_request(text: str) -> bool:
    """Whether it is clearly something else that is wanted: a sum, a poem, a word explained, and no fun."""
    rules = book()
    return (rules.meets("request", text) or rules.meets("problem", text)) and not rules.meets("fun", text)


def _text_of(message: Mapping[str, Any]) -> str:
    """A message's text; of a list of parts, those that are text."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "\n".join(part for part in parts if isinstance(part, str))
