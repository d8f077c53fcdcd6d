"""Hand-written questions: `in_scope.jsonl` (to be answered), `out_of_scope.jsonl` (to be declined) and
`out_of_scope_fresh.jsonl`, to be declined too: never trained on, never looked at while something was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from huozhong.exam.lines import read_lines


@dataclass(frozen=True)
class WrittenQuestion:
    """One question as somebody would ask it; `kind` says what it is about (news, poem, identity, ...)."""

    id: str
    kind: str
    lang: str
    question: str


@cache
def written_questions(name: Literal["in_scope", "out_of_scope", "out_of_scope_fresh"]) -> tuple[WrittenQuestion, ...]:
    """All questions of one list, in a fixed order."""
    file = files(__package__) / f"{name}.jsonl"
    return tuple(WrittenQuestion(**row) for row in read_lines(file.read_text(encoding="utf-8"), f"{name}.jsonl"))
