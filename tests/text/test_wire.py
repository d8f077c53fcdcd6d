"""What other servers send, read."""

from __future__ import annotations

import json

import pytest

from huozhong.errors import RequestError
from huozhong.text.wire import Said, error_sentence, pieces, whole_message

LINE_ENDS = "b\u2028\u0085c"


def piece(**delta: object) -> str:
    return json.dumps({"choices": [{"delta": delta}]}, ensure_ascii=False)


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_streams_with_an_accent(size: int) -> None:
    text = (
        ": a comment\r\n\r\n"
        f"data:{piece(content='a')}\n\n"
        f"data: {piece(content=LINE_ENDS)}\r\n\r\n"
        'data: {"error": null, "choices": []}\n\n'
        'data: {"choices": [{"finish_reason": "length"}]}\n\n'
        'data: {"choices": [{"delta": null}, 5]}\n\ndata: {"usage": {}}\n\ndata: 7\n\n'
        f"event: x\nid: 1\ndata: {piece(reasoning='r', content=[{'type': 'text', 'text': 'd'}])}\n\n"
        f"data: {piece(content={'odd': 1})}\n\n"
        f"data: {piece(content='e')}"
    )
    said = list(pieces(text[i : i + size] for i in range(0, len(text), size)))
    assert "".join(one.text for one in said) == "ab\u2028\u0085cde"
    assert "".join(one.reasoning for one in said) == "r"
    assert [one.finish_reason for one in said if one.finish_reason] == ["length"]
    assert list(pieces([f"data: [DONE]\n\ndata: {piece(content='x')}\n\n"])) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"error": {"message": "too long"}}', "too long"),
        ('{"error": "busy"}', "busy"),
        ("{", "not JSON"),
    ],
)
def test_errors_in_a_stream(data: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        list(pieces([f"data:{data}\n\n"]))


def test_whole_messages() -> None:
    body = {"choices": [{"message": {"content": None, "reasoning": "r", "rule": {"id": "x"}}, "finish_reason": 1}]}
    assert whole_message(body) == Said(reasoning="r", rule="x")
    for none in (None, [], {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": {"content": 5}}]}):
        assert whole_message(none) is None


def test_sentences_of_errors() -> None:
    assert error_sentence('{"detail": "no\\n way"}') == "no way"
    assert error_sentence('{"error": {"message": "m"}}') == "m"
    assert error_sentence("<html> bad") == "The server sent no answer but: '<html> bad'"
