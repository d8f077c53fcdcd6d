"""ember's reinforcement: its problems can be checked, and none is the exam's or the held-out part's."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ember"
sys.path.insert(0, str(RECIPE))

import rl_data  # noqa: E402
import worth  # noqa: E402
from solve import parse  # noqa: E402
from word_problems import Source, as_published, read_problem  # noqa: E402

from huozhong.engine.llm import LLM  # noqa: E402
from huozhong.train.rl.problems import read_problems  # noqa: E402
from huozhong.train.rl.recipe import load_rl_recipe  # noqa: E402
from huozhong.verify.arithmetic import evaluate, is_exam_expression, same_answer  # noqa: E402

ROWS = [
    ("小明有3个苹果，又买了5个，一共有几个？", "3+5", "8"),
    ("每盒12支铅笔，7盒一共多少支？", "12*7", "84"),
    ("一本书共120页，看了(1/4)，还剩多少页？", "120*(1-(1/4))", "90"),
    ("学校买来15盒彩笔，每盒24元，又买6个足球，每个48元，一共用了多少元？", "15*24+6*48", "648"),
    ("食堂有大米300千克，吃了25%，还剩多少千克？", "300*(1-25%)", "225"),
]


@pytest.fixture
def sources() -> list[Source]:
    read = [read_problem(*row) for row in ROWS]
    assert None not in read
    return [source for source in read if source is not None]


@pytest.mark.parametrize(("equation", "count"), [("5", 0), ("3+5", 1), ("(11-1)*2", 2), ("15*24+6*48", 3)])
def test_levels_count_operations(equation: str, count: int) -> None:
    assert rl_data.operations(parse(equation)) == count


def test_training_problems_can_be_read_and_are_levelled(sources: list[Source], tmp_path: Path) -> None:
    rows = list(rl_data.training_problems(sources, random.Random(1), copies=20))
    assert len(rows) > 60
    rl_data.write(tmp_path / "problems.jsonl", rows)
    problems = read_problems(tmp_path / "problems.jsonl")
    assert {p.level for p in problems} == {1, 2, 3}
    assert len({p.question for p in problems}) > 40
    assert [json.loads(line) for line in (tmp_path / "problems.jsonl").read_text().splitlines()] == rows


def test_held_out_problems_have_numbers_of_their_own(sources: list[Source]) -> None:
    rows = list(rl_data.held_out_problems(sources, random.Random(2)))
    assert len(rows) >= 4
    assert not {row["question"] for row in rows} & {question for question, _, _ in ROWS}
    assert not {row["question"] for row in rows} & {as_published(source).question for source in sources}


def test_a_story_is_held_out_whatever_its_numbers() -> None:
    sides = []
    for n in range(300):
        pair = [read_problem(f"第{'甲乙丙丁'[n % 4]}组故事{'一二三四五'[n % 5]}有{a + n}个{'桃梨' * n}，又来了5个，有几个？", f"{a + n}+5", str(a + n + 5)) for a in (3, 400)]  # fmt: skip  # noqa: E501
        first, second = (rl_data.is_valid(source) for source in pair if source is not None)
        assert first == second
        sides.append(first)
    assert 2 < sum(sides) < 30  # one in 25


def test_the_recipe_can_be_read() -> None:
    recipe = load_rl_recipe(RECIPE / "rl.toml")
    assert recipe.base == "src/huozhong/models/ember"
    assert recipe.problems.valid not in {source.path for source in recipe.problems.train}


def test_what_is_known_comes_once_and_with_other_numbers(sources: list[Source]) -> None:
    known = {sources[0].question}
    rows = list(rl_data.training_problems(sources[:2], random.Random(1), 5, known))
    assert len(rows) == 6
    assert not known & {row["question"] for row in rows}


def test_bare_sums_are_what_problems_come_to(sources: list[Source]) -> None:
    for row in rl_data.bare_sums(sources, random.Random(3), 30):
        expression = row["question"].removesuffix("=?")
        assert same_answer(row["answer"], evaluate(expression))
        assert not is_exam_expression(expression)
        assert row["level"] == min(rl_data.operations(parse(expression)), 3)


def test_only_what_is_sometimes_right_and_sometimes_wrong_is_worth_practising() -> None:
    always, never = {"question": "3+5=?", "answer": "8"}, {"question": "3+5=?", "answer": "9"}
    hard = [{"question": f"{n}×{n + 88}=?", "answer": str(n * (n + 88))} for n in range(401, 3000, 177)]
    with LLM("ember") as llm:
        kept = list(worth.mixed(llm, [always, never, *hard], samples=4, temperature=1.0))
    assert kept
    assert all(row in hard for row in kept)
    assert len(kept) < len(hard)
