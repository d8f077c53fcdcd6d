from __future__ import annotations

from collections.abc import Iterator

from huozhong.cli.asking import Message, Wish
from huozhong.cli.talk import Talk


def test_ctrl_c_before_the_first_piece_stops_the_answer_and_not_the_talk() -> None:
    def ask(messages: list[Message], wish: Wish) -> Iterator[tuple[str, str]]:
        raise KeyboardInterrupt

    talk = Talk("a", ask, Wish(thinking=False, given={}))
    answer = talk.answer("你好")
    assert answer.was_stopped
    assert talk.messages == []
