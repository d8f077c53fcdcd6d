from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from huozhong.cli.asking import Message, Wish
from huozhong.cli.talk import Talk


def test_ctrl_c_before_the_first_piece_stops_the_answer_and_not_the_talk() -> None:
    def ask(messages: list[Message], wish: Wish) -> Iterator[tuple[str, str]]:
        raise KeyboardInterrupt

    talk = Talk("a", ask, Wish(thinking=False, given={}))
    answer = talk.answer("你好")
    assert answer.was_stopped
    assert talk.messages == []


def test_a_talk_begins_where_lines_cannot_be_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(messages: list[Message], wish: Wish) -> Iterator[tuple[str, str]]:
        yield from ()

    def no_more(prompt: str) -> str:
        raise EOFError

    monkeypatch.setitem(sys.modules, "readline", None)  # as on Windows: importing it fails
    monkeypatch.setattr("builtins.input", no_more)
    Talk("a", ask, Wish(thinking=False, given={})).run()
