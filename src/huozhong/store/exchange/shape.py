"""A conversation between two programs, and how any tree of messages becomes one of ours.

Others' trees hold more than questions and answers (tools, hidden prompts, thoughts as messages of their own), several
answers in a row, or questions without any.  `in_turns` makes of them what the rest of the house expects: a question
follows an answer or stands at the beginning, an answer follows a question.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from huozhong.store.tables.base import now

MOST_MESSAGES = 20_000  # of one conversation
LONGEST_MESSAGE = 1_000_000  # characters
_DAY_MS = 86_400_000


class NotTaken(Exception):
    """A conversation that cannot be imported.  code: for programs; the message is one sentence for people."""

    def __init__(self, code: Literal["empty", "broken", "too_large", "unknown", "there"], why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message.  key, parent: names within its conversation.  role None: part of the tree, but nobody's words."""

    key: str
    parent: str | None
    role: Literal["user", "assistant"] | None
    content: str = ""
    reasoning: str = ""
    state: str = "done"
    finish: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    rule: dict[str, Any] | None = None
    error: str | None = None
    created: int | None = None
    think_ms: int | None = None


@dataclass(kw_only=True)
class Chat:
    """A conversation.  source: what it is known by where it comes from.  leaf: the key of the message shown last.

    said: any order; after `in_turns` parents come before their children.
    """

    source: str
    title: str = ""
    title_is_own: bool = False
    pinned: bool = False
    model: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    created: int
    updated: int
    leaf: str | None = None
    said: list[Said] = field(default_factory=list)


def in_turns(chat: Chat) -> Chat:
    """The same conversation as questions and answers by turns; `NotTaken` if nothing is left, or too much."""
    if len(chat.said) > MOST_MESSAGES:
        raise NotTaken("too_large", f"It has {len(chat.said)} messages; at most {MOST_MESSAGES} can be taken.")
    if any(len(one.content) > LONGEST_MESSAGE or len(one.reasoning) > LONGEST_MESSAGE for one in chat.said):
        raise NotTaken("too_large", f"One of its messages is longer than {LONGEST_MESSAGE:,} characters.")
    walk = _Walk(chat.said)
    said = walk.turns()
    if not any(one.content for one in said):
        raise NotTaken("empty", "It has no messages with text.")
    leaf = walk.became.get(chat.leaf or "") or said[-1].key
    return replace(chat, said=said, leaf=leaf)


class _Walk:
    """From the roots down, without recursion: trees may be as deep as they have messages."""

    def __init__(self, said: Iterable[Said]) -> None:
        nodes = {one.key: one for one in said}
        self._children: dict[str | None, list[Said]] = {}
        for one in nodes.values():
            parent = one.parent if one.parent in nodes and one.parent != one.key else None
            self._children.setdefault(parent, []).append(one)
        self.became: dict[str, str] = {}  # a key -> that of the turn that it is part of, or that comes before it
        self._turns: dict[str, Said] = {}

    def turns(self) -> list[Said]:
        # (message, the turn before it, answers before it that go on in it)
        todo: list[tuple[Said, Said | None, list[Said]]] = [(root, None, []) for root in self._roots()]
        while todo:
            one, before, begun = todo.pop()
            children = self._children.get(one.key, [])
            if one.role is None:
                if before is not None:
                    self.became[one.key] = before.key
                following = [(child, before, begun) for child in children]
            elif one.role == "user":
                turn = self._question(one, before)
                following = [(child, turn, []) for child in children]
            else:
                following = self._answer(one, before, [*begun, one], children)
            todo += reversed(following)
        return list(self._turns.values())

    def _roots(self) -> list[Said]:
        return list(reversed(self._children.get(None, [])))

    def _question(self, one: Said, before: Said | None) -> Said:
        parent = before
        if before is not None and before.role == "user":  # nobody answered that one
            parent = Said(key=f"{one.key} ", parent=before.key, role="assistant", state="cut", created=before.created)
            self._turns[parent.key] = parent
        turn = replace(one, parent=parent.key if parent else None)
        self._turns[turn.key] = turn
        self.became[one.key] = turn.key
        return turn

    def _answer(
        self, one: Said, before: Said | None, parts: list[Said], children: list[Said]
    ) -> list[tuple[Said, Said | None, list[Said]]]:
        if before is not None and before.role == "assistant":  # it branched below words that are nobody's
            parts = [before, *parts]
            before = self._turns.get(before.parent or "")
        further = [child for child in children if self._goes_on(child)]
        if further and len(further) == len(children):
            return [(child, before, parts) for child in further]
        # An answer to an answer that questions follow too: both hang on the same question.
        turn = replace(
            one,
            parent=before.key if before else None,
            content="\n\n".join(part.content for part in parts if part.content),
            reasoning="\n\n".join(part.reasoning for part in parts if part.reasoning),
            think_ms=sum(part.think_ms or 0 for part in parts) or None,
        )
        self._turns[turn.key] = turn
        for part in parts:
            self.became.setdefault(part.key, turn.key)
        return [(child, before, parts) if child in further else (child, turn, []) for child in children]

    def _goes_on(self, child: Said) -> bool:
        """Whether an answer's child belongs to the same answer: another part of it, or nobody's words before one."""
        while child.role is None:
            below = self._children.get(child.key, [])
            if len(below) != 1:
                return False
            child = below[0]
        return child.role == "assistant"


# -- values of others, which may be anything -----------------------------------------------------------


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def time_ms(value: Any) -> int | None:
    """Milliseconds of a time in seconds or milliseconds; None for what is no time between 1970 and tomorrow."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    at = int(value if value > 1e11 else value * 1000)
    return at if 0 < at <= now() + _DAY_MS else None
