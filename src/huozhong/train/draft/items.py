"""People's files -> what a drafter's model is asked: conversations without their last answer, or texts.

    .jsonl    {"question": "..."}, {"prompt": "..."}, {"messages": [...]}, {"text": "..."}, and the forms of `train sft`
    other     plain text, in pieces of some paragraphs

An answer in the file is not learnt: what counts is what the model itself says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.text.plain import read_text
from huozhong.train.adapt.conversations import read_conversation
from huozhong.train.adapt.forms import read_taught
from huozhong.train.draft.settings import Item

PIECE = 2000  # characters of a piece of plain text, about
_QUESTIONS = ("question", "prompt", "instruction", "query", "问", "问题")


def read_items(path: Path) -> list[Item]:
    """Raises DataError that names the file and the line."""
    items = list(_lines(path) if path.suffix.lower() == ".jsonl" else _pieces(read_text(path)))
    if not items:
        raise DataError(f"{path}: there is no text in it.")
    return items


def _pieces(text: str) -> Iterator[Item]:
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) > PIECE:
            yield Item(text=piece)
            piece = ""
        if not paragraph.strip():
            continue
        piece = f"{piece}\n\n{paragraph}" if piece else paragraph
        while len(piece) > 2 * PIECE:  # a text without paragraphs
            yield Item(text=piece[:PIECE])
            piece = piece[PIECE:]
    if piece.strip():
        yield Item(text=piece)


def _lines(path: Path) -> Iterator[Item]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: is not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise DataError(f"{where}: must be a JSON object, not {type(row).__name__}.")
        yield _item(row, where)


def _item(row: dict[str, Any], where: str) -> Item:
    if isinstance(row.get("text"), str) and row["text"].strip() and len(row) == 1:
        return Item(text=row["text"])
    if len(row) == 1 and (question := next((row[name] for name in _QUESTIONS if name in row), None)) is not None:
        if not isinstance(question, str) or not question.strip():
            raise DataError(f"{where}: the question must be text.")
        return Item(messages=({"role": "user", "content": question},))
    if len(row) == 1 and isinstance(row.get("messages"), list):
        messages = read_conversation(row["messages"], where, "messages").messages
        while messages and messages[-1]["role"] == "assistant":
            messages = messages[:-1]
        if not messages:
            raise DataError(f"{where}: nobody asks anything in messages.")
        return Item(messages=tuple(messages))
    taught = read_taught(row, where)
    if taught.prompt is not None:
        return Item(text=taught.prompt + taught.completion)
    return Item(messages=tuple(taught.messages[:-1]))
