"""ember's recipe: what it teaches is true, line by line, and never the exam's."""

from __future__ import annotations

import itertools
import json
import random
import re
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import numpy as np
import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ember"
sys.path.insert(0, str(RECIPE))

import ape  # noqa: E402
import arithmetic  # noqa: E402
import build_data  # noqa: E402
import drills  # noqa: E402
import easy_problems  # noqa: E402
import install  # noqa: E402
import poems  # noqa: E402
import rethink  # noqa: E402
import school_problems  # noqa: E402
import second_thoughts  # noqa: E402
import talk  # noqa: E402
from backwards import backwards, solved_for  # noqa: E402
from plans import plans_rightly  # noqa: E402
from solve import Number, Unsolvable, leaves, parse, solve, value_of  # noqa: E402
from word_problems import (  # noqa: E402
    as_published,
    changed,
    exchange_things,
    in_letters,
    read_problem,
    restyle,
    shaken,
)

from huozhong.formats.checkpoint import CheckpointReader  # noqa: E402
from huozhong.text.template import ChatTemplate  # noqa: E402
from huozhong.text.tokenizer import Tokenizer  # noqa: E402
from huozhong.train.recipe import load_recipe  # noqa: E402
from huozhong.verify.arithmetic import check_steps, evaluate, is_exam_expression, same_answer  # noqa: E402
from huozhong.verify.refusal import is_refusal  # noqa: E402

STAGES = [("pretrain.toml", "pretrain")]
LATER = (
    "sft",
    "anneal",
    "polish",
    "finish",
    "last",
    "again",
    "balance",
    "poems",
    "rhyme",
    "letters",
    "verses",
    "sums",
    "more",
    "more_verses",
    "more_sums",
    "more_problems",
    "more_poems",
    "known",
    "known_problems",
    "known_verses",
    "rethink_problems",
    "rethink_verses",
    "settle",
    "settle_verses",
    "settle_problems",
)
STAGES += [(f"{name}.toml", "sft") for name in LATER]
EQUATIONS = [
    ("(11-1)*2", "20"),
    ("(24+24*150%)/(1-(1/6)-(1/6)*150%-(1/4))", "180"),
    ("3.14*[(3+2)^2-3^2]", "50.24"),
    ("12/[(1-(5/8))/(5/8)]", "20"),
    ("2.2/((5/6)-(3/8))*(3/8)", "1.8"),
    ("3(1/2)+1(1/4)", "4.75"),
    ("864/36", "24"),
    ("45/36", "1.25"),
    ("2700*0.95", "2565"),
    ("7/3", "7/3"),
    ("0.5/((2/3)+(7/18))", "9/19"),
    ("(270-90)/((5/8)-(2/5))", "800"),
    ("15^3", "3375"),
]


@pytest.mark.parametrize(("equation", "answer"), EQUATIONS)
def test_a_solution_is_true_in_every_line(equation: str, answer: str) -> None:
    solution = solve(parse(equation))
    assert solution.answer.value == Fraction(answer)
    report = check_steps(solution.text())
    assert report.steps
    assert report.all_correct, report
    assert same_answer(f"答案：{str(solution.answer).strip('()')}", answer)


def test_differences_are_taken_place_by_place() -> None:
    said = ["777-736=77-36=47-6=41", "5-3.62=2-0.62=1.4-0.02=1.38", "640-640=0", "52-8=44", "1005-38=975-8=967"]
    assert [solve(parse(line.split("=")[0])).text() for line in said] == said


@pytest.mark.parametrize(
    ("equation", "line"),
    [
        ("545+255", "545+255=745+55=795+5=800"),
        ("76+4324", "76+4324=4324+76=4394+6=4400"),
        ("9.3+19.75", "9.3+19.75=19.75+9.3=28.75+0.3=29.05"),
        ("3+4897", "3+4897=4900"),
        ("1000+255", "1000+255=1255"),
        ("0+5", "0+5=5"),
    ],
)
def test_sums_are_added_up_place_by_place(equation: str, line: str) -> None:
    assert solve(parse(equation)).lines == (line,)


def test_long_products_and_quotients_are_written_out() -> None:
    assert solve(parse("36*24")).lines == ("36×24=720+144=820+44=860+4=864",)
    assert solve(parse("864/36")).lines == ("36×20=720，864-720=164-20=144，36×4=144，144-144=0", "864÷36=24")
    assert solve(parse("300/20")).lines == ("300÷20=30÷2=15",)


@pytest.mark.parametrize(
    ("question", "equation", "written"),
    [
        ("6个小组，每组4人，浇360棵", "360/(4*6)", "360÷6÷4"),
        ("每组4人，6个小组，浇360棵", "360/(6*4)", "360÷4÷6"),
        ("3千克白糖，42元，大米27元", "(42-27)/3", "(42-27)÷3"),
        ("3个，12元，再加5", "5+12*3", "3×12+5"),
        ("跑12圈，共3天，剩5", "12-(3+5)", "12-3-5"),
        ("少5，多8，有2", "2-5+8", "8-5+2"),  # never below zero on the way
        ("多8，少5，有3", "8-(5-3)", "8-5+3"),
        ("剩下的是全长的15%，全长200米", "200*(1-15%)", "(1-15%)×200"),
        ("每隔5米，长200米，种几棵", "200/5+1", "200÷5+1"),  # what is not in the question comes last
        ("直径4米", "4*3.14", "3.14×4"),  # a circle's constant first
        ("7天，3人，100元", "100*3/7", "3÷7×100"),  # has no end in decimals either way
        ("7人，14天，100元", "100*14/7", "14÷7×100"),
        ("40棵的(2/5)再除以4", "(2/5)*40/4", "40×(2/5)÷4"),
        ("边长3", "3^2*2", "3^2×2"),
    ],
)
def test_an_equation_is_written_in_the_order_of_the_question(question: str, equation: str, written: str) -> None:
    source = read_problem(question, equation, "0")
    assert source is not None
    assert str(source.equation) == written
    assert value_of(source.equation) == value_of(parse(equation))


def test_what_is_too_long_for_a_row_ends_after_its_plan() -> None:
    long = list(range(300))
    docs = [(long, [True] * 300, 40), (long, [True] * 300, 260), (long, [True] * 300, None), (long[:9], [True] * 9, 5)]
    assert [len(ids) for ids, _ in build_data.cut_plans(docs, 1)] == [40, 9]
    assert [len(ids) for ids, _ in build_data.cut_plans(docs[:1] + docs[3:] * 2, 2)] == [40, 5, 9]


def test_what_is_known_must_be_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["build_data.py", "data", "out", "--only-known"])
    with pytest.raises(SystemExit):
        build_data.main()
    assert "give that file as well" in capsys.readouterr().err


def test_the_plan_is_what_counts_in_what_a_model_knows() -> None:
    source = read_problem("每组4人，6个小组，浇360棵", "360/(6*4)", "15")
    assert source is not None
    assert plans_rightly("360÷4÷6", source)
    assert plans_rightly("a=4，b=6，c=360\nc÷a÷b\n360÷4÷6\n360÷4=90\n90÷6=15", source)
    assert not plans_rightly("a=4，b=6，c=360\nc÷a\n360÷4=90", source)
    assert plans_rightly("360÷(6×4)=360÷24", source)
    assert not plans_rightly("360÷4×6", source)
    assert not plans_rightly("答案：15", source)
    share = read_problem("120人中有90人是百分之几", "90/120", "75%")
    assert share is not None
    assert plans_rightly("90÷120", share)


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        ("36.5-41.4-125.8", ["36.5-41.4不够减，再想想"]),
        ("36.5+41.4-100", ["36.5+41.4=76.5+1.4=77.5+0.4=77.9", "77.9-100不够减，再想想"]),
        ("36.5+41.4", None),  # it could be so
        ("1-(7/5)", ["1-(7/5)不够减，再想想"]),
        ("(3/7)-(3/5)", ["(3/7)-(3/5)=(15/35)-(21/35)不够减，再想想"]),
        ("(1/2)-0.75", ["(1/2)-0.75=0.5-0.75不够减，再想想"]),
        ("0.4-(3/7)", ["0.4-(3/7)=(2/5)-(3/7)", "(2/5)-(3/7)=(14/35)-(15/35)不够减，再想想"]),
        ("7/0", None),
        ("37841*5283*1234-12345678901234", None),  # too much to read before one knows
    ],
)
def test_what_cannot_be_is_noticed(plan: str, lines: list[str] | None) -> None:
    assert rethink.noticed(parse(plan)) == lines
    if lines is not None:
        assert rethink.noticed(rethink.exchanged(parse(plan))) is None


def test_second_thoughts_are_learnt_and_first_ones_are_not() -> None:
    row = {
        "question": "甲重36.5千克，乙重41.4千克，丙重125.8千克，丙比甲乙的和还重多少千克？",
        "told": "a=36.5，b=41.4，c=125.8",
        "first": "36.5-41.4-125.8",
        "impossible": ["41.4-125.8", "36.5-41.4-125.8"],
        "plan": "125.8-36.5-41.4",
        "right": True,
    }
    data = cast(build_data.Data, SimpleNamespace(examined=lambda question: "examined" in question))
    turns = list(build_data.rethought_turns(data, [row] * 40, random.Random(3)))
    assert {turn[1].count(rethink.AGAIN) for turn in turns} == {1, 2}
    assert not list(build_data.rethought_turns(data, [row | {"question": "examined"}], random.Random(3)))
    assert not list(build_data.rethought_turns(data, [row | {"plan": "7/0"}], random.Random(3)))
    question, reasoning, answer = max(turns, key=lambda turn: turn[1].count(rethink.AGAIN))
    assert answer == "答案：47.9"
    assert reasoning.split("\n")[:9] == [
        "a=36.5，b=41.4，c=125.8",
        "a-b-c",
        "36.5-41.4-125.8",
        "36.5-41.4不够减，再想想",
        "b-c",
        "41.4-125.8不够减，再想想",
        "c-a-b",
        "125.8-36.5-41.4",
        "125.8-36.5=95.8-6.5=89.8-0.5=89.3",
    ]
    assert check_steps(reasoning).all_correct
    folder = str(RECIPE.parents[1] / "src" / "huozhong" / "models" / "ember")
    build_data._start_worker(folder)
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer, "reasoning_content": reasoning},
    ]
    ids, mask, end = build_data._encode(messages)
    learnt = Tokenizer.load(folder).decode([token for token, learn in zip(ids[:end], mask, strict=False) if learn])
    assert learnt == (
        "a=36.5，b=41.4，c=125.8\n36.5-41.4-125.8\n36.5-41.4不够减，再想想\n41.4-125.8不够减，再想想\nc-a-b\n"
    )
    assert [len(cut) for cut, _ in build_data.cut_plans([(ids, mask, end)] * 2, 2)] == [len(ids), end]


@pytest.mark.parametrize(
    ("letters", "plan"),
    [
        ("a-b", "9-(1/2)"), ("b×(a+80%)", "(1/2)×(9+80%)"), ("a", None), ("a-c", None), ("(a-b)", None),
        ("a-", None), ("你好", None),
    ],
)  # fmt: skip
def test_a_plan_is_read_back_with_its_letters(letters: str, plan: str | None) -> None:
    found = rethink.plan_of(letters, "a=9，b=(1/2)")
    assert found == (None if plan is None else parse(plan))


def test_numbers_are_shaken_until_the_plan_cannot_be() -> None:
    source = read_problem("有苹果35个，吃了14个，还剩几个", "35-14", "21")
    assert source is not None
    made = [shaken(source, random.Random(seed), rethink.cannot_be) for seed in range(40)]
    found = [one for one in made if one is not None]
    assert len(found) > 20
    for question, plan in found:
        there, eaten = map(int, re.findall(r"\d+", question))
        assert there < eaten
        assert str(plan) == f"{there}-{eaten}"
    assert shaken(source, random.Random(1), lambda plan: False) is None
    data = cast(build_data.Data, SimpleNamespace(problems=[source], examined=lambda question: False))
    for question, reasoning, answer in build_data.exchanged_turns(data, random.Random(1), 8):
        there, eaten = map(int, re.findall(r"\d+", question))
        first = [f"a={there}，b={eaten}", "a-b", f"{there}-{eaten}不够减，再想想", "b-a"]
        assert reasoning.split("\n")[:4] == first
        assert answer == f"答案：{eaten - there}"


def test_what_is_thought_of_next_is_right_or_at_least_could_be() -> None:
    source = read_problem("有苹果35个，吃了14个，还剩几个", "35-14", "21")
    assert source is not None
    said = [parse("14-35"), parse("35+14"), None, parse("35+14"), parse("35-14")]
    found = second_thoughts._next(as_published(source), said)
    assert found == {"plan": "35-14", "right": True, "impossible": ["14-35"]}
    assert second_thoughts._next(None, said) == {"plan": "35+14", "right": False, "impossible": ["14-35"]}
    assert second_thoughts._next(None, said[:3]) is None  # said only once


def test_differences_go_or_do_not() -> None:
    rng = random.Random(0)
    lines = [line for _ in range(60) for line in drills.difference_page(rng).split("\n")]
    for line in lines:
        if line.endswith("不够减，再想想"):
            assert value_of(parse(line.removesuffix("不够减，再想想").split("=")[-1])) < 0
        assert check_steps(line).all_correct or not check_steps(line).steps, line
    assert 0.35 < sum(line.endswith(rethink.AGAIN) for line in lines) / len(lines) < 0.6


@pytest.mark.parametrize(
    ("question", "equation", "written"),
    [
        ("计划16天生产2400个，每天多生产10个，几天完成", "2400/(2400/16+10)", "a=16，b=2400，c=10\nb÷(b÷a+c)"),
        ("打8折卖120元，原价多少元", "120/80%", "a=8，b=120\nb÷80%"),  # what the question does not name stays a number
        ("合格率是98%，200人参加，几人不合格", "200*(1-98%)", "a=98%，b=200\n(1-a)×b"),
        ("一半是(1/2)，(1/2)加(1/2)=多少", "(1/2)+(1/2)", "a=(1/2)\na+a"),
        ("底面积12，半径2，π取3.14", "3.14*2^2*12", "a=12，b=2，c=3.14\na×b^2×c"),
    ],
)
def test_a_plan_names_the_numbers_and_then_speaks_of_them(question: str, equation: str, written: str) -> None:
    source = read_problem(question, equation, "0")
    assert source is not None
    assert in_letters(as_published(source)) == written
    listed, plan = written.split("\n")
    for pair in listed.split("，"):
        plan = plan.replace(pair[0], pair[2:])
    assert plan == as_published(source).solution.equation


def test_what_is_known_comes_half_as_often() -> None:
    questions = ["每组14人，6个小组，共几人", "每排14棵，6排，共几棵"]
    sources = [read_problem(question, "14*6", "84") for question in questions]
    data = cast(build_data.Data, SimpleNamespace(problems=sources, examined=lambda question: False))
    turns = [turn[0] for turn in build_data.word_problem_turns(data, random.Random(1), 40, {questions[0]})]
    known, other = (sum(word in turn for turn in turns) for word in ("小组", "排"))
    assert 17 <= known <= 20  # what belongs to the exam is left out of both
    assert 34 <= other <= 40


def test_what_is_worded_like_a_test_problem_is_left_out() -> None:
    source = read_problem("甲有14人，乙有6人，共几人", "14+6", "20")
    exam = "乙有14人，甲有6人，共几人"  # what exchanging things and keeping the numbers makes of it
    data = cast(build_data.Data, SimpleNamespace(problems=[source], examined=lambda question: question == exam))
    turns = {turn[0] for turn in build_data.word_problem_turns(data, random.Random(1), 200, set())}
    assert {"甲", "乙"} == {turn[0] for turn in turns}
    assert exam not in turns


def test_things_change_within_their_kind_and_everywhere_alike() -> None:
    question = "甲筐有苹果8个，乙筐的梨比甲筐的苹果少3个，乙筐有几个"
    seen = {exchange_things(question, random.Random(seed)) for seed in range(60)}
    fruits = ["苹果", "桃子", "香蕉", "橘子"]
    assert seen == {
        f"{a}筐有{fruit}8个，{b}筐的梨比{a}筐的{fruit}少3个，{b}筐有几个"
        for a, b in ("甲乙", "乙甲")
        for fruit in fruits
    }


def test_a_quotient_of_told_numbers_is_a_division_and_a_told_fraction_stays_one() -> None:
    source = read_problem("走975米用15分，走390米要多少分", "390/(975/15)", "6")
    assert source is not None
    assert str(source.equation) == "15×390÷975"
    source = read_problem("3天做了(3/4)，做(1/2)要几天", "(1/2)/((3/4)/3)", "2")
    assert source is not None
    assert str(source.equation) == "3÷(3/4)×(1/2)"


def test_the_exponent_of_a_unit_is_no_number() -> None:
    source = read_problem("长方形长7cm，宽6cm，面积=多少cm^2", "7*6", "42")
    assert source is not None
    assert in_letters(as_published(source)) == "a=7，b=6\na×b"


@pytest.mark.parametrize(("text", "equation"), school_problems.TEMPLATES)
def test_every_school_template_makes_problems(text: str, equation: str) -> None:
    rng = random.Random(text)
    made = [drawn for _ in range(20) if (drawn := school_problems.numbers(text, equation, rng))]
    assert made
    constants = set(re.findall(r"(?<![a-z\d.])\d+(?:\.\d+)?", equation))
    for chosen, written, answer in made:
        assert not constants & set(map(str, chosen.values()))  # a letter would stand for both
        question = school_problems.worded(text, chosen, rng)
        assert not set(question) & set("{}[]|")
        source = read_problem(question, written, answer)
        assert source is not None
        solution = as_published(source).solution
        assert solution.answer.value == value_of(parse(written)) > 0
        plan = in_letters(as_published(source)).split("\n")[1]
        assert not set(re.findall(r"\d+(?:\.\d+)?", plan)) - {"1", "2", "3", "3.14", "4", "6", "10", "12"}


@pytest.mark.parametrize(("text", "forward", "back"), school_problems.RELATIONS)
def test_relations_lead_back_to_where_they_came_from(text: str, forward: str, back: str) -> None:
    values = {"m": "3", "f": "(3/4)", "g": "(2/5)", "n": "7", "r": "5", "q": "4", "y": "80"}
    ahead = value_of(parse(forward.translate({ord(name): value for name, value in values.items()})))
    values["x"] = f"({ahead.numerator}/{ahead.denominator})"
    assert value_of(parse(back.translate({ord(name): value for name, value in values.items()}))) == 80
    assert set(forward) & set("nmfgrq") == set(back) & set("nmfgrq") == set(re.findall(r"\{([a-z])\}", text)) - {"u"}


def test_who_is_left_out_of_a_clause_is_whom_the_clause_before_was_about() -> None:
    rng, left_out = random.Random(5), 0
    for problem in itertools.islice(school_problems.problems(rng), 3000):
        clauses = problem.question.split("，")
        short = [clause.startswith(("比", "是", "相当于", "与")) for clause in clauses]
        left_out += any(short)
        # after "A有120棵，是B的2倍" comes what is known of B: a clause about A would be read there
        assert not any(one and other for one, other in itertools.pairwise(short)), problem.question
        assert not short[0] or (clauses[0].startswith("比") and "的数是多少" in clauses[0])
    assert left_out > 100


@pytest.mark.parametrize("equation", ["3-5", "1/0", "2^4", "3+", "小明", "(1+2"])
def test_what_is_not_taught_is_refused(equation: str) -> None:
    with pytest.raises(Unsolvable):
        solve(parse(equation))


def test_changed_numbers_keep_the_story_and_the_truth() -> None:
    rng = random.Random(0)
    source = read_problem("一批货物共120吨，已经运走了45吨，剩下的要求5次运完，平均每次运多少吨？", "(120-45)/5", "15")
    assert source is not None
    assert as_published(source).solution.answer.value == 15
    seen = set()
    for _ in range(30):
        problem = changed(source, rng)
        assert problem is not None
        solution = problem.solution
        assert evaluate(solution.equation) == solution.answer.value
        assert solution.answer.value.denominator == 1
        assert solution.answer.value > 0
        assert check_steps(solution.text()).all_correct
        assert problem.question.startswith("一批货物共")
        assert restyle(problem.question, random.Random(0))
        seen.add(problem.question)
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("question", "equation", "answer", "asked"),
    [
        (
            "水果店运来20箱梨，每箱25千克．卖出325千克，还剩多少千克？",
            "20*25-325",
            "175",
            {
                "水果店运来20箱梨，每箱25千克，还剩175千克，卖出多少千克": "20×25-175",
                "水果店运来20箱梨，卖出325千克，还剩175千克，每箱多少千克": "(325+175)÷20",
                "每箱25千克，卖出325千克，还剩175千克，水果店运来多少箱梨": "(325+175)÷25",
                "水果店运来多少箱梨，每箱25千克，卖出325千克，还剩175千克": "(325+175)÷25",
            },
        ),
        (
            "某小区有480户住户，其中有电脑的占(5/8)．该小区有电脑的住户有多少户？",
            "480*(5/8)",
            "300",
            {
                "某小区有480户住户，该小区有电脑的住户有300户，其中有电脑的占几分之几": "300÷480",
                "其中有电脑的占(5/8)，该小区有电脑的住户有300户，某小区有多少户住户": "300÷(5/8)",
                "某小区有多少户住户，其中有电脑的占(5/8)，该小区有电脑的住户有300户": "300÷(5/8)",
            },
        ),
        ("40千克是多少千克的80%？", "40/80%", "50", {"多少千克是50千克的80%": "50×80%"}),
        ("他买了16袋，每袋5元，用了多少钱？", "16*5", "80", {}),  # 80钱 is not said
    ],
)
def test_a_problem_asked_backwards(question: str, equation: str, answer: str, asked: dict[str, str]) -> None:
    source = read_problem(question, equation, answer)
    assert source is not None
    found = {}
    for seed in range(60):
        turned = backwards(source, random.Random(seed))
        if turned is not None:
            found[turned.question[:-1]] = str(turned.equation)
            assert check_steps(as_published(turned).solution.text()).all_correct
    assert found == asked


@pytest.mark.parametrize("equation", ["3+4", "12-5", "6×7", "20÷4", "(9-2)×3", "60÷(7+5)", "100-8×3", "(2+3)×4-7"])
def test_every_number_of_an_equation_can_be_asked_for(equation: str) -> None:
    node = parse(equation)
    total = Number(value_of(node))
    for number in leaves(node):
        assert value_of(solved_for(number, node, total)) == number.value


def test_constants_of_the_language_stay() -> None:
    source = read_problem("一个圆的半径是3厘米，面积是多少？", "3.14*3^2", "28.26")
    assert source is not None
    problem = changed(source, random.Random(1))
    assert problem is not None
    assert "3.14" in problem.solution.equation


def test_practice_sums_are_true_and_never_the_exams() -> None:
    rng = random.Random(0)
    for steps in (1, 2, 3) * 60:
        problem = arithmetic.expression(rng, steps)
        assert not is_exam_expression(problem.question)
        assert evaluate(problem.question) == problem.solution.answer.value
        assert check_steps(problem.solution.text()).all_correct, problem


def test_pages_of_practice_are_true_and_never_the_exams() -> None:
    rng = random.Random(0)
    worked = itertools.repeat("3×4=12\n12+5=17")
    pages = [drills.page(rng, worked) for _ in range(60)]
    left_over = re.compile(r"(\d+)÷(\d+)=(\d)(?:……(\d+))?")
    seen = 0
    for line in "\n".join(pages).split("\n"):
        if match := left_over.fullmatch(line):
            whole, divisor, digit, rest = (int(group or 0) for group in match.groups())
            assert divmod(whole, divisor) == (digit, rest)
            assert not is_exam_expression(f"{whole}÷{divisor}")
            seen += 1
        else:
            report = check_steps(line)
            assert report.all_correct or not report.steps, line
            assert not report.unreadable, line
    assert seen > 100


def test_ember_is_shown_the_last_two_questions(tokenizer: Tokenizer) -> None:
    template = ChatTemplate(build_data.CHAT_TEMPLATE, tokenizer)
    said = [(role, str(n)) for n in range(1, 5) for role in ("user", "assistant")]
    messages = [{"role": role, "content": text} for role, text in said]
    assert template.render(messages[:1]).count("1") == 1
    shown = template.render([{"role": "system", "content": "规则"}, *messages[:7]])
    assert shown.startswith("<｜begin▁of▁sentence｜>规则<｜User｜>3<｜Assistant｜></think>3")
    assert shown.endswith("<｜User｜>4<｜Assistant｜><think>")
    ids, mask = template.training_tokens(messages[:4])
    assert len(ids) == len(mask)


def test_numbers_are_read_aloud_as_people_do() -> None:
    said = {3: "三", 10: "十", 15: "十五", 20: "二十", 105: "一百零五", 2005: "二千零五", 9009: "九千零九"}
    assert {value: arithmetic.in_characters(value) for value in said} == said


def test_another_wording_keeps_the_question() -> None:
    rng = random.Random(0)
    for _ in range(200):
        assert "画蛇添足" in talk.vary("画蛇添足是什么意思？", rng)
        assert talk.vary("Who are you?", rng) == "Who are you?"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_easy_problems_have_whole_answers(language: Literal["zh", "en"]) -> None:
    rng = random.Random(0)
    for _ in range(300):
        problem = easy_problems.problem(rng, language)
        assert "{" not in problem.question
        assert evaluate(problem.solution.equation) == problem.solution.answer.value
        assert problem.solution.answer.value.denominator == 1


def test_a_poems_reasoning_names_the_words_its_lines_end_on() -> None:
    text = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
    chosen = poems.choose([{"title": "登鹳雀楼", "text": text, "form": "五言绝句"}], set())
    assert len(chosen) == 1
    question, reasoning, answer = poems.request(chosen[0], random.Random(0))
    assert "五言绝句" in question
    assert "流、楼" in reasoning
    assert answer == text


def test_every_no_is_recognised_and_nothing_else() -> None:
    rng = random.Random(0)
    for _ in range(200):
        assert is_refusal(talk.templated_out_of_scope(rng)[2])
        assert not is_refusal(talk.small_talk(rng)[2])
        assert not is_refusal(talk.riddle(rng)[2])


def test_a_mean_is_installed_and_all_its_logits_are_scaled(tmp_path: Path) -> None:
    install.install([install.BUILT_IN, install.BUILT_IN], tmp_path / "mean", logit_scale=2.0)
    one, mean = CheckpointReader(install.BUILT_IN), CheckpointReader(tmp_path / "mean")
    assert set(one.names()) == set(mean.names())
    for name in one.names():
        factor = 2 if name == install.FINAL_NORM else 1
        assert np.array_equal(mean.tensor(name), factor * one.tensor(name)), name
    sampling = json.loads((tmp_path / "mean" / "generation_config.json").read_text(encoding="utf-8"))
    assert install.SAMPLING.items() <= sampling.items()


def test_published_problems_are_marked_and_what_is_worded_like_a_known_one_is_left_out() -> None:
    rows = [
        {"id": "1", "original_text": "5筐苹果重125千克，每筐重多少千克？", "equation": "x=125/5", "ans": "25"},
        {"id": "2", "original_text": "8筐苹果重96千克，每筐重多少千克．", "equation": "x=96/8", "ans": "12"},
        {"id": "3", "original_text": "一袋糖的(2/5)是多少？", "equation": "x=1*(2/5)", "ans": "40%"},
        {"id": "4", "original_text": "小红有6朵花，送人2朵，还剩几朵？", "equation": "x=6-2", "ans": "3"},
        {"id": "5", "original_text": "零下5度比零下3度低几度？", "equation": "x=-3-(-5)", "ans": "2"},
    ]
    found = list(ape.converted(rows, {ape.wording("一袋糖的(1/4)是多少")}))
    assert [(row["id"], row["equation"], row["verified"]) for row in found] == [
        ("1", "125/5", True),
        ("4", "6-2", False),
        ("5", "-3-(-5)", False),
    ]


@pytest.mark.parametrize(("file", "stage"), STAGES)
def test_the_recipes_can_be_read(file: str, stage: str) -> None:
    assert load_recipe(RECIPE / file, stage).total_steps > 100  # type: ignore[arg-type]
