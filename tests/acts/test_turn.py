"""What comes next in an answer, at every point of its reasoning."""

from __future__ import annotations

import pytest

from huozhong.acts.labels import (
    CALCULATE,
    CANNOT_KINDS,
    CONTINUE,
    CONVERT,
    EXPLAIN,
    LABELS,
    ONE_MORE,
    OTHER_WAY,
    PROBLEM_ACTS,
    TALK_KINDS,
    TELL_JOKE,
    cannot_label,
    talk_label,
)
from huozhong.acts.turn import AGAIN, PLANS, PROBLEM, Forced, Free, Planning, Turn
from huozhong.verify.arithmetic import check_steps, same_answer

APPLES = "小明有5个苹果，吃了2个，又买了3袋，每袋4个，现在有几个？"
TOLD = "a=5，b=2，c=3，d=4\n"


def user(*contents: str) -> list[dict[str, str]]:
    """A conversation that begins and ends with the user."""
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]


def after(turn: Turn, written: str) -> Forced:
    found = turn.next(written)
    assert isinstance(found, Forced), found
    return found


def test_the_numbers_are_written_as_soon_as_the_line_is_begun() -> None:
    turn = Turn(user(APPLES))
    assert turn.next("") == Free()
    assert after(turn, "a") == Forced("=5，b=2，c=3，d=4\n")
    assert after(turn, "a=") == Forced("5，b=2，c=3，d=4\n")


def test_a_plan_is_worked_out_and_worded() -> None:
    turn = Turn(user(APPLES))
    assert turn.next(TOLD) == Planning("", 4, ())
    assert turn.next(f"{TOLD}a-b") == Planning("a-b", 4, ())
    said = after(turn, f"{TOLD}a-b+c×d\n")
    assert said.reasoning == "5-2+3×4\n5-2=3\n3×4=12\n3+12=15"
    assert said.answer is not None
    assert same_answer(said.answer, "15")
    assert check_steps(said.reasoning).all_correct


@pytest.mark.parametrize(
    ("question", "plan", "why"),
    [
        (APPLES, "b-a", "2-5不够减"),
        (APPLES, "a-b-d", "5-2-4\n5-2=3\n3-4不够减"),
        (APPLES, "a÷(b+b-d)", "5÷(2+2-4)\n2+2=4\n4-4=0\n5÷0，0不能做除数"),
        (APPLES, "a÷b", "5÷2=2.5\n得2.5，不是整数"),
        (APPLES, "a×999999×999999×999999", "数太大了"),
        ("小明有1/2米绳子，小红有1/3米，小红比小明多几米？", "b-a", "(1/3)-(1/2)不够减"),
    ],
)
def test_a_plan_that_cannot_be_is_thought_over(question: str, plan: str, why: str) -> None:
    turn = Turn(user(question))
    told = after(turn, "a").reasoning
    written = f"a{told}{plan}\n"
    said = after(turn, written)
    assert said.answer is None
    assert said.reasoning.endswith(f"，{AGAIN}\n")
    assert why in said.reasoning
    assert check_steps(said.reasoning).all_correct
    assert turn.next(written + said.reasoning) == Planning("", told.count("="), (plan,), small=True)


def test_after_so_many_failures_it_says_that_it_is_not_sure() -> None:
    turn = Turn(user(APPLES))
    written, plans = TOLD, ["b-a", "b-d", "a÷b"][:PLANS]
    for plan in plans[:-1]:
        written += f"{plan}\n"
        written += after(turn, written).reasoning
    said = after(turn, f"{written}{plans[-1]}\n")
    assert said.answer is not None
    assert "没有把握" in said.answer
    assert not any(character.isdigit() for character in said.answer)
    english = Turn(user("Tom has 3 apples and eats 5. How many apples are left?"))
    written = "a=3，b=5\na-b\n"
    written += after(english, written).reasoning
    assert "not sure" in (after(english, f"{written}(a-b)\n").answer or "")


def test_a_plan_without_end_is_ended() -> None:
    turn = Turn(user(APPLES))
    said = after(turn, TOLD + "a+b" * 20)
    assert said.answer is None
    assert said.reasoning.startswith("\n")
    assert isinstance(turn.next(TOLD + "a+b" * 20 + said.reasoning), Planning)


def test_half_a_metre_can_be_meant_and_half_a_child_cannot() -> None:
    rope = Turn(user("一根5米的绳子剪成2段，每段多少米？"))
    assert after(rope, "a=5，b=2\na÷b\n").answer is not None
    children = Turn(user("5个小组一共有32人，还差2人，有多少人？"))
    assert after(children, "a=5，b=32，c=2\nb÷a\n").answer is None


def test_questions_about_the_question_before() -> None:
    asked = user("一本书120页，每天看15页，几天看完？", "120÷15=8\n答：8天。", "如果每天看20页呢？")
    turn = Turn(asked)
    assert all(turn.possible(act) for act in PROBLEM_ACTS)
    assert after(turn, CONTINUE) == Forced("\na=120，b=15，c=20\n")
    assert turn.next(f"{CONTINUE}\na=120，b=15，c=20\n") == Planning("", 3, ())
    said = after(turn, f"{CONTINUE}\na=120，b=15，c=20\na÷c\n")
    assert same_answer(said.answer or "", "6")
    why = Turn(user(*[m["content"] for m in asked[:2]], "为什么？"))
    assert after(why, EXPLAIN) == Forced("\na=120，b=15\n")
    assert same_answer(after(why, f"{EXPLAIN}\na=120，b=15\na÷b\n").answer or "", "8")
    assert same_answer(after(why, f"{OTHER_WAY}\na=120，b=15\na÷b\n").answer or "", "8")


@pytest.mark.parametrize("act", [EXPLAIN, OTHER_WAY])
def test_an_explanation_never_contradicts_the_answer(act: str) -> None:
    turn = Turn(user("What is 10% of 250?", "10%×250=25. Answer: 25.", "why"))
    begun = f"{act}\na=10%，b=250\n"
    first = after(turn, f"{begun}b÷a\n")
    assert first.answer is None
    assert "和上一题的答案不同" in first.reasoning
    written = f"{begun}b÷a\n{first.reasoning}"
    assert same_answer(after(turn, f"{written}b×a\n").answer or "", "25")
    assert "whole problem" in (after(turn, f"{written}a÷b\n").answer or "")
    rounded = Turn(user("10个人坐船，每船4人，至少要几条船？", "10÷4=2.5\n答：至少要3条船。", "为什么"))
    assert same_answer(after(rounded, f"{EXPLAIN}\na=10，b=4\na÷b\n").answer or "", "3")


def test_a_joke_after_a_sum_is_no_question_about_the_sum() -> None:
    asked = ("What is 25 times 4?", "25×4=100. Answer: 100.")
    joke = Turn(user(*asked, "tell me a joke"))
    assert joke.possible(TELL_JOKE)
    assert not any(joke.possible(act) for act in PROBLEM_ACTS)
    for question in ("why?", "tell me why", "explain it", "another way"):
        assert Turn(user(*asked, question)).possible(EXPLAIN)


def test_another_poem_can_only_be_a_poem() -> None:
    poem = ("写一首关于月亮的诗", "月落天寒月未明，\n月在江南一夜声。")
    for question in ("再来一首", "换一首吧", "再写一首诗"):
        turn = Turn(user(*poem, question))
        assert turn.may_be_poem
        assert not any(turn.possible(label) for label in LABELS)
    assert Turn(user(*poem, "再见")).possible(talk_label("告别"))
    assert Turn(user("讲个笑话", "哈哈。", "再来一首")).possible(talk_label("告别"))


def test_only_what_code_can_do_is_possible() -> None:
    assert not any(Turn(user(APPLES)).possible(act) for act in PROBLEM_ACTS)
    assert Turn(user(APPLES)).possible(PROBLEM)
    assert not Turn(user("你好")).possible(PROBLEM)
    after_talk = Turn(user("我有3只猫", "真好！", "为什么？"))
    assert after_talk.possible(CONTINUE)
    assert not after_talk.possible(EXPLAIN)
    assert not Turn(user("你好", "你好！", "为什么？")).possible(CONTINUE)
    assert not Turn(user("你好")).possible(CALCULATE)
    assert not Turn(user("再来一个")).possible(ONE_MORE)
    assert Turn(user("36×25-14等于多少")).possible(CALCULATE)


def test_a_label_is_answered_from_tables() -> None:
    turn = Turn(user("讲个笑话"), seed=3)
    joke = after(turn, TELL_JOKE)
    assert joke.reasoning == ""
    assert joke.answer
    assert after(Turn(user("讲个笑话"), seed=3), TELL_JOKE) == joke
    assert len({after(Turn(user("讲个笑话"), seed=s), TELL_JOKE).answer for s in range(30)}) > 5
    asked = {
        talk_label("问候"): ("你好", "Good morning!"),
        talk_label("感谢"): ("谢谢你", "thank you so much"),
        cannot_label("翻译"): ("把这句话翻译成英语", "translate this into French"),
        TELL_JOKE: ("讲个笑话", "tell me a joke"),
    }
    for label, questions in asked.items():
        for question in questions:
            turn = Turn(user(question))
            assert turn.possible(label)
            assert after(turn, label).answer


def test_kinds_of_talk_that_do_not_fit_are_not_possible() -> None:
    every = {*map(talk_label, TALK_KINDS), *map(cannot_label, CANNOT_KINDS)}
    for question in ("谢谢你", "你好", "讲个笑话", "thank you"):
        assert 1 <= sum(Turn(user(question)).possible(label) for label in every | {TELL_JOKE}) <= 3
    assert not Turn(user("谢谢你")).possible(talk_label("难过"))
    # What nobody could tell is not understood, or not known.
    possible = {label for label in every if Turn(user("")).possible(label)}
    assert possible <= {talk_label("没懂"), cannot_label("知识"), talk_label("应声")}
    assert possible


def test_a_question_that_code_reads_is_no_story() -> None:
    turn = Turn(user("5千克等于多少克？"))
    assert turn.is_exact
    assert turn.possible(CONVERT)
    assert not turn.possible(PROBLEM)
    assert not turn.possible(cannot_label("知识"))
    assert not Turn(user(APPLES)).is_exact


def test_a_label_is_answered_by_exact_arithmetic() -> None:
    turn = Turn(user("36×25-14等于多少"))
    said = after(turn, CALCULATE)
    assert said.answer is not None
    assert same_answer(said.answer, "886")
    assert check_steps(said.reasoning).all_correct
    assert check_steps(said.reasoning).steps


def test_anything_else_is_free() -> None:
    turn = Turn(user("写一首诗"))
    for written in (
        "七言绝句",
        "七言绝句：四句，每句七字。",
        "打招呼或问我自己。",
        "\n",
        "a=5\n",
        "聊天：问",
        "a+b\n",
        "答案\n3",
    ):
        assert turn.next(written) == Free(), written


def test_wrong_messages_are_no_error() -> None:
    for messages in ([], [{"role": "user", "content": ""}], [{"role": "system", "content": "x"}]):
        turn = Turn(messages)
        for written in ("", "a", "a=\n", *LABELS):
            turn.next(written)


def test_a_follow_up_is_worded_with_the_units_of_the_question_before() -> None:
    turn = Turn(user("一本书240页，每天看12页，看完要多少天？", "240÷12=20（天）。", "如果每天看20页呢？"))
    said = after(turn, f"{CONTINUE}\na=240，b=12，c=20\na÷c\n")
    assert isinstance(said, Forced)
    assert said.answer == "240÷20=12（天）。\n答：看完要12天。"
