"""What a text quotes of another one, in that one's own words.

A number that must not be told may be one that everybody has read: the answer of a problem is now and then a number of
the problem.  It tells nothing where the problem's own sentence is repeated, and may tell all where it is said in other
words.  The line is drawn strictly: a quotation is a whole clause, letter by letter, between quotation marks or on a
line of its own behind "- ", and has words beside its number.
"""

from __future__ import annotations

import re

_QUOTED = (re.compile(r"“([^“”\n]*)”"), re.compile(r"(?m)^- (.*)$"))
_ENDS = r"[，。；：！？、,;:!?．.\n]"
_WORDS = re.compile(r"[^\W\d_零一二三四五六七八九十百千万亿两半]")
_FEWEST_WORDS = 2


def is_quotation(piece: str, source: str) -> bool:
    """Whether `piece` is a clause of `source`, or some that follow each other, with words beside its numbers."""
    piece = piece.strip()
    if len(_WORDS.findall(piece)) < _FEWEST_WORDS:
        return False
    return re.search(rf"(?:^|{_ENDS})\s*{re.escape(piece)}\s*(?:$|{_ENDS})", source) is not None


def unquoted(text: str, source: str) -> str:
    """A text with □ in place of what it quotes of `source`."""

    def hidden(found: re.Match[str]) -> str:
        return "□" if is_quotation(found[1], source) else found[0]

    for pattern in _QUOTED:
        text = pattern.sub(hidden, text)
    return text
