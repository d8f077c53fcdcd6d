"""Facts out of a sentence and in again: each exactly once, in every order a language may want."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Any

from tests.apps.live.scripted import Scripted

from huozhong.apps.live.forms import form
from huozhong.apps.live.names import names
from huozhong.apps.live.slots import MOST, filled, intact, parts, pattern
from huozhong.apps.live.translator import ByModel, caption, translated


def test_a_pattern_takes_each_slot_once_in_any_order_and_nothing_else() -> None:
    held = re.compile(pattern({1: "a", 2: "b", 3: "c"}, before="Today (⟦4⟧)"))
    for order in permutations((1, 2, 3)):
        assert held.fullmatch("Today (⟦4⟧) the " + " is ".join(f"⟦{one}⟧" for one in order) + ", well")
    for wrong in ("Today (⟦4⟧) ⟦1⟧ ⟦2⟧", "Today (⟦4⟧) ⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦3⟧", "⟦1⟧ ⟦2⟧ ⟦3⟧", "Today (⟦4⟧) ⟦1⟧ ⟦2⟧ ⟦5⟧"):
        assert not held.fullmatch(wrong), wrong
    assert len(pattern({1: "a", 2: "b", 3: "c", 4: "d"})) < 4000  # the engine takes no longer one


def test_intact_is_each_once() -> None:
    assert intact("⟦2⟧ and ⟦1⟧", {1: "Size", 2: "Money"})
    assert not intact("⟦2⟧ and ⟦1⟧", {1: "Money", 2: "Money"})  # two prices keep their order
    assert not re.fullmatch(pattern({1: "Money", 2: "Money"}), "⟦2⟧ and ⟦1⟧")
    for wrong in ("⟦1⟧", "⟦1⟧⟦1⟧⟦2⟧", "⟦1⟧⟦2⟧⟦3⟧", "⟦1⟧⟦2⟧⟦", "⟦1⟧ ⟦2⟧ ⟦x⟧"):
        assert not intact(wrong, {1: "a", 2: "b"}), wrong


def test_many_facts_are_cut_into_parts_that_a_growing_sentence_keeps() -> None:
    source = "苹果三块五，橘子四块五，梨两块五，葡萄九块九，草莓19.9，红色有S、M、L、XL、XXL、3XL五个码，还包邮"
    whole = parts(source, names([]))
    assert "".join(source[part.start : part.end] for part in whole) == source
    assert max(len(part.facts) for part in whole) <= MOST
    assert sum(len(part.facts) for part in whole) == 12
    assert [part.text for part in whole][:2] == ["苹果⟦1⟧，", "橘子⟦1⟧，"]
    ends = [part.end for part in whole]
    for length in range(len(source)):
        early = [part.end for part in parts(source[:length], names([]))[:-1]]
        assert early == ends[: len(early)], source[:length]


def test_nothing_that_is_said_becomes_a_slot() -> None:
    (part,) = parts("⟦1⟧三块五⟦2⟧", {})
    assert part.text == "[⟦1⟧]⟦2⟧[⟦3⟧]"  # what was said between marks is a number like any other
    assert filled(part.text, part.facts, "en").replace(" ", "") == "[1]¥3.5[2]"


def test_blanks_stand_between_a_fact_and_a_word() -> None:
    (part,) = parts("苹果三块五包邮", {})
    assert filled("apples⟦1⟧free", part.facts, "en") == "apples ¥3.5 free"
    assert filled("リンゴ⟦1⟧送料無料", part.facts, "ja") == "リンゴ3.5元送料無料"


def test_whoever_loses_a_slot_is_asked_between_them() -> None:
    (part,) = parts("今天苹果三块五橘子四块五包邮", {})
    good = translated(Scripted(), part, "en")
    assert good == "today apples ⟦1⟧ oranges ⟦2⟧ free shipping"
    kept = translated(Scripted(loses=True), part, "en")
    assert intact(kept, part.kinds)
    assert kept == "today apples ⟦1⟧ oranges ⟦2⟧ free shipping."
    assert caption(Scripted(), part, "en") == "today apples ¥3.5 oranges ¥4.5 free shipping"


def test_facts_alone_are_not_translated() -> None:
    scripted = Scripted()
    (part,) = parts("三块五、两斤装！", {})
    assert translated(scripted, part, "en") == "⟦1⟧, ⟦2⟧!"
    assert scripted.asked == []


def test_the_model_is_asked_under_a_schema_and_what_is_no_json_is_nothing() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def ask(messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int) -> Iterator[str]:
        assert schema is not None
        assert max_tokens > 0
        asked.append((messages[-1]["content"], schema))
        yield from ('{"text": "Apples', ' ⟦1⟧"}') if len(asked) == 1 else ("no",)

    model = ByModel(ask)
    (part,) = parts("苹果三块五", {})
    assert model(part.text, "en", part.kinds, "") == "Apples ⟦1⟧"
    assert re.fullmatch(asked[0][1]["properties"]["text"]["pattern"][1:-1], "Apples ⟦1⟧")
    assert "苹果⟦1⟧" in asked[0][0]
    assert "English" in asked[0][0]
    assert model(part.text, "ja", part.kinds, "") == ""
    assert form(part.facts[0], "ja") == "3.5元"
