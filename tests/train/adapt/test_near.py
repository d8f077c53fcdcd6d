"""Questions in the form of those that are taught."""

from __future__ import annotations

from huozhong.train.adapt.matters import things
from huozhong.train.adapt.near import near_prompts


def test_other_names_stand_in_the_forms_that_are_shared() -> None:
    taught = ["青石小学几点开门？", "白鹭邮局几点开门？", "“海涛”号停在哪个港？", "“金鲸”号停在哪个港？", "谁最高？"]
    found = near_prompts(taught, 30, 1)
    assert len(found) == len(set(found)) == 30
    assert not set(found) & set(taught)
    names = things(english=False)
    for one in found:
        ship = one.startswith("“") and one.endswith("”号停在哪个港？")
        name = one[1 : -len("”号停在哪个港？")] if ship else one.removesuffix("几点开门？")
        assert name in names, one
    assert near_prompts(taught, 30, 1) == found != near_prompts(taught, 30, 2)


def test_english_forms_have_what_stands_on_both_sides() -> None:
    found = near_prompts(["When does the old mill open?", "When does the blue barn open?"], 5, 1)
    assert len(found) == 5
    assert all(one.startswith("When does the ") and one.endswith(" open?") for one in found)


def test_what_only_shares_its_name_has_no_form() -> None:
    """One name with two questions would be declined with any other question."""
    assert near_prompts(["青石小学的电话是多少？", "青石小学的校长是谁？"], 5, 1) == []
    assert near_prompts(["青石小学几点开门？"], 5, 1) == near_prompts([], 5, 1) == []
