"""What people wrote, marked before a chat template sees it, so that it never becomes a control token.

A template gets the true text and may look into it (`'</think>' in content`, `/no_think`).  Only where the text spells a
control token are there marks around it, and where its first or last characters could help to spell one a mark stands
there.  Templates cut, join and trim; marks travel with the text.  Afterwards a marked token is plain text, and a mark
that lost its partner still keeps apart what stands on either side of it.  What a template asks of a content is
answered of the true text (its length, how it begins), and what it takes of it (`content[:48]`, `.split('</think>')`)
is marked anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_OPEN, _CLOSE, _BREAK = MARKS = "\ufdd0\ufdd1\ufdd2"  # noncharacters: no text has a use for them
_WRITTEN = {"content", "reasoning_content", "thinking", "tool_call_id"}
_ANY_MARK = re.compile(f"[{MARKS}]")


class RenderedText(NamedTuple):
    """A stretch of a rendered conversation; only in `trusted` ones may control tokens be found."""

    text: str
    trusted: bool


class Marker:
    """Marks texts for one vocabulary."""

    def __init__(self, control: Iterable[str]) -> None:
        tokens = sorted({token.lower() for token in control}, key=len, reverse=True)
        heads = "".join(map(re.escape, sorted({token[0] for token in tokens})))
        either = "|".join(map(re.escape, tokens))
        # Templates may write in small letters what was written in capitals.  The first characters are asked for
        # apart because that is what makes a search in megabytes fast.
        self._token = re.compile(f"(?=[{heads}])(?:{either})" if tokens else "(?!)", re.IGNORECASE)
        self._beginnings = {token[:n] for token in tokens for n in range(1, len(token))}
        self._ends = {token[n:] for token in tokens for n in range(1, len(token))}
        self._middles = "\n".join(tokens)
        self._longest = max(map(len, tokens), default=1) - 1

    def mark(self, value: Any, *, inner: bool = True) -> Any:
        """A text, or JSON whose texts and keys are all marked.

        inner: also what is but the middle of a token ("think", where a template may write `<` and `>` around it).  Not
        for the words that templates ask for by name: a tool's schema.
        """
        if isinstance(value, str):
            return self._marked(value, inner)
        if isinstance(value, Mapping):
            return {self.mark(key, inner=inner): self.mark(item, inner=inner) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.mark(item, inner=inner) for item in value]
        return value

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message as a template is shown it: role, types and functions' names are ours or checked already."""
        marked = {key: self.mark(value) if key in _WRITTEN else value for key, value in message.items()}
        if calls := message.get("tool_calls"):
            marked["tool_calls"] = [
                call
                | {"id": self.mark(call["id"])}
                | {"function": call["function"] | {"arguments": self.mark(call["function"]["arguments"])}}
                for call in calls
            ]
        return marked

    def _marked(self, text: str, inner: bool) -> str:
        text = _ANY_MARK.sub("\ufffd", text)
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        before, after = text[:start], text[start + len(core) :]
        head, tail = core[: self._longest].lower(), core[-self._longest :].lower()
        middle = inner and len(core) < self._longest and core.lower() in self._middles
        if middle or any(head[:n] in self._ends for n in range(1, len(head) + 1)):
            before += _BREAK
        if middle or any(tail[-n:] in self._beginnings for n in range(1, len(tail) + 1)):
            after = _BREAK + after
        shown = before + self._token.sub(f"{_OPEN}\\g<0>{_CLOSE}", core) + after
        return shown if shown == text else _MarkedText(shown, text, self)

    def spans(self, rendered: str) -> list[RenderedText]:
        """What was rendered, without marks: tokens that people wrote are not trusted, the rest is."""
        spans: list[RenderedText] = []
        pieces = _ANY_MARK.split(rendered)
        marks = _ANY_MARK.findall(rendered)
        for i, piece in enumerate(pieces):
            enclosed = 0 < i < len(marks) and (marks[i - 1], marks[i]) == (_OPEN, _CLOSE)
            if piece:
                spans.append(RenderedText(piece, not (enclosed and self._token.fullmatch(piece))))
        return spans


class _MarkedText(str):
    """A text with marks; a slice of it is cut from the text without them, as the template's author counted."""

    _text: str
    _marker: Marker
    __slots__ = ("_marker", "_text")

    def __new__(cls, shown: str, text: str, marker: Marker) -> _MarkedText:
        made = super().__new__(cls, shown)
        made._text, made._marker = text, marker
        return made

    def __getitem__(self, key: Any) -> str:
        return self._again(self._text[key])

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        return bool(self._text == _true(other))

    def __ne__(self, other: object) -> bool:
        return bool(self._text != _true(other))

    def __hash__(self) -> int:
        return hash(self._text)

    def __contains__(self, part: object) -> bool:
        return bool(_true(part) in self._text)

    def startswith(self, start: Any, *range: Any) -> bool:
        return self._text.startswith(_true(start), *range)

    def endswith(self, end: Any, *range: Any) -> bool:
        return self._text.endswith(_true(end), *range)

    def find(self, part: Any, *range: Any) -> int:
        return self._text.find(_true(part), *range)

    def split(self, at: Any = None, most: Any = -1) -> list[str]:
        return [self._again(piece) for piece in self._text.split(_true(at), most)]

    def rsplit(self, at: Any = None, most: Any = -1) -> list[str]:
        return [self._again(piece) for piece in self._text.rsplit(_true(at), most)]

    def strip(self, what: Any = None) -> str:
        return self._again(self._text.strip(_true(what)))

    def lstrip(self, what: Any = None) -> str:
        return self._again(self._text.lstrip(_true(what)))

    def rstrip(self, what: Any = None) -> str:
        return self._again(self._text.rstrip(_true(what)))

    def _again(self, piece: str) -> str:
        marked: str = self._marker.mark(piece)
        return marked


def _true(text: Any) -> Any:
    return text._text if isinstance(text, _MarkedText) else text


def without_marks(text: str) -> str:
    """For people to read."""
    return _ANY_MARK.sub("", text)
