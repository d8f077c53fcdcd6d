"""Interim, until the branch exact is here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    lines: tuple[str, ...]
    answer: str
    short: str


def do(label: str, question: str) -> Done | None:
    return None
