"""Exact arithmetic: against Fractions on random trees, and on the spellings that school texts use."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.errors import DataError
from huozhong.verify.arithmetic import (
    canonical,
    check_steps,
    evaluate,
    final_answer,
    is_exam_expression,
    parse_number,
    same_answer,
)

NUMBERS = st.one_of(
    st.integers(0, 999).map(lambda n: (str(n), Fraction(n))),
    st.tuples(st.integers(0, 999), st.integers(0, 99)).map(
        lambda ab: (f"{ab[0]}.{ab[1]:02d}", Fraction(ab[0]) + Fraction(ab[1], 100))
    ),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)).map(
        lambda n: (f"{n[0]}({n[1]}/{n[2]})", n[0] + Fraction(n[1], n[2]))
    ),
    st.integers(0, 300).map(lambda n: (f"{n}%", Fraction(n, 100))),
)


def _join(
    parts: tuple[tuple[str, Fraction | None], str, tuple[str, Fraction | None], str],
) -> tuple[str, Fraction | None]:
    (left, a), sign, (right, b), brackets = parts
    text = f"{brackets[0]}{left}{brackets[1]}{sign}{brackets[0]}{right}{brackets[1]}"
    if a is None or b is None:
        return text, None
    if sign in "+＋":
        return text, a + b
    if sign in "-－":
        return text, a - b
    if sign in "*×":
        return text, a * b
    return text, a / b if b else None


TREES = st.recursive(
    NUMBERS,
    lambda inner: st.tuples(
        inner, st.sampled_from("+-*/×÷＋－"), inner, st.sampled_from(["()", "[]", "（）", "{}"])
    ).map(_join),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_evaluate_agrees_with_fractions(tree: tuple[str, Fraction | None]) -> None:
    text, value = tree
    if value is None:
        with pytest.raises(DataError, match="divides by zero"):
            evaluate(text)
    else:
        assert evaluate(text) == value
        report = check_steps(f"解：{text} = {value.numerator}/{value.denominator}（个）")
        assert report.all_correct


FLAT = st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(1, 99)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 99), FLAT)
def test_precedence_agrees_with_python(first: int, rest: list[tuple[str, int]]) -> None:
    text = str(first) + "".join(f"{sign}{number}" for sign, number in rest)
    python = f"Fraction({first})" + "".join(f"{sign}Fraction({number})" for sign, number in rest)
    assert evaluate(text) == eval(python, {"Fraction": Fraction})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(11-1)*2", 20),
        ("[490-50*(4+1)]/4", 60),
        ("１２÷（３＋１）", 3),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2**3", 8),
        ("3²", 9),
        ("12%*50", 6),
        ("(20+5)%", Fraction(1, 4)),
        ("3(1/2)+1", Fraction(9, 2)),
        ("5((7)/(10))", Fraction(57, 10)),
        ("1((1)/(9))", Fraction(10, 9)),
        ("6(9/20)", Fraction(129, 20)),
        ("(3(3/4)-(0.2+(1/3))*4.5)/(7.05+6(9/20))", Fraction(9, 90)),
        ("3又1/2", Fraction(7, 2)),
        ("1.2:0.6", 2),
        (r"\frac{1}{2}\times 4", 2),
        ("1,234+1", 1235),
        ("3x4", 12),
        ("2--3", 5),
        ("3.14*(10/2)**2", Fraction("78.5")),
    ],
)
def test_evaluate_reads_school_spellings(text: str, value: Fraction) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "3+", "*3", "(3", "3)", "3 4", "3(4)", "(1/2)(1/2)", "3=3", "x+1"],
        *["1/0", "0^-1", "2^0.5", "9^9^9"],
        "80千米/小时",
        "1..2",
        "__import__('os')",
        "(" * 500 + "1" + ")" * 500,
        "1+" * 3000 + "1",
        "-" * 500 + "1",
    ],
)
def test_evaluate_refuses_with_one_sentence(text: str) -> None:
    with pytest.raises(DataError) as caught:
        evaluate(text)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("-3", -3),
        ("+3", 3),
        ("1,234.5", Fraction("1234.5")),
        ("25%", Fraction(1, 4)),
        ("85.5％", Fraction("0.855")),
        ("2/3", Fraction(2, 3)),
        ("(2/3)", Fraction(2, 3)),
        ("((2)/(3))", Fraction(2, 3)),
        ("1((4)/(15))", Fraction(19, 15)),
        ("3又1/2", Fraction(7, 2)),
        ("3 1/2", Fraction(7, 2)),
        ("3分之2", Fraction(2, 3)),
        ("百分之20", Fraction(1, 5)),
        (r"$\frac{2}{3}$", Fraction(2, 3)),
        (r"1\frac{2}{3}", Fraction(5, 3)),
        ("3 4", None),
        ("3+4", None),
        ("三", None),
        ("", None),
        ("1/0", None),
    ],
)
def test_parse_number(text: str, value: Fraction | None) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"so $x$ is \boxed{\frac{3}{4}} of 12", Fraction(3, 4)),
        ("答：这条小路长20米。", 20),
        ("答：5天后还剩20吨。", 20),
        ("第一步：3+4=7。\n答案：7", 7),
        ("The answer is 20 because 3+4", 20),
        ("The final answer is: **1,234** dollars.", 1234),
        ("8 apples #### 72", 72),
        ("3+4=7（个）", 7),
        ("答案是3+4=7", 7),
        ("答案是25%。", Fraction(1, 4)),
        ("所以一共有 12.5 元", Fraction("12.5")),
        ("<think>3+4=8</think>7", 7),
        ("答案：3(1/2)", Fraction(7, 2)),
        ("(3+4)×2=14，答案是14。比13多1。", 14),
        ("温度是-3度", -3),
        ("比5-3", 3),
        ("没有", None),
        ("", None),
    ],
)
def test_final_answer(text: str, value: Fraction | None) -> None:
    assert final_answer(text) == value


def test_same_answer_is_exact() -> None:
    assert same_answer("答案：0.5", Fraction(1, 2))
    assert same_answer("答：一共1/2千克。", "0.5")
    assert same_answer("答案：25%", "0.25")
    assert same_answer("答案：7", "3+4")
    assert not same_answer("答案：25", "25%")
    assert not same_answer("答案：1898", "1897.98")
    assert not same_answer("不知道", "3")


def test_same_answer_knows_rounded_gold() -> None:
    assert same_answer("答案：1/3", "0.3333")
    assert not same_answer("答案：0.33", "0.3333")
    assert not same_answer("答案：1/3", "0.33")


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("第1步：36×4=144\n144-58=86。", [True, True]),
        ("1. 36×4=144", [True]),
        ("3+4=7 5×2=11", [True, False]),
        ("36×4-58=144-58=86", [True, True]),
        ("36×4-58\n=144-58\n=85", [True, False]),
        ("3+4=7\n(1/2)*4=2", [True, True]),
        ("13÷5=2……3", [True]),
        ("13÷5=2…4", [False]),
        ("13÷5=1……8", [False]),
        ("(81÷100)=0……3", [False]),  # no division at its end
        ("10÷3≈3.33", [True]),
        ("10÷3≈3.34", [False]),
        ("1÷3≈33%", [True]),
        ("25元×4=100元", [True]),
        ("（3元+2元）×4=20（元）", [True]),
        ("(3+4=7)", [True]),
        ("共有**3×4=12**个", [True]),
        ("a=3+4=7", [True]),
        ("7=3+4", [True]),
        ("2x+3=7，x=2", []),
        ("1米=100厘米", []),
        ("没有算式", []),
    ],
)
def test_check_steps(text: str, verdicts: list[bool]) -> None:
    report = check_steps(text)
    assert [step.correct for step in report.steps] == verdicts
    assert report.unreadable == 0
    assert report.correct == sum(verdicts)
    assert report.all_correct == all(verdicts)


def test_unreadable_steps_are_counted_not_guessed() -> None:
    report = check_steps("7+*3=3，1/0=0")
    assert report.steps == ()
    assert report.unreadable == 2
    assert not report.all_correct


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789+-*/=≈().%^ \n，又元x…", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    check_steps(text)
    final_answer(text)
    parse_number(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 999), st.integers(1, 999), st.integers(1, 99))
def test_the_bucket_does_not_depend_on_spelling(a: int, b: int, c: int) -> None:
    assert is_exam_expression(f"({a}+{b})×{c}") == is_exam_expression(f" {c}*( {b} + {a} )")
    assert canonical(f"{a}-{b}+{c}") == canonical(f"{c}+{a}-{b}")
    assert canonical(f"{a}*{c}.50") == canonical(f"{c}.5×{a}")


def test_the_bucket_holds_one_in_sixteen_and_never_moves() -> None:
    inside = [f"{a}+{b}" for a in range(100) for b in range(a, 100) if is_exam_expression(f"{a}+{b}")]
    assert 250 < len(inside) < 390  # 5050 / 16 = 316
    assert canonical("(125+75)÷8") == "*(+125+75)/8"
    assert inside[:3] == ["0+8", "0+11", "0+25"]


def test_no_text_is_an_error() -> None:
    """A model writes anything; training and exams go on."""
    rng = random.Random(5)
    pieces = [*"()70+-×÷/=≈%又元\n，", "(1/2)", "(81/", "12.5", "=3", "……", "……3"]
    for _ in range(4000):
        text = "".join(rng.choices(pieces, k=rng.randint(2, 9)))
        check_steps(text)
        final_answer(text)
