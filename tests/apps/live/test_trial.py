"""Whether a model can translate is found out before viewers do."""

from __future__ import annotations

from collections.abc import Mapping

from huozhong.apps.live.trial import trial


def echo(text: str, language: str, slots: Mapping[int, str], before: str) -> str:
    return text


def test_a_model_that_says_the_same_again_cannot_translate() -> None:
    assert not trial(echo)["can"]


def test_one_sentence_of_three_is_luck() -> None:
    assert not trial(lambda text, language, slots, before: "An apple.")["can"]
    assert trial(lambda text, language, slots, before: "An apple in the rain.")["can"]
