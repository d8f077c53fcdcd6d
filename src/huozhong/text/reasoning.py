"""An answer's reasoning and its content, told apart while it arrives."""

from __future__ import annotations

from typing import Literal

from huozhong.text.tokenizer import END_THINK, THINK

Kind = Literal["reasoning", "content"]


class ReasoningSplitter:
    """Cuts an answer that arrives in pieces into its reasoning and its content.

    `opened` says that the prompt already ended with <think>.  Otherwise the answer has reasoning only if it
    starts (blanks aside) with <think>.  The first </think> ends the reasoning; everything after is content.
    Only what may still turn out to be a tag is held back.
    """

    def __init__(self, opened: bool) -> None:
        self._kind: Kind | None = "reasoning" if opened else None  # None: not decided yet
        self._held = ""

    @property
    def is_reasoning(self) -> bool:
        """Whether what came last belongs to the reasoning, so that </think> would end it."""
        return self._kind == "reasoning"

    def push(self, text: str) -> list[tuple[Kind, str]]:
        """The parts that are certain now; never empty strings."""
        text, self._held = self._held + text, ""
        parts: list[tuple[Kind, str]] = []
        if self._kind is None:
            start = text.lstrip()
            if start.startswith(THINK):
                self._kind, text = "reasoning", start.removeprefix(THINK)
            elif THINK.startswith(start):
                self._held = text
                return []
            else:
                self._kind = "content"
        if self._kind == "reasoning":
            before, tag, after = text.partition(END_THINK)
            if not tag:
                keep = _partial_tag(before)
                self._held = before[len(before) - keep :]
                before = before[: len(before) - keep]
            else:
                self._kind = "content"
            parts.append(("reasoning", before))
            text = after
        parts.append(("content", text))
        return [(kind, part) for kind, part in parts if part]

    def finish(self) -> list[tuple[Kind, str]]:
        """What was held back, now that no more text comes."""
        text, self._held = self._held, ""
        return [(self._kind or "content", text)] if text else []


def _partial_tag(text: str) -> int:
    """Length of the longest end of `text` that begins </think> without completing it."""
    return next((n for n in range(min(len(END_THINK) - 1, len(text)), 0, -1) if text.endswith(END_THINK[:n])), 0)
