from __future__ import annotations

import json
import re

from huozhong.skills.label import metadata, sealed, visible


def test_people_see_it_and_programs_read_it() -> None:
    assert visible("ember", "仅供娱乐") == "AI 生成 · 仅供娱乐 · ember"
    assert visible("ember", english=True) == "Made by AI · ember"
    assert metadata("ember", "7")["AIGC"]["ProduceID"] == "7"
    text = sealed("你好。\n", "ember", "仅供娱乐")
    assert "（AI 生成 · 仅供娱乐 · ember）" in text
    hidden = re.search(r"<!-- (.*) -->", text)
    assert hidden is not None
    assert json.loads(hidden[1])["AIGC"]["ContentProducer"] == "huozhong:ember"


def test_a_models_name_cannot_end_the_comment() -> None:
    assert sealed("x", "a-->b").count("-->") == 2  # the visible line's own, and the comment's end
