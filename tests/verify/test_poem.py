from __future__ import annotations

import runpy
from importlib.resources import files
from pathlib import Path

import pytest

from huozhong.errors import ConfigError
from huozhong.verify.poem import (
    FORMS,
    extract_poem,
    matches_form,
    poem_shape,
    rhyme_group,
    rhyme_groups,
    rhymes,
)

SPRING = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。"
MOON = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
MAPLE = "远上寒山石径斜，白云生处有人家。\n停车坐爱枫林晚，霜叶红于二月花。"
LOOKING = "国破山河在，城春草木深。\n感时花溅泪，恨别鸟惊心。\n烽火连三月，家书抵万金。\n白头搔更短，浑欲不胜簪。"
HEIGHT = (
    "风急天高猿啸哀，渚清沙白鸟飞回。\n无边落木萧萧下，不尽长江滚滚来。\n"
    "万里悲秋常作客，百年多病独登台。\n艰难苦恨繁霜鬓，潦倒新停浊酒杯。"
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (SPRING, "五言绝句"),
        (MOON, "五言绝句"),
        (MAPLE, "七言绝句"),
        (LOOKING, "五言律诗"),
        (HEIGHT, "七言律诗"),
    ],
)
def test_known_poems_have_their_form_and_no_other(text: str, form: str) -> None:
    assert [name for name in FORMS if matches_form(text, name)] == [form]
    assert poem_shape(text) == [FORMS[form].length] * FORMS[form].lines


@pytest.mark.parametrize("text", [SPRING, MOON, MAPLE])
def test_known_quatrains_rhyme(text: str) -> None:
    form = next(name for name in FORMS if matches_form(text, name))
    assert rhymes(text, form)


def test_what_does_not_rhyme() -> None:
    assert not rhymes(MOON.replace("故乡", "故人"), "五言绝句")
    assert not rhymes(MOON.replace("故乡", "地霜"), "五言绝句")  # the same character twice is no rhyme
    assert not rhymes(MOON, "五言律诗")  # the wrong number of lines
    assert not rhymes(HEIGHT, "七言律诗")  # 回 and 杯 rhymed with 来 in Tang times only


@pytest.mark.parametrize(
    "text",
    [
        "",
        "床前明月光，疑是地上霜。举头望明月。",
        "床前明月光，疑是地上霜。举头望明月，低头思故乡。完",
        "床前明月光，疑是地上霜。举头望明，低头思故乡。",
        "床前明月光，疑是地上霜。举头望明月，低头思故乡a。",
        "床前明月光，疑是地上霜。举头望明月，低头思3乡。",
    ],
)
def test_broken_forms(text: str) -> None:
    assert not matches_form(text, "五言绝句")


def test_unknown_form_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'十四行诗'.*五言绝句"):
        matches_form(MOON, "十四行诗")
    with pytest.raises(ConfigError, match="'十四行诗'"):
        rhymes(MOON, "十四行诗")


def test_rhyme_groups() -> None:
    assert rhyme_group("诗") == rhyme_group("知") == rhyme_group("儿") == "一七"
    assert rhyme_group("东") == rhyme_group("风") == rhyme_group("明") == "中东"
    assert rhyme_group("山") == rhyme_group("天") == rhyme_group("远") == rhyme_group("关")
    assert rhyme_group("云") == rhyme_group("春") == rhyme_group("心") == "人辰"
    assert rhyme_group("绿") == rhyme_group("机") == "一七"
    assert rhyme_groups("还") == {"怀来", "言前", "姑苏"}
    assert rhyme_group("a") is None
    assert rhyme_group("，") is None


def test_rhymes_are_what_the_dictionary_of_readings_says() -> None:
    said = runpy.run_path(str(Path(__file__).parents[2] / "recipes/rhymes.py"))["table"]()
    assert (files("huozhong.verify") / "rhymes.txt").read_text(encoding="utf-8") == said


def test_extract_poem_leaves_out_what_is_around_it() -> None:
    answer = f"好的，这是一首五言绝句：\n\n**《春晓》**\n\n{SPRING}\n\n这首诗写了春天的早晨，十分生动。"
    assert extract_poem(answer) == SPRING
    assert extract_poem(MOON) == MOON
    assert extract_poem("《静夜思》\n" + MOON).strip() == MOON
    assert matches_form(extract_poem(LOOKING.replace("\n感", "\n\n感")), "五言律诗")


def test_extract_poem_does_not_hide_a_bad_line() -> None:
    bad = SPRING.replace("夜来风雨声", "夜来风雨声声")
    assert not matches_form(extract_poem(f"《春》\n\n{bad}"), "五言绝句")
