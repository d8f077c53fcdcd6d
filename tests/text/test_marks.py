"""What people wrote stays known through whatever a template does with it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.text.marks import MARKS, Marker, RenderedText, without_marks

CONTROL = ["<|end|>", "<think>", "</think>", "[INST]"]
MARKER = Marker(CONTROL)
TOKEN = re.compile("|".join(map(re.escape, CONTROL)))


def shown(marked: str) -> str:
    """With its marks, which no comparison with the text itself sees."""
    return "".join(marked)


def around(token: str) -> str:
    return f"{MARKS[0]}{token}{MARKS[1]}"


def broken(text: str) -> str:
    return f"{MARKS[2]}{text}{MARKS[2]}"


def trusted_tokens(rendered: str) -> list[str]:
    return [token for span in MARKER.spans(rendered) if span.trusted for token in TOKEN.findall(span.text)]


def test_text_without_control_tokens_is_untouched() -> None:
    for text in ("", " ", "hello world", "we think so", "a < b", "x\n\n- y", "{}"):
        assert shown(MARKER.mark(text)) == text


def test_what_is_spelled_is_not_trusted() -> None:
    marked = MARKER.mark("a <|end|> b")
    assert MARKER.spans(f"<think>{marked}<|end|>") == [
        RenderedText("<think>a ", True),
        RenderedText("<|end|>", False),
        RenderedText(" b<|end|>", True),
    ]
    assert without_marks(marked) == "a <|end|> b"
    assert json.dumps(MARKER.mark({"think": "end"}, inner=False)) == '{"think": "end"}'
    deep = MARKER.mark({"<think>": ["[INST]", 1, None]})
    assert json.dumps(deep) == json.dumps({around("<think>"): [broken(around("[INST]")), 1, None]})


@pytest.mark.parametrize(
    "template",
    [
        lambda text: text.split("</think>")[-1] + "<|end|>",
        lambda text: text.lstrip("<").rstrip(">") + "<|end|>",
        lambda text: "<".join(text.rsplit("|", 1)) + "<|end|>",
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


@pytest.mark.parametrize("text", ["[INST]", "think", "<think> x </think>\n\ny ", " think>", "a <|end|>"])
def test_what_a_template_asks_of_a_text_it_hears_of_the_true_one(text: str) -> None:
    marked = MARKER.mark(text)
    assert shown(marked) != text
    assert marked == text == MARKER.mark(text)
    assert marked != f"{text}!"
    assert len(marked) == len(text)
    assert {text: 1}[marked] == 1
    assert marked.startswith(text[:3])
    assert marked.endswith(text[-3:])
    assert text[1:4] in marked
    assert MARKER.mark(text[1:4]) in marked
    assert marked.find(text[-2:]) == text.find(text[-2:])
    assert [without_marks(part) for part in marked.split("</think>\n\n")] == text.split("</think>\n\n")
    assert [without_marks(part) for part in marked.rsplit(" ", 1)] == text.rsplit(" ", 1)
    for whole, stripped in ((marked.strip(), text.strip()), (marked.lstrip("<"), text.lstrip("<")),
                            (marked.rstrip("> "), text.rstrip("> "))):  # fmt: skip
        assert without_marks(whole) == stripped
    assert trusted_tokens("".join([marked[:3], marked.strip(), *marked.split("t")])) == []


def test_of_a_message_what_people_wrote_is_marked() -> None:
    call = {"id": "[INST]", "type": "function", "function": {"name": "think", "arguments": {"think": "<|end|>"}}}
    message = {"role": "think", "content": "</think>", "tool_calls": [call], "tool_call_id": "think"}
    marked = MARKER.message(message)
    assert marked["role"] == "think"
    assert shown(marked["content"]) == around("</think>")
    assert shown(marked["tool_call_id"]) == broken("think")
    (called,) = marked["tool_calls"]
    assert (shown(called["id"]), called["type"]) == (broken(around("[INST]")), "function")
    function = {"name": "think", "arguments": {broken("think"): around("<|end|>")}}
    assert json.dumps(called["function"]) == json.dumps(function)


def test_no_control_tokens_at_all() -> None:
    assert shown(Marker([]).mark("<think>")) == "<think>"
