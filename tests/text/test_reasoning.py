"""Cutting a streamed answer into reasoning and content, wherever the pieces are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.text.reasoning import ReasoningSplitter

PARTS = [
    "<think>",
    "</think>",
    "<",
    "</",
    "think",
    ">",
    "</thin",
    "a",
    "好",
    " ",
    "\n",
    "k>",
    "</think",
    "<think",
]


def split(pieces: list[str], *, opened: bool) -> tuple[str, str]:
    splitter = ReasoningSplitter(opened)
    parts = [part for piece in pieces for part in splitter.push(piece)] + splitter.finish()
    assert all(text for _, text in parts)
    kinds = [kind for kind, _ in parts]
    assert kinds == sorted(kinds, reverse=True), "reasoning comes before content"
    return (
        "".join(text for kind, text in parts if kind == "reasoning"),
        "".join(text for kind, text in parts if kind == "content"),
    )


def whole(text: str, *, opened: bool) -> tuple[str, str]:
    """The definition, without streaming."""
    if not opened:
        if not text.lstrip().startswith("<think>"):
            return "", text
        text = text.lstrip().removeprefix("<think>")
    reasoning, _, content = text.partition("</think>")
    return reasoning, content


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), st.data(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_cuts_give_the_same(text: str, data: st.DataObject, opened: bool) -> None:
    expected = whole(text, opened=opened)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    pieces = [text[a:b] for a, b in itertools.pairwise(cuts)]
    assert split(pieces, opened=opened) == expected
    assert split(list(text), opened=opened) == expected


@pytest.mark.parametrize("opened", [True, False])
def test_nothing_is_held_back_without_need(opened: bool) -> None:
    splitter = ReasoningSplitter(opened)
    kind = "reasoning" if opened else "content"
    assert splitter.push("hello ") == [(kind, "hello ")]
    assert splitter.push("2 < 3") == [(kind, "2 < 3")]


def test_a_partial_tag_waits() -> None:
    splitter = ReasoningSplitter(True)
    assert splitter.push("so</thi") == [("reasoning", "so")]
    assert splitter.push("s") == [("reasoning", "</this")]
    assert splitter.push("</") == []
    assert splitter.push("think>yes</think>") == [("content", "yes</think>")]
    assert splitter.finish() == []


def test_finish_gives_back_what_waited() -> None:
    splitter = ReasoningSplitter(True)
    assert splitter.push("a</think") == [("reasoning", "a")]
    assert splitter.finish() == [("reasoning", "</think")]
    splitter = ReasoningSplitter(False)
    assert splitter.push(" <th") == []
    assert splitter.finish() == [("content", " <th")]
