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

import by_kind  # noqa: E402
import distractors  # noqa: E402
import easy_problems  # noqa: E402
import follow_ups  # noqa: E402
import gsm8k  # noqa: E402
import install  # noqa: E402
import make  # noqa: E402
import poems  # noqa: E402
import school  # noqa: E402
import school_problems  # noqa: E402
from backwards import backwards, solved_for  # noqa: E402
from build_data import Maker  # noqa: E402
from chat_template import CHAT_TEMPLATE, SHOWN  # noqa: E402
from plan_text import in_chinese, plan_of, spoken  # noqa: E402
from problem_docs import Problems  # noqa: E402
from sources import Sources  # noqa: E402
from word_problems import as_published, changed, exchange_things, read_problem, restyle  # noqa: E402

from huozhong.acts.labels import CONTINUE, EXPLAIN, LABELS, OTHER_WAY  # noqa: E402
from huozhong.acts.solve import Unsolvable, leaves, parse, solve, value_of  # noqa: E402
from huozhong.acts.turn import Turn  # noqa: E402
from huozhong.formats.checkpoint import CheckpointReader  # noqa: E402
from huozhong.text.template import ChatTemplate  # noqa: E402
from huozhong.text.tokenizer import Tokenizer  # noqa: E402
from huozhong.train.recipe import load_recipe  # noqa: E402
from huozhong.verify.arithmetic import check_steps, evaluate, same_answer  # noqa: E402
from huozhong.verify.numbers import Number, told  # noqa: E402

STAGES = [(f"{name}.toml", "sft") for name in make.STAGES]
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


@pytest.mark.parametrize(
    ("question", "equation", "first", "plan"),
    [
        ("计划16天生产2400个，每天多生产10个，几天完成", "2400/(2400/16+10)", "a=16，b=2400，c=10", "b÷(b÷a+c)"),
        ("合格率是98%，200人参加，几人不合格", "200*(1-98%)", "a=98%，b=200", "(1-a)×b"),
        ("底面积12，半径2，π取3.14", "3.14*2^2*12", "a=12，b=2，c=3.14", "a×b^2×c"),
        ("两头大象五天吃350千克，一头一天吃多少", "350/2/5", "a=2，b=5，c=350", "c÷a÷b"),
        ("一件衣服打八折卖120元，原价多少元", "120/0.8", "a=0.8，b=120", "b÷a"),
        ("长方形长7cm，宽6cm，面积=多少cm^2", "7*6", "a=7，b=6", "a×b"),
    ],
)
def test_a_plan_names_the_numbers_and_then_speaks_of_them(question: str, equation: str, first: str, plan: str) -> None:
    assert plan_of(question, parse(equation)) == (first, plan)


def test_a_plan_with_a_number_that_nobody_told_is_none() -> None:
    assert plan_of("有12个苹果，吃了一些，还剩几个", parse("12-17")) is None


def test_numbers_are_said_as_people_say_them_and_stay_what_they_are() -> None:
    said = {3: "三", 10: "十", 15: "十五", 20: "二十", 105: "一百零五", 2005: "二千零五", 9009: "九千零九"}
    assert {value: in_chinese(value) for value in said} == said
    question = "小明有23本书，借出40%，又买来2本，每本(3/4)元，还有几本？"
    forms = {spoken(question, random.Random(seed), 1.0) for seed in range(30)}
    assert len(forms) > 5
    assert all(told(form) == told(question) for form in forms)
    assert any("二十三本" in form for form in forms)


@pytest.mark.parametrize("kind", [*school.KINDS, *school.HELD_OUT_KINDS], ids=lambda kind: kind[1][:24])
def test_every_kind_makes_problems_with_a_plan(kind: tuple[str, str, str]) -> None:
    rng = random.Random(kind[1])
    made = [one for _ in range(40) if (one := school.made(*kind, rng))]
    assert made
    planned = 0
    for one in made:
        assert not set(one.question) & set("{}[]|")
        assert value_of(one.equation) > 0
        found = plan_of(one.question, one.equation)
        if found is not None:
            planned += 1
            assert by_kind.value_of_plan(found[1], one.question) == value_of(one.equation)
    assert planned > len(made) / 2


def test_useless_sentences_change_the_letters_and_not_the_answer() -> None:
    rng = random.Random(4)
    question, equation = "小明有36本书，送给小红8本，还剩多少本？", parse("36-8")
    for count in range(1, 6):
        for _ in range(20):
            text = distractors.distracted(question, count, rng, ["果园里有120棵桃树"])
            assert text is not None
            assert len(text) > len(question)
            found = plan_of(text, equation)
            assert found is not None
            assert by_kind.value_of_plan(found[1], text) == 28
    english = distractors.distracted("Tom has 12 apples. He eats 5. How many are left?", 2, rng, ())
    assert english is not None
    assert english.isascii()


def test_a_useless_sentence_shares_no_thing_with_the_question() -> None:
    rng = random.Random(1)
    texts = [
        distractors.sentences("超市有苹果30个，卖出12个，还剩多少个？", 3, rng, ["苹果有80个"]) for _ in range(200)
    ]
    assert not any("苹果" in text for found in texts for text in found)
    assert distractors.lone_clause("果园里有120棵桃树，梨树比桃树多5棵，梨树有多少棵？") == "果园里有120棵桃树"
    assert distractors.lone_clause("梨树比桃树多5棵，桃树有120棵，梨树有多少棵？") is None
    assert not set(distractors.HELD_OUT) & set(distractors._TEMPLATES)


def test_follow_ups_go_on_from_the_question_before() -> None:
    rng = random.Random(2)
    question, equation = "一本书有240页，小明每天看16页，几天可以看完？", parse("240/16")
    seen = set()
    for _ in range(200):
        one = follow_ups.follow_up(question, equation, rng)
        if one is None:
            continue
        seen.add(one.label)
        messages = [
            {"role": "user", "content": one.before},
            {"role": "assistant", "content": "240÷16=15（天）。\n答：15天可以看完。"},
            {"role": "user", "content": one.question},
        ]
        turn = Turn(messages)
        assert turn.possible(one.label)
        assert turn._first_line(one.label) == one.first  # what code will write
    assert seen == {CONTINUE, EXPLAIN, OTHER_WAY}


def test_english_equations_are_put_together_from_their_steps() -> None:
    solution = "She sold 48/2 = 24 clips in May.\nShe sold 48+24 = 72 clips altogether."
    node = gsm8k.equation_of(solution, "72")
    assert node is not None
    assert str(node) == "48+48÷2"
    assert gsm8k.equation_of(solution, "73") is None


@pytest.mark.parametrize(
    ("plan", "question", "answer", "right"),
    [
        ("a-b", "有9个，吃了4个，还剩几个？", "5", True),
        ("a÷b", "35人去参观，每辆车坐8人，至少要几辆车？", "5", True),
        ("a÷b", "35元，每支8元，最多买几支？", "4", True),
        ("b÷a", "150人，达标141人，达标率是百分之几？", "94", True),
        ("b-a", "有9个，吃了4个，还剩几个？", "5", False),
        ("a-c", "有9个，吃了4个，还剩几个？", "5", False),
        ("a-", "有9个，吃了4个，还剩几个？", "5", False),
    ],
)
def test_a_plan_counts_by_its_value(plan: str, question: str, answer: str, right: bool) -> None:
    assert by_kind.is_right(plan, question, Fraction(answer)) == right


def test_our_own_held_out_problems_are_twenty_a_grade() -> None:
    grades = [grade for grade, _, _ in by_kind.own()]
    assert {grade: grades.count(grade) for grade in set(grades)} == dict.fromkeys(range(1, 7), 20)
    assert all(told(question) for _, question, _ in by_kind.own())


def test_what_is_worded_like_a_test_problem_is_left_out() -> None:
    exam = "乙有14人，甲有6人，共几人"  # what exchanging things and keeping the numbers makes of it
    sources = cast(Sources, SimpleNamespace(examined=lambda question: question.strip("？?。．") == exam))
    source = read_problem("甲有14人，乙有6人，共几人", "14+6", "20")
    assert source is not None
    problems = Problems(sources, [source])
    rng = random.Random(1)
    made = [example for _ in range(300) if (example := problems.published(source, rng))]
    assert made
    assert not any(exam in question for question, _, _ in made)


def test_ember_is_shown_two_questions_and_the_beginning_of_an_answer(tokenizer: Tokenizer) -> None:
    template = ChatTemplate(CHAT_TEMPLATE, tokenizer)
    said = [(role, str(n)) for n in range(1, 5) for role in ("user", "assistant")]
    messages = [{"role": role, "content": text} for role, text in said]
    assert template.render(messages[:1]).count("1") == 1
    shown = template.render([{"role": "system", "content": "规则"}, *messages[:7]])
    assert shown.startswith("<｜begin▁of▁sentence｜>规则<｜User｜>3<｜Assistant｜></think>3")
    assert shown.endswith("<｜User｜>4<｜Assistant｜><think>")
    long = [messages[0], {"role": "assistant", "content": "长" * 60}, messages[2]]
    assert template.render(long).count("长") == SHOWN
    ids, mask = template.training_tokens([*long, {"role": "assistant", "content": "好" * 60}])
    assert tokenizer.decode([token for token, learnt in zip(ids, mask, strict=True) if learnt]).count("好") == 60
    assert tokenizer.decode(ids).count("长") == SHOWN


def test_only_what_is_the_models_own_carries_loss() -> None:
    maker = Maker.__new__(Maker)
    maker.tokenizer = Tokenizer.load(install.BUILT_IN)
    maker.template = ChatTemplate.load(install.BUILT_IN, maker.tokenizer)
    ids, mask = maker.plan("有9个，吃了4个，还剩几个？", "a=9，b=4", "a-b")
    learnt = maker.tokenizer.decode([token for token, learn in zip(ids, mask, strict=True) if learn])
    assert learnt == "a=a-b\n"
    assert maker.tokenizer.decode(ids).endswith("a=9，b=4\na-b\n")
    for label in LABELS:
        ids, mask = maker.asked([{"role": "user", "content": "问"}], [(label, True)])
        assert maker.tokenizer.decode([token for token, learn in zip(ids, mask, strict=True) if learn]) == label


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
        found = plan_of(question, source.equation)
        assert found is not None
        assert not set(re.findall(r"\d+(?:\.\d+)?", found[1])) - {"1", "2", "3", "3.14", "4", "6", "10", "12"}


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


def test_a_mean_is_installed_and_all_its_logits_are_scaled(tmp_path: Path) -> None:
    install.install([install.BUILT_IN, install.BUILT_IN], tmp_path / "mean", logit_scale=2.0)
    one, mean = CheckpointReader(install.BUILT_IN), CheckpointReader(tmp_path / "mean")
    assert set(one.names()) == set(mean.names())
    for name in one.names():
        factor = 2 if name == install.FINAL_NORM else 1
        assert np.array_equal(mean.tensor(name), factor * one.tensor(name)), name
    sampling = json.loads((tmp_path / "mean" / "generation_config.json").read_text(encoding="utf-8"))
    assert install.SAMPLING.items() <= sampling.items()


@pytest.mark.parametrize(("file", "stage"), STAGES)
def test_the_recipes_can_be_read(file: str, stage: str) -> None:
    assert load_recipe(RECIPE / file, stage).total_steps > 100  # type: ignore[arg-type]


def test_problems_with_useless_sentences_have_some() -> None:
    sources = cast(Sources, SimpleNamespace(examined=lambda question: False))
    source = read_problem("甲有14人，乙有16人，共几人", "14+16", "30")
    assert source is not None
    made = [example for example in Problems(sources, [source]).with_useless(random.Random(1), 60) if example]
    assert len(made) > 30
    unused = [set(re.findall("[a-z]=", first)) - {f"{letter}=" for letter in plan} for _, first, plan in made]
    assert sum(map(bool, unused)) > 0.8 * len(made)  # now and then a useless number is one that is needed as well
