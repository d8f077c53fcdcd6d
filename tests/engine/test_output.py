"""What may be shown and when: whole characters, no part of a stop string, reasoning apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.engine.output import OutputText, StopStrings
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import Tokenizer


def slow_stop(text: str, stops: list[str]) -> str:
    """Character by character: cut before the longest stop string that is complete first."""
    for end in range(1, len(text) + 1):
        lengths = [len(s) for s in stops if text[:end].endswith(s)]
        if lengths:
            return text[: end - max(lengths)]
    return text


texts = st.text("ab。", max_size=30)


@given(texts, st.lists(st.text("ab。", min_size=1, max_size=4), max_size=3), st.lists(st.integers(1, 5)))
def test_stop_strings_however_the_text_is_cut(text: str, stops: list[str], sizes: list[int]) -> None:
    matcher = StopStrings(tuple(stops))
    expected, shown, at = slow_stop(text, stops), "", 0
    for size in [*sizes, *([1] * len(text))]:
        shown += matcher.push(text[at : at + size])
        at += size
        assert expected.startswith(shown), "a part of a stop string leaked"
    assert shown + matcher.finish() == expected
    assert (matcher.found is not None) == any(s in text for s in stops)


def test_text_that_cannot_begin_a_stop_string_is_not_held_back() -> None:
    matcher = StopStrings(("END",))
    assert matcher.push("an E") == "an "
    assert matcher.push("N") == ""
    assert matcher.push("G") == "ENG"


def stream(tokenizer: Tokenizer, ids: list[int], stop: tuple[str, ...] = (), *, thinking_open: bool) -> OutputText:
    """An OutputText that has read `ids` one by one; what it showed is in `.shown`."""
    output = OutputText(tokenizer, stop, thinking_open=thinking_open)
    pieces = [output.push(i) for i in ids] + [output.finish()]
    assert not any("\ufffd" in part for piece in pieces for part in piece)
    output.shown = tuple(map("".join, zip(*pieces, strict=True)))  # type: ignore[attr-defined]
    return output


def test_reasoning_goes_apart_and_its_tokens_are_counted(tokenizer: Tokenizer) -> None:
    reasoning, answer = tokenizer.encode("先算 3+5。"), tokenizer.encode("一共8个。")
    ids = [*reasoning, tokenizer.token_id("</think>"), *answer]
    output = stream(tokenizer, ids, thinking_open=True)
    assert output.shown == ("一共8个。", "先算 3+5。")  # type: ignore[attr-defined]
    assert output.reasoning_tokens == len(reasoning) + 1


def test_without_thinking_everything_is_text(tokenizer: Tokenizer) -> None:
    output = stream(tokenizer, tokenizer.encode("一共8个。"), thinking_open=False)
    assert output.shown == ("一共8个。", "")  # type: ignore[attr-defined]
    assert output.reasoning_tokens == 0


def test_stop_string_within_the_bytes_of_many_tokens(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_bytes("鳄鱼龘麤靐END".encode())
    assert len(ids) > 8
    output = stream(tokenizer, ids, ("龘麤",), thinking_open=False)
    assert output.shown == ("鳄鱼", "")  # type: ignore[attr-defined]
    assert output.is_stopped


def test_unfinished_character_at_the_end_is_marked(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_bytes("鳄".encode())
    output = OutputText(tokenizer, (), thinking_open=False)
    assert all(output.push(i) == ("", "") for i in ids[:-1])
    assert output.finish() == ("\ufffd", "")


def test_marks_are_no_text_of_a_chat(tokenizer: Tokenizer) -> None:
    """Small models write a second </think>, or one where nothing was thought."""
    end, begin = tokenizer.token_id("</think>"), tokenizer.token_id("<think>")
    user = tokenizer.token_id("<｜User｜>")
    one, two = tokenizer.encode("三"), tokenizer.encode("八。")
    for opened, may_think, ids, shown in (
        (True, False, [*one, end, *two, end, *one], ("八。三", "三")),
        (True, False, [*one, begin, *one, end, end, begin, *two, user], ("八。", "三三")),
        (False, False, [end, *two, end], ("八。", "")),
        (False, True, [begin, *one, end, *two, end], ("八。", "三")),
        (False, True, [*two, begin, *one, end], ("八。三", "")),
    ):
        prompt = ChatPrompt([], opens_thinking=opened, may_think=may_think, is_chat=True)
        output = OutputText.of(prompt, tokenizer, ())
        pieces = [*map(output.push, ids), output.finish()]
        assert tuple(map("".join, zip(*pieces, strict=True))) == shown
    raw = OutputText.of(ChatPrompt([]), tokenizer, ())  # of a raw continuation they are
    assert "".join(raw.push(i)[0] for i in [*two, end]) + raw.finish()[0] == "八。</think>"
    tools = OutputText.of(ChatPrompt([], is_chat=True, shown=frozenset({user})), tokenizer, ())
    assert "".join(tools.push(i)[0] for i in [*two, user]) + tools.finish()[0] == "八。<｜User｜>"


def test_hidden_reasoning_is_counted_and_has_no_stop_strings(tokenizer: Tokenizer) -> None:
    end = tokenizer.token_id("</think>")
    ids = [*tokenizer.encode("三。八"), end, *tokenizer.encode("三八。三")]
    prompt = ChatPrompt([], opens_thinking=True, is_chat=True, shows_reasoning=False)
    output = OutputText.of(prompt, tokenizer, ("。",))
    pieces = [*map(output.push, ids), output.finish()]
    assert tuple(map("".join, zip(*pieces, strict=True))) == ("三八", "")
    assert output.is_stopped
    assert output.reasoning_tokens == len(tokenizer.encode("三。八")) + 1


@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.parametrize(
    ("text", "shown", "found"),
    [
        ('say "x', "say ", True),
        ('well\n<tool_call>\n{"name": "f"', 'well\n<tool_call>\n{"name": "f"', False),
        ('<tool_call>\nno "x', "<tool_call>\nno ", True),
        ('" <tool_call>\n{"name": "f"', "", True),
        ('<tool_call>\n{"na', "<tool_call>\n{", True),
    ],
)
def test_stops_cut_no_tool_call(text: str, shown: str, found: bool, size: int) -> None:
    stops = StopStrings(('"',), ('<tool_call>\n{"name": "',))
    out = "".join(stops.push(text[i : i + size]) for i in range(0, len(text), size)) + stops.finish()
    assert (out, stops.found is not None) == (shown, found)
