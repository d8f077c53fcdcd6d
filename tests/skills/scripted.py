"""A model that answers as it is told, for apps whose form is tested and not their wit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Scripted:
    """Gives its answers one after the other, the last one again and again; keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[list[dict[str, Any]]] = []
        self.schemas: list[dict[str, Any] | None] = []

    def __call__(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int
    ) -> Iterator[str]:
        self.asked.append(messages)
        self.schemas.append(schema)
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        yield answer[:3]
        yield answer[3:]
