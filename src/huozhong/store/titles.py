"""What a conversation is called until somebody names it: the beginning of its first question."""

from __future__ import annotations

import re

LONGEST = 30  # columns: a Chinese character takes two of them
LONGEST_OWN = 200  # characters of a title that a person gives

_SENTENCE_END = re.compile(r"[。！？!?\n]|(?<=\w)\.(?=\s)")
# Marks of Markdown, and what people begin with that says nothing.
_MARKS = re.compile(r"^[\s#>*\-`]+|[*`]+")
_GREETINGS = "你好|您好|请问|请你|请?帮我|请给我|麻烦你?|hello|hi|hey|please|could you|can you"
_GREETING = re.compile(rf"^(?:(?:{_GREETINGS})(?![a-z])[\s,，。！!~～、:：]*)+", re.I)


def title_of(question: str) -> str:
    """A short title, one line; "" for a question without words."""
    text = " ".join(_MARKS.sub("", question[:2000]).split("\n\n", 1)[0].split())
    shorter = _GREETING.sub("", text)
    text = shorter if len(shorter) > 1 else text
    first = _SENTENCE_END.split(text, maxsplit=1)[0].strip(" ,，、:：;；")
    return _cut(first if len(first) > 1 else text)


def _cut(text: str) -> str:
    """`text` in at most LONGEST columns; cut between words where there are any, with an ellipsis."""
    columns = 0
    for place, character in enumerate(text):
        columns += 2 if ord(character) > 0x2E7F else 1
        if columns > LONGEST:
            kept = text[:place]
            space = kept.rfind(" ")
            if text[place] != " " and space > len(kept) // 2:
                kept = kept[:space]
            return kept.rstrip(" ,，、") + "…"
    return text
