"""People's files for a drafter: what is asked, what is read, and what is refused by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import DataError
from huozhong.train.draft.items import PIECE, read_items
from huozhong.train.draft.settings import Item


def items_of(tmp_path: Path, *rows: Any) -> list[Item]:
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return read_items(file)


def asked(text: str) -> Item:
    return Item(messages=({"role": "user", "content": text},))


def test_every_form_of_a_line(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    found = items_of(
        tmp_path,
        {"question": "几点？"},
        {"prompt": "when?"},
        {"text": "a tale"},
        "",
        {"question": "what?", "answer": "this"},
        {"messages": talk},
        {"messages": [*talk, {"role": "assistant", "content": "d"}]},
        {"prompt": "Once", "completion": " upon"},
    )
    assert found[:4] == [asked("几点？"), asked("when?"), Item(text="a tale"), asked("what?")]
    assert [message["content"] for message in found[4].messages] == ["a", "b", "c"]
    assert found[5] == found[4]
    assert found[6] == Item(text="Once upon")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 1: is not JSON"),
        ("[1]", "line 1: must be a JSON object"),
        ({"question": ""}, "line 1: the question must be text"),
        ({"messages": [{"role": "assistant", "content": "b"}]}, "line 1: nobody asks"),
        ({"question": "a", "nonsense": "b", "answer": "c", "other": 1}, "line 1"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        items_of(tmp_path, row)


def test_a_text_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    paragraphs = [f"{i}: " + "word " * 100 for i in range(20)] + ["x" * (5 * PIECE)]
    file.write_text("\n\n".join(paragraphs), encoding="utf-8")
    pieces = [item.text for item in read_items(file)]
    assert all(0 < len(piece) <= 2 * PIECE for piece in pieces)
    assert "".join(pieces).replace("\n", "") == "".join(paragraphs)
    (tmp_path / "empty.txt").write_text(" \n\n ")
    with pytest.raises(DataError, match="no text"):
        read_items(tmp_path / "empty.txt")
