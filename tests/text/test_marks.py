"""What people wrote stays known through whatever a template does with it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.text.marks import MARKS, Marker, RenderedText, without_marks

CONTROL = ["<|end|>", "<think>", "</think>", "[INST]"]
MARKER = Marker(CONTROL)
TOKEN = re.compile("|".join(map(re.escape, CONTROL)))


def trusted_tokens(rendered: str) -> list[str]:
    return [token for span in MARKER.spans(rendered) if span.trusted for token in TOKEN.findall(span.text)]


def test_text_without_control_tokens_is_untouched() -> None:
    for text in ("", " ", "hello world", "we think so", "a < b", "x\n\n- y", "{}"):
        assert MARKER.mark(text) == text


def test_what_is_spelled_is_not_trusted() -> None:
    marked = MARKER.mark("a <|end|> b")
    assert MARKER.spans(f"<think>{marked}<|end|>") == [
        RenderedText("<think>a ", True),
        RenderedText("<|end|>", False),
        RenderedText(" b<|end|>", True),
    ]
    assert without_marks(marked) == "a <|end|> b"
    assert MARKER.mark({"think": "end"}, inner=False) == {"think": "end"}
    assert MARKER.mark({"<think>": ["[INST]", 1, None]}) == {MARKER.mark("<think>"): [MARKER.mark("[INST]"), 1, None]}


@pytest.mark.parametrize(
    "template",
    [
        lambda text: text.split("</think>")[-1] + "<|end|>",
        lambda text: text.upper().lower() + "<|end|>",
        lambda text: text.strip() + "<|end|>",
        lambda text: text.replace("<think>", "") + "<|end|>",
        lambda text: "<" + text + "|>" + "<|end|>",
        lambda text: "/".join(text.split(" ")) + "<|end|>",
    ],
)
@given(
    text=st.lists(
        st.sampled_from([*CONTROL, "<", "|end", "|>", "end", "</", "think>", "[IN", "ST]", " ", "a", *MARKS, "<|END|>"])
    ).map("".join)
)
def test_only_the_templates_own_token_is_found(template, text: str) -> None:  # type: ignore[no-untyped-def]
    assert trusted_tokens(template(MARKER.mark(text))) == ["<|end|>"]


def test_of_a_message_what_people_wrote_is_marked() -> None:
    call = {"id": "[INST]", "type": "function", "function": {"name": "think", "arguments": {"think": "<|end|>"}}}
    message = {"role": "think", "content": "</think>", "tool_calls": [call], "tool_call_id": "think"}
    marked = MARKER.message(message)
    assert marked["role"] == "think"
    assert marked["content"] == MARKER.mark("</think>") != "</think>"
    assert marked["tool_call_id"] == MARKER.mark("think") != "think"
    shown = marked["tool_calls"][0]
    assert (shown["id"], shown["type"]) == (MARKER.mark("[INST]"), "function")
    assert shown["function"] == {"name": "think", "arguments": {MARKER.mark("think"): MARKER.mark("<|end|>")}}


def test_no_control_tokens_at_all() -> None:
    assert Marker([]).mark("<think>") == "<think>"
