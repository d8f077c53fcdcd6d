"""The data files: complete, sourced, reviewed, in words that may be said to a child in distress."""

from __future__ import annotations

import re

import pytest

from huozhong.verify.distress.normal import normal, simplified
from huozhong.verify.distress.phones import CHINA
from huozhong.verify.distress.rules import LANGUAGES, Kind, book

KINDS = list(book().kinds.values())
CHEERFUL = re.compile(r"[!！]{2}|哈哈|嘻嘻|天天进步|😀|haha|cheer up|开心点|想开点|别想太多|笑话|joke")


def texts(kind: Kind) -> list[str]:
    every = []
    for language in LANGUAGES:
        every += [kind.reply[language], *kind.group.again[language], *kind.group.follow[language]]
    return every


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_source_a_note_and_texts(kind: Kind) -> None:
    assert len(kind.source) > 20
    assert len(kind.note) > 20
    for text in texts(kind):
        assert not CHEERFUL.search(text)
        assert 30 < len(text) < 900
        assert set(re.findall(r"\{(\w+)\}", text)) <= set(CHINA)
        assert re.search(r"\{\w+\}", text), "every text names a number to ring"
        assert not re.search(r"1(?:10|19|20|22|235[56])(?!\d)", text), (
            "numbers stand as {names}, so that a place can set its own"
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_first_text_says_whom_to_tell_in_both_languages(kind: Kind) -> None:
    assert re.search(r"大人|爸爸妈妈|家长|医生|老师", kind.reply["zh"])
    assert re.search(r"grown-up|parent|doctor|teacher", kind.reply["en"])
    assert len(kind.reply["zh"].splitlines()) <= 4
    assert re.search(r"emergency number|where you live|helpline|local police|China", kind.reply["en"])


def test_kinds_are_many_and_rules_have_their_own_ids() -> None:
    ids = [rule.id for rule in book().rules]
    assert len(KINDS) >= 20
    assert len(ids) == len(set(ids))
    assert {rule.kind.name for rule in book().rules} == {kind.name for kind in KINDS}


def test_what_kills_fastest_is_answered_first() -> None:
    order = [rule.kind.group.name for rule in book().rules]
    assert order.index("life") < order.index("body") < order.index("care") < order.index("medicine")
    rule = book().find("爸爸打我，我吃了一瓶安眠药")
    assert rule is not None
    assert rule.kind.name == "overdose"


def test_every_pattern_is_a_regular_expression() -> None:
    for rule in book().rules:
        for pattern in rule.patterns:
            assert pattern.regex.pattern == pattern.expression


def test_rules_are_written_in_the_normal_form() -> None:
    """A word that the normal form changes could never be met."""
    for rule in book().rules:
        for pattern in rule.patterns:
            for word in (word for place in pattern.places for word in place):
                if len(word) > 1:
                    assert normal(word) == word.strip(), f"{rule.id}: {word!r} is {normal(word)!r} in the normal form"


def test_traditional_characters_of_the_rules_are_known() -> None:
    """A character of the rules that Big5 lacks has a traditional form, and the table has it."""
    known = {ord(new) for new in simplified().values()}
    words = {
        letter for r in book().rules for p in r.patterns for place in p.places for word in place for letter in word
    }
    lacking = []
    for letter in sorted(words):
        if "\u4e00" <= letter <= "\u9fff" and ord(letter) not in known:
            try:
                letter.encode("big5")
            except UnicodeEncodeError:
                lacking.append(letter)
    assert "".join(lacking) == "亖吡嗪嘞幺擀肟酰"  # written alike in both scripts, or only in one


def test_a_nearer_rule_stands_before_the_kinds_it_names_and_no_others() -> None:
    def kind(text: str) -> str | None:
        rule = book().find(text)
        return None if rule is None else rule.kind.name

    assert kind("妈妈揪我头发往墙上撞") == "home_violence"
    assert kind("我用头撞墙") == "self_harm"
    assert kind("全班都叫我去死") == "bullying"
    assert kind("全班都叫我去死，我不想活了") == "suicide"
    assert kind("全班都叫我去死，我把安眠药都吃了") == "overdose"
    assert kind("胰岛素打多少单位") == "medicine"
    assert kind("胰岛素打多了头晕") == "overdose"
    assert kind("安眠药吃几颗能睡死") == "suicide"
    for rule in book().rules:
        assert set(rule.before) <= set(book().kinds), rule.id
