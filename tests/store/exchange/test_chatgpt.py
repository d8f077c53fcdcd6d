"""ChatGPT's messages with what only its own program shows as it was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.store.exchange import chatgpt
from huozhong.store.exchange.shape import in_turns

AT = 1_750_000_000


def said(*messages: dict[str, Any]) -> list[tuple[str | None, str]]:
    """The turns of a conversation in which each message follows the one before."""
    mapping: dict[str, Any] = {}
    for number, message in enumerate(messages):
        parent = str(number - 1) if number else None
        mapping[str(number)] = {"id": str(number), "parent": parent, "children": [], "message": message}
    chat = in_turns(chatgpt.read({"mapping": mapping, "create_time": AT}))
    return [(one.role, one.content) for one in chat.said]


def message(role: str, *parts: Any, kind: str = "text", **more: Any) -> dict[str, Any]:
    content = {"content_type": kind, "parts": list(parts)}
    return {"author": {"role": role}, "content": content, "recipient": "all", "metadata": {}} | more


ASKED = message("user", "问")


def test_marks_become_what_was_shown_for_them() -> None:
    first, second = "\ue200cite\ue202turn0search1\ue201", "\ue200cite\ue202turn0search2\ue202turn0news3\ue201"
    references = [{"matched_text": first, "alt": "([人民网](https://people.cn/))"}, {"matched_text": " ", "alt": "no"}]
    answer = message(
        "assistant", f"是的。{first} 不是。{second}\n【4†source】完", metadata={"content_references": references}
    )
    assert said(ASKED, answer)[1] == ("assistant", "是的。([人民网](https://people.cn/)) 不是。\n完")
    plain = "甲  \n【注】【12】乙 "  # the brackets of a text are its own
    assert said(ASKED, message("assistant", plain))[1][1] == plain
    assert said(ASKED, message("assistant", "断\ue200cite\ue202turn0"))[1][1] == "断"


def test_a_canvas_is_part_of_the_answer() -> None:
    document = {"name": "trip_plan", "type": "document", "content": "# 行程\n第一天"}
    code = {"name": "sort", "type": "code/python", "content": "print(1)"}
    for told, shown in ((document, "**trip plan**\n\n# 行程\n第一天"), (code, "**sort**\n\n```python\nprint(1)\n```")):
        call = message("assistant", json.dumps(told), recipient="canmore.create_textdoc")
        tool = message("tool", "Successfully created")
        assert said(ASKED, call, tool, message("assistant", "写好了。")) == [
            ("user", "问"), ("assistant", shown + "\n\n写好了。"),
        ]  # fmt: skip
    broken = message("assistant", "{", recipient="canmore.create_textdoc")
    assert said(ASKED, broken, message("assistant", "好")) == [("user", "问"), ("assistant", "好")]


def test_pictures_that_were_drawn_and_files_that_were_sent_are_named() -> None:
    drawn = message("tool", {"content_type": "image_asset_pointer"}, kind="multimodal_text")
    files = [{"name": "合同.pdf", "mime_type": "application/pdf"}, {"name": "a.png", "mime_type": "image/png"}, None]
    assert said(message("user", "画", metadata={"attachments": files}), drawn) == [
        ("user", "[合同.pdf]\n\n画"), ("assistant", "[image]"),
    ]  # fmt: skip


@pytest.mark.parametrize("recipient", [None, "all"])
def test_an_answer_that_names_nobody_is_for_all(recipient: str | None) -> None:
    assert said(ASKED, message("assistant", "答", recipient=recipient))[1] == ("assistant", "答")
