"""Captions as WebVTT, written down by hand."""

from __future__ import annotations

import json
import re

from huozhong.apps.live.vtt import Cue, webvtt


def test_cues_follow_each_other_and_carry_the_label() -> None:
    cues = [Cue(0.0, "Apples ¥3.5"), Cue(0.5, "a < b & c --> d\n\ne"), Cue(3661.2345, "over an hour")]
    text = webvtt(cues, "en", "m")
    head, note, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT\nLanguage: en"
    assert note.startswith("NOTE Made by AI · m ")
    assert json.loads(note[note.index("{") :])["AIGC"]["Label"] == "1"
    assert blocks == [
        "1\n00:00:00.000 --> 00:00:01.500\nApples ¥3.5",
        "2\n00:00:01.500 --> 00:00:09.500\na &lt; b &amp; c --&gt; d e",
        "3\n01:01:01.234 --> 01:01:09.234\nover an hour",
    ]
    assert len(re.findall("-->", text)) == 3


def test_nothing_said_is_a_file_all_the_same() -> None:
    assert webvtt([], "zh").startswith("WEBVTT\n")
    assert "Made by AI" in webvtt([], "ja")


def test_what_the_seller_said_bears_no_label() -> None:
    text = webvtt([Cue(0.0, "三十九块九一斤")], "zh")
    assert text == "WEBVTT\nLanguage: zh\n\n1\n00:00:00.000 --> 00:00:08.000\n三十九块九一斤\n"
