from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import ConfigError, DataError
from huozhong.train.rl.problems import Arithmetic, Curriculum, Listed, Mixture, Problem, read_problems
from huozhong.verify.arithmetic import evaluate, is_exam_expression, parse_number

EXPRESSION = re.compile(r"[\d(](?:[\d.+\-×÷()]*[\d)])?")


def expression_of(problem: Problem) -> str:
    found = EXPRESSION.search(problem.question)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_generated_sums_are_right_and_never_the_exams(level: int) -> None:
    rng = random.Random(level)
    drawn = [Arithmetic().draw(level, rng) for _ in range(400)]
    for problem in drawn:
        text = expression_of(problem)
        assert not is_exam_expression(text), text
        assert evaluate(text) == parse_number(problem.answer) or evaluate(text) == evaluate(problem.answer)
        assert len(re.findall(r"[+\-×÷]", text)) == level, text
        assert 0 < evaluate(text) < 100_000
    assert len({p.question for p in drawn}) > 350
    assert {op for p in drawn for op in "+-×÷" if op in p.question} == set("+-×÷")


def test_the_exams_bucket_would_have_been_met() -> None:
    """A check that cannot fail is worthless: of the same drawing without the rule about one in 16 is the exam's."""
    from huozhong.train.rl import problems

    rng = random.Random(0)
    texts = [problems._expression(rng, 2)[0] for _ in range(800)]
    assert 20 < sum(is_exam_expression(text) for text in texts) < 90


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_of_problems(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        {"question": "一加一", "answer": 2},
        {"question": "half", "answer": "1/2", "level": 2},
        {"question": "四分之一", "answer": "25%"},
        {"question": "poem", "form": "五言绝句"},
        {"question": "天气？", "refuse": True, "source": "is left alone"},
    )
    assert read_problems(path) == [
        Problem("一加一", "2"),
        Problem("half", "1/2", level=2),
        Problem("四分之一", "25%"),
        Problem("poem", form="五言绝句"),
        Problem("天气？", refuse=True),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer": "2"}, "no question"),
        ({"question": " ", "answer": "2"}, "no question"),
        ({"question": "?"}, "nothing that can be checked"),
        ({"question": "?", "answer": "twelve"}, "'twelve'"),
        ({"question": "?", "answer": ["2"]}, "must be a number"),
        ({"question": "?", "answer": "2", "level": 0}, "level 0"),
        ({"question": "?", "answer": "2", "level": True}, "level True"),
        ({"question": "?", "form": "sonnet"}, "'sonnet'"),
        ({"question": "?", "refuse": "no"}, "refuse 'no'"),
    ],
)
def test_a_bad_problem_is_named(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", {"question": "1+1", "answer": "2"}, row)
    with pytest.raises(DataError, match=f"problem 2 .*{said}"):
        read_problems(path)


def test_a_column_that_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", {"question": "1+1", "answer": "2", "anwser": "3"})
    with pytest.raises(DataError, match="problem 1: the field 'anwser' is not known here; did you mean 'answer'"):
        read_problems(path)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no problem"):
        read_problems(write(tmp_path / "p.jsonl"))


def test_a_mixture_draws_by_weight_from_those_that_have_the_level() -> None:
    easy = Listed([Problem("easy", "1", level=1)])
    both = Listed([Problem("low", "1", level=1), Problem("high", "1", level=3)])
    mixture = Mixture([(easy, 3.0), (both, 1.0)])
    assert mixture.levels == [1, 3]
    rng = random.Random(0)
    drawn = [mixture.draw(1, rng).question for _ in range(1000)]
    assert 680 < drawn.count("easy") < 820
    assert {mixture.draw(3, rng).question for _ in range(20)} == {"high"}
    with pytest.raises(ConfigError, match="weight 0"):
        Mixture([(easy, 0.0)])


def test_the_curriculum_moves_on_when_a_level_is_learnt_and_stays_at_the_last() -> None:
    rng = random.Random(0)
    curriculum = Curriculum([1, 2, 3], threshold=0.75, window=4, focus=0.5)
    assert {curriculum.draw(rng) for _ in range(20)} == {1}
    curriculum.record(1, [True, True, True])  # too few to tell
    curriculum.record(1, [False, False])
    assert curriculum.level == 1
    curriculum.record(1, [True, True, True])
    assert curriculum.level == 2
    drawn = [curriculum.draw(rng) for _ in range(400)]
    assert set(drawn) == {1, 2}
    assert 150 < drawn.count(1) < 250
    curriculum.record(1, [True] * 10)  # an earlier level says nothing about this one
    assert curriculum.level == 2
    again = Curriculum([1, 2, 3], threshold=0.75, window=4, focus=0.5)
    curriculum.record(2, [True, True])
    again.restore(json.loads(json.dumps(curriculum.state())))
    for one in (curriculum, again):
        one.record(2, [True, False])
        assert one.level == 3
        one.record(3, [True] * 8)
        assert one.level == 3
