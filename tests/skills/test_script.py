"""A script's files are what other programs read, and carry the label; what an app gives in another form is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from huozhong.errors import SkillError
from huozhong.skills.script import read_script

PIECES = [{"say": "只要", "written": ""}, {"say": "三十九块九", "written": "39.9元"}, {"say": "。", "written": ""}]
CUE = {"part": "报价", "start": 0, "seconds": 4.5, "pieces": PIECES, "lines": [2]}
MADE = {
    "cues": [CUE, CUE | {"start": 4.5, "seconds": 2.25}],
    "left_out": [
        {"say": "全网第一。", "why": ["不能用"], "marks": [{"start": 0, "end": 4, "why": "x", "suggestion": "y"}]},
    ],
    "sheet": [{"text": "商品：苹果"}, {"text": "价格：39.9元"}],
}  # fmt: skip
TIMES = re.compile(r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})")


def cues_of(subtitles: str) -> list[tuple[float, float, str]]:
    """A SubRip file by its grammar: number, times, lines, an empty line."""
    found = []
    for number, block in enumerate(subtitles.strip().split("\n\n"), 1):
        counted, times, *lines = block.split("\n")
        assert counted == str(number)
        match = TIMES.fullmatch(times)
        assert match is not None
        hours, minutes, seconds, thousandths, *end = map(int, match.groups())
        found.append(
            (
                hours * 3600 + minutes * 60 + seconds + thousandths / 1000,
                end[0] * 3600 + end[1] * 60 + end[2] + end[3] / 1000,
                "\n".join(lines),
            )
        )
    return found


def test_subtitles_show_the_label_and_hold_it_for_programs() -> None:
    first, again, second, last = cues_of(read_script(MADE).subtitles("ember", "请核对"))
    assert first == (0, 3, "（AI 生成 · 请核对 · ember）\n只要三十九块九。")
    assert again == (3, 4.5, "只要三十九块九。")
    assert second[:2] == (4.5, 6.75)
    assert last[1] - last[0] == pytest.approx(0.001)
    assert json.loads(last[2])["AIGC"]["ContentProducer"] == "huozhong:ember"


def test_a_text_file_begins_and_ends_with_the_label() -> None:
    text = read_script(MADE).text("ember", "check it", english=True)
    assert text.startswith("(Made by AI · check it · ember)\n\n[报价] 0:00\n\n只要三十九块九 (39.9元)。")
    assert text.count("Made by AI") == 2
    assert '"AIGC"' in text


def test_what_no_model_wrote_bears_no_label() -> None:
    script = read_script(MADE)
    assert "AI" not in script.text("ember", by_model=False) + script.subtitles("ember", by_model=False)


def test_a_sentence_can_neither_end_its_cue_nor_begin_another() -> None:
    nasty = "一\n\n9\n00:00:00,000 --> 00:00:01,000\n二"
    script = read_script({"cues": [CUE | {"pieces": [{"say": nasty, "written": ""}]}]})
    assert len(cues_of(script.subtitles("m", by_model=False))) == 1


@pytest.mark.parametrize(
    "made",
    [
        None, [], {"cues": 3}, {"cues": [3]}, {"cues": [{}]}, {"cues": [CUE | {"lines": [0]}]}, {"cues": [CUE] * 501},
        {"cues": [CUE | {"seconds": float("nan")}]}, {"cues": [CUE | {"pieces": [{"say": "x" * 2001, "written": ""}]}]},
        {"cues": [CUE | {"start": True}]}, {"left_out": [{"say": "x", "why": "y"}]}, {"cues": [], "note": 3},
        {"sheet": [{"text": "x", "marks": [{"start": -1, "end": 2, "why": "x"}]}]},
    ],
)  # fmt: skip
def test_another_form_is_refused_in_one_sentence(made: Any) -> None:
    with pytest.raises(SkillError, match="The app's script has another form"):
        read_script(made)
