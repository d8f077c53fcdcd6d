from __future__ import annotations

import pytest

from huozhong.errors import ConfigError
from huozhong.train.rl.problems import Problem
from huozhong.train.rl.rewards import REWARDS, Attempt, check_weights, reward, solved

SUM = Problem("3+5=", answer="8")
POEM = Problem("写一首五言绝句", form="五言绝句")
QUATRAIN = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。"


def attempt(text: str, *, tokens: int = 20, finished: bool = True, opened: bool = True, margin: int = 0) -> Attempt:
    return Attempt.read(text, tokens=tokens, finished=finished, limit=100, margin=margin, opened=opened)


def test_reasoning_and_answer_are_parted() -> None:
    read = attempt("3+5=8</think>答案：8")
    assert (read.reasoning, read.text) == ("3+5=8", "答案：8")
    assert attempt("3+5=8，还没有").text == ""
    plain = attempt("答案：8", opened=False)
    assert (plain.reasoning, plain.text) == (None, "答案：8")
    own = attempt("<think>3+5</think>8", opened=False)  # a model that opens it itself
    assert (own.reasoning, own.text) == ("3+5", "8")


@pytest.mark.parametrize(
    ("name", "problem", "text", "value"),
    [
        ("answer", SUM, "3+5=8</think>答案：8", 1),
        ("answer", SUM, "3+5=9</think>答案：9", 0),
        ("answer", SUM, "3+5=8", 0),  # never came to an answer
        ("answer", POEM, "</think>8", 0),
        ("format", SUM, "3+5=8</think>答案：8", 1),
        ("format", SUM, "</think>答案：8", 0),  # no reasoning
        ("format", SUM, "3+5=8</think>", 0),
        ("format", SUM, "3</think>8</think>8", 0),
        ("steps", SUM, "3+5=8\n8×2=15</think>答案：8", 0.5),
        ("steps", SUM, "八</think>答案：8", 0),
        ("poem_form", POEM, f"</think>{QUATRAIN}", 1),
        ("poem_form", POEM, "</think>春眠不觉晓，处处闻啼鸟。", 0),
        ("poem_form", SUM, f"</think>{QUATRAIN}", 0),
        ("poem_rhyme", POEM, f"</think>{QUATRAIN}", 1),
        ("poem_rhyme", POEM, "</think>春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多大。", 0),
        ("refusal", Problem("?", refuse=True), "</think>这件事我太小了，做不了。", 1),
        ("refusal", Problem("?", refuse=True), "</think>北京。", 0),
        ("refusal", Problem("?", refuse=False), "</think>你好！", 1),
        ("refusal", Problem("?", refuse=False), "</think>这件事我太小了，做不了。", 0),
        ("refusal", Problem("?", refuse=False), "你好！", 0),  # no answer is no honest answer
        ("refusal", SUM, "</think>这件事我太小了，做不了。", 0),
    ],
)
def test_rewards(name: str, problem: Problem, text: str, value: float) -> None:
    assert REWARDS[name](problem, attempt(text)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("tokens", "finished", "value"), [(10, True, 0), (80, True, 0), (90, True, -0.5), (100, True, -1), (100, False, -1)]
)
def test_length_goes_down_before_the_limit(tokens: int, finished: bool, value: float) -> None:
    given = attempt("8", tokens=tokens, finished=finished, margin=20)
    assert REWARDS["length"](SUM, given) == pytest.approx(value)


def test_length_without_a_margin_minds_only_what_was_cut_off() -> None:
    assert REWARDS["length"](SUM, attempt("8", tokens=100)) == 0
    assert REWARDS["length"](SUM, attempt("8", tokens=100, finished=False)) == -1


def test_rewards_are_added_by_weight() -> None:
    weights = {"answer": 1.0, "steps": 0.1, "length": 0.2}
    assert reward(weights, SUM, attempt("3+5=8</think>答案：8")) == pytest.approx(1.1)
    assert reward(weights, SUM, attempt("3+5=8", finished=False)) == pytest.approx(0.1 - 0.2)


def test_solved_asks_for_everything_that_the_problem_says() -> None:
    assert solved(SUM, attempt("3+5=8</think>答案：8"))
    assert not solved(SUM, attempt("3+5=8</think>答案：7"))
    assert solved(POEM, attempt(f"</think>{QUATRAIN}"))
    assert not solved(POEM, attempt("</think>春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多大。"))  # no rhyme
    assert not solved(Problem("?", refuse=True), attempt("</think>好。"))


@pytest.mark.parametrize(("weights", "said"), [({"beauty": 1.0}, "'beauty'"), ({"answer": 0.0}, "no reward")])
def test_bad_weights_are_named(weights: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_weights(weights)
