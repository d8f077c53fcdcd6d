"""From tokens to text that may be shown: whole characters, no piece of a stop string, reasoning apart."""

from __future__ import annotations

from huozhong.text.reasoning import Kind, ReasoningSplitter
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer


class StopStrings:
    """Finds the first of several strings in a stream of text and never lets a part of one through.

    Once one of the `ends` has come, the strings are looked for no longer: a tool call is whole or not at all.
    """

    def __init__(self, strings: tuple[str, ...], ends: tuple[str, ...] = ()) -> None:
        self._strings, self._ends = strings, ends
        self._held = ""
        self.found: str | None = None

    def push(self, text: str) -> str:
        """The text that is now certain to stand before any stop string; after a find nothing more comes."""
        if self.found is not None:
            return ""
        if not self._strings:
            return text
        self._held += text
        # The one that is complete first wins (and of those the longest), however the text is cut into tokens.
        matches = [(at + len(s), at, s) for s in self._strings if (at := self._held.find(s)) >= 0]
        ended = min((at for mark in self._ends if (at := self._held.find(mark)) >= 0), default=None)
        if ended is not None and not any(end <= ended for end, _, _ in matches):
            self._strings = ()
            return self.finish()
        # What a mark may begin with is not yet sure to be said: "<" may stop an answer, or begin a call.
        keep = max((_overlap(self._held, mark) for mark in self._ends), default=0)
        matches = [match for match in matches if match[0] <= len(self._held) - keep]
        if matches:
            _, at, self.found = min(matches)
            shown, self._held = self._held[:at], ""
            return shown
        keep = max(keep, *(_overlap(self._held, s) for s in self._strings))
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return shown

    def finish(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        found = [(at + len(s), at, s) for s in self._strings if (at := held.find(s)) >= 0]
        if self.found is None and found:  # it was no mark that had begun
            _, at, self.found = min(found)
            return held[:at]
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a proper beginning of `stop`."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0


class OutputText:
    """One answer's text: tokens -> characters -> reasoning and content, whose stop strings end it."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop: tuple[str, ...],
        *,
        thinking_open: bool,
        shown: frozenset[int] = frozenset(),
        shows_marks: bool = True,
        shows_reasoning: bool = True,
        splits_reasoning: bool = True,
        stops_before: tuple[str, ...] = (),
    ) -> None:
        """shown: control tokens that are text here although the tokenizer hides them (marks of tool calls).

        shows_marks: whether other control tokens are written out.  shows_reasoning: False: what is thought is left out.
        splits_reasoning: False: "<think>" is text like any other.
        stops_before: from the first of these marks on nobody's stop strings are meant any more.
        """
        self._tokenizer, self._shown = tokenizer, shown
        self._shows_marks, self._shows_reasoning = shows_marks, shows_reasoning
        self._decoder = tokenizer.stream(shown=shown)
        self._stops = StopStrings(stop, stops_before)
        self._splitter = ReasoningSplitter(thinking_open) if splits_reasoning else None
        self._in_reasoning = thinking_open
        self._end_of_thinking = tokenizer.token_id(END_THINK) if tokenizer.has(END_THINK) else None
        self._thinking = tokenizer.token_id(THINK) if tokenizer.has(THINK) else None
        self._is_open = thinking_open  # a </think> is to come
        self._is_empty = True  # nothing but blanks so far
        self.reasoning_tokens = 0
        self.hides_last = False  # the last token belongs to reasoning that is left out

    @classmethod
    def of(cls, prompt: ChatPrompt, tokenizer: Tokenizer, stop: tuple[str, ...]) -> OutputText:
        """For the answer to a prompt."""
        return cls(
            tokenizer,
            stop,
            thinking_open=prompt.opens_thinking,
            shown=prompt.shown,
            shows_marks=not prompt.is_chat,
            shows_reasoning=prompt.shows_reasoning,
            splits_reasoning=prompt.splits_reasoning,
            stops_before=prompt.stops_before,
        )

    @property
    def is_thinking(self) -> bool:
        """Whether the next token belongs to the reasoning, or ends it."""
        return self._splitter is not None and self._splitter.is_reasoning

    @property
    def is_stopped(self) -> bool:
        """Whether a stop string has been found."""
        return self._stops.found is not None

    @property
    def stop_string(self) -> str | None:
        """The stop string that has been found."""
        return self._stops.found

    def push(self, token: int) -> tuple[str, str]:
        """(text, reasoning) that this token makes certain."""
        was_reasoning, ends = self._in_reasoning, token == self._end_of_thinking
        decoded = self._decoder.finish() if self._is_stray_mark(token) else self._decoder.push([token])
        self._is_empty = self._is_empty and not decoded.strip()
        pieces = self._split(decoded)
        if ends:
            self._in_reasoning = False
        elif pieces:
            self._in_reasoning = pieces[-1][0] == "reasoning"
        is_reasoning = was_reasoning or self._in_reasoning
        self.reasoning_tokens += is_reasoning
        self.hides_last = is_reasoning and not self._shows_reasoning
        return self._sorted(pieces)

    def finish(self) -> tuple[str, str]:
        """(text, reasoning) that was held back; an unfinished character becomes U+FFFD."""
        pieces = self._split(self._decoder.finish())
        if self._splitter is not None:
            pieces += self._splitter.finish()
        text, reasoning = self._sorted(pieces)
        return text + self._stops.finish(), reasoning

    def _split(self, decoded: str) -> list[tuple[Kind, str]]:
        if self._splitter is None:
            return [("content", decoded)] if decoded else []
        return self._splitter.push(decoded)

    def _is_stray_mark(self, token: int) -> bool:
        """A control token that means nothing where it stands: small models write a second </think> now and then."""
        if self._shows_marks or token in self._shown or not self._tokenizer.is_control(token):
            return False
        is_reasoning = self._splitter is not None and self._splitter.is_reasoning
        if token == self._end_of_thinking and (self._is_open or is_reasoning):
            self._is_open, self._thinking, self._end_of_thinking = False, None, None
            return False
        if token == self._thinking and self._is_empty and not self._is_open:
            self._is_open = True
            return False
        return True

    def _sorted(self, pieces: list[tuple[Kind, str]]) -> tuple[str, str]:
        text = "".join(self._stops.push(piece) for kind, piece in pieces if kind == "content")
        reasoning = "".join(piece for kind, piece in pieces if kind == "reasoning")
        return text, reasoning if self._shows_reasoning else ""
