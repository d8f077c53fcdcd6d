"""A plan in a teacher's words: steps that are true, units that follow, an answer that reads well."""

from __future__ import annotations

import pytest

from huozhong.acts.ask import asked, english_noun
from huozhong.acts.measures import RATIO, read_at, unit_of
from huozhong.acts.solve import parse, value_of
from huozhong.acts.wording import another_way, explained, worded
from huozhong.text.language import is_english
from huozhong.verify.arithmetic import check_steps, same_answer
from huozhong.verify.numbers import mentions, told

APPLES = "小明有36个苹果，每天吃4个，吃了5天，还剩几个？"


def said(question: str, plan: str) -> str:
    """The words for a plan; its steps must hold and its answer must be found again."""
    text = worded(question, told(question), parse(plan))
    report = check_steps(text)
    assert report.steps, text
    assert report.all_correct, text
    assert same_answer(text, value_of(parse(plan))), text
    return text


def test_a_problem_of_two_steps_is_told_as_a_teacher_does() -> None:
    assert said(APPLES, "36-4*5") == (
        "先算5天一共吃多少个：4×5=20（个）。\n再算还剩几个：36-20=16（个）。\n答：还剩16个。"
    )


def test_a_problem_of_one_step_needs_no_names() -> None:
    question = "一本书240页，小红平均每天看20页，看完要多少天？"
    assert said(question, "240/20") == "240÷20=12（天）。\n答：看完要12天。"


def test_things_of_two_prices() -> None:
    question = "每支铅笔3元，买5支铅笔和2个本子，每个本子4元，一共要多少元？"
    assert said(question, "3*5+4*2").split("\n") == [
        "先算5支铅笔一共多少元：3×5=15（元）。",
        "再算2个本子一共多少元：4×2=8（元）。",
        "最后算一共要多少元：15+8=23（元）。",
        "答：一共要23元。",
    ]


@pytest.mark.parametrize(
    ("question", "plan", "answer"),
    [
        ("果园里有桃树120棵，梨树是桃树的3/4，梨树有多少棵？", "120*(3/4)", "梨树有90棵"),
        ("男生有20人，女生有30人，男生占全班的百分之几？", "20/(20+30)", "男生占全班的40%"),
        ("甲有24本书，乙有6本书，甲是乙的几倍？", "24/6", "甲是乙的4倍"),
        ("甲有24本书，乙有6本书，甲是乙的多少倍？", "24/6", "甲是乙的4倍"),
        ("正方形边长4米，它的面积是多少？", "4^2", "它的面积是16平方米"),
        ("人口13亿，要增加其中的30%，还要增加多少亿？", "13*30%", "还要增加3.9亿"),
        ("如果每人3本剩20本，每人4本缺25本，这个班有多少学生？", "(25+20)/(4-3)", "这个班有45名学生"),
        ("一本书240页，每天看12页，看完要多少天？\n如果每天看20页呢？", "240/20", "看完要12天"),
        ("正方形边长4米，它的周长是多少？", "4*4", "它的周长是16米"),
        ("一本书的(1/2)是32页，这本书的(1/4)有多少页？", "32/(1/2)*(1/4)", "这本书的1/4有16页"),
        ("路长300千米，每小时走100千米，要用多少时间？", "300/100", "要用3小时"),
        ("三角形底6dm，高4dm，面积=多少dm^2？", "6*4/2", "面积是12平方分米"),
        ("一条路长400米，已修320米，已修全长的几分之几？", "320/400", "已修全长的4/5"),
        ("一辆汽车每小时行60千米，3小时行多少千米？", "60*3", "3小时行180千米"),
        ("笔筒里有18支笔，平均分给6个小朋友，每个小朋友分到几支笔呢？", "18/6", "每个小朋友分到3支笔"),
        ("妈妈买菜用去45元，买水果用去20元，一共用去多少钱？", "45+20", "一共用去65元"),
        ("100元买3本22元的书，剩下的钱能买几支4元的笔？", "(100-3*22)/4", "8.5支"),
        ("这条绳子剪去3米，还剩5米，这条绳子原来有多长？", "3+5", "这条绳子原来有8米长"),
        ("把12吨沙子平均分给3个工地，每个工地多少吨", "12/3", "每个工地4吨"),
        ("某超市投资5万元，又投资3万元，共投资多少万元？", "5+3", "共投资8万元"),
        ("甲、乙两箱各重多少千克？一箱3千克，两箱同重。", "3*1", "3千克"),
        ("12与30的和是多少？", "12+30", "12与30的和是42"),
    ],
)
def test_the_answer_is_the_clause_that_asks_with_its_result(question: str, plan: str, answer: str) -> None:
    assert said(question, plan).split("\n")[-1] == f"答：{answer}。"


@pytest.mark.parametrize(
    ("question", "plan", "units"),
    [
        (APPLES, "36-4*5", ["个", "个"]),
        ("修路队6天修了300米，照这样，15天能修多少米？", "300/6*15", ["米", "米"]),
        ("一个长方体长3分米，宽2分米，高4分米，体积是多少？", "3*2*4", ["平方分米", "立方分米"]),
        ("36个桃，分给一些猴子，每只4个还剩4个，有几只猴子？", "(36-4)/4", ["个", "只"]),
        ("每6个装一盒，已经装了8盒，还剩10个，一共有多少个？", "6*8+10", ["个", "个"]),
        ("桃花中学有男生20名，女生比男生多5名，全校有多少名学生？", "20+20+5", ["名", "名"]),
        ("全程450公里，每小时行90公里，几小时能行完全程的一半？", "450/2/90", ["公里", "小时"]),
        # nobody told 1000: that it makes metres follows from what is asked
        ("小明每天走2千米，走了3天，每步0.5米，一共走了几步？", "2*3*1000/0.5", ["千米", "米", "步"]),
        ("走了2千米，走了3天，一共走了多少？", "2*3*1000", ["", ""]),
    ],
)
def test_units_follow_from_the_units_of_the_question(question: str, plan: str, units: list[str]) -> None:
    steps = said(question, plan).split("\n")[:-1]
    written = [step.rstrip("。").partition("（")[2].rstrip("）") for step in steps]
    assert written == units


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("每天吃4个", "4", (("个", 1), ("天", -1))),
        ("每千克苹果5元", "5", (("元", 1), ("千克", -1))),
        ("5元一千克", "5", (("元", 1), ("千克", -1))),
        ("速度是60千米/时", "60", (("千米", 1), ("小时", -1))),
        ("一本书有120页", "120", (("页", 1),)),
        ("一本书12元，买了5本", "12", (("元", 1), ("本", -1))),
        ("每隔5米种一棵", "5", (("米", 1),)),
        ("面积是60平方米", "60", (("米", 2),)),
        ("走了3/4千米", "3/4", (("千米", 1),)),
        ("其中3/4种月季", "3/4", ()),
        ("打8折", "8折", ()),
        ("每天完成1/6", "1/6", (("天", -1),)),
    ],
)
def test_a_unit_is_read_where_its_number_stands(text: str, number: str, unit: tuple[tuple[str, int], ...]) -> None:
    mention = next(m for m in mentions(text) if text[m.start : m.end] == number)
    assert read_at(text, mention.start, mention.end, mention.number.style == "fraction").unit == (
        type(RATIO)(tuple(sorted(unit)))
    )


def test_the_same_unit_by_another_name() -> None:
    assert unit_of("公里") == unit_of("千米") == unit_of("km")
    assert unit_of("cm²") == unit_of("平方厘米") == unit_of("厘米^2")
    assert unit_of("米").times(unit_of("米")).name() == "平方米"
    assert unit_of("个").times(unit_of("人")).name() is None


def test_what_cannot_be_known_gets_no_unit() -> None:
    text = said("甲数是12，乙数是甲数的3倍，两数的和是多少？", "12*3+12")
    assert "（" not in text
    assert text.endswith("答：两数的和是48。")


def test_what_does_not_end_is_a_fraction_or_a_rounded_percentage() -> None:
    assert "40/9" in said("快车8小时到，慢车10小时到，几小时相遇？", "1/(1/8+1/10)")
    text = worded("3人中有1人迟到，迟到的占百分之几？", [], parse("1/3"))
    assert "≈33.3%" in text
    assert text.endswith("答：迟到的占33.3%。")


def test_english_problems_are_answered_in_english() -> None:
    question = "Tom has 16 apples and eats 3 a day for 4 days. How many apples are left?"
    assert said(question, "16-3*4") == "First: 3 × 4 = 12.\nThen: 16 - 12 = 4.\nAnswer: 4 apples."
    assert said("A pen costs $3. How much do 5 pens cost?", "3*5").endswith("Answer: $15.")
    assert said("Ann has 3 cats and sells 2. How many cats has she now?", "3-2").endswith("Answer: 1 cat.")


def test_nouns_of_english_questions() -> None:
    assert english_noun("How many square meters of the floor are uncovered?") == ("", " square meters")
    assert english_noun("It cost $5. How much money does he have left?") == ("$", "")
    assert english_noun("Tom has 12 apples and gives 5 away. How many are left?") == ("", "")
    assert english_noun("What is his speed?") == ("", "")


def test_what_is_asked_is_the_last_clause_that_asks() -> None:
    found = asked("有多少人我不管，问还剩几个苹果呢？")
    assert found is not None
    assert found.clause == "还剩几个苹果"
    assert found.written == "个"
    assert asked("第几个是红的") is None or asked("第几个是红的").sentence("3", "") is None  # type: ignore[union-attr]
    assert asked("小明今年好") is None


def test_why_says_what_each_step_does() -> None:
    text = explained(APPLES, told(APPLES), parse("36-4*5"))
    assert text.split("\n")[0] == "每天吃4个，5天就有5个4，用乘法：4×5=20个。"
    assert "从36个里去掉20个" in text
    assert text.endswith("答：还剩16个。")
    assert check_steps(text).all_correct
    english = explained("Tom has 16 apples and eats 3. How many apples are left?", [], parse("16-3"))
    assert "subtract: 16 - 3 = 13." in english
    assert english.endswith("Answer: 13 apples.")


@pytest.mark.parametrize(
    ("plan", "other"),
    [
        ("3*5+4*5", "(3+4)×5"),
        ("(80+60)*4", "80×4+60×4"),
        ("240/4/3", "240÷(4×3)"),
        ("100-36-24", "100-(36+24)"),
        ("100-(36+24)", "100-36-24"),
        ("12*5/6", "12÷6×5"),
        ("300/6*15", "300×15÷6"),
        ("200-200*20%", "200×(1-20%)"),
        ("200*(1+20%)", "200×1+200×20%"),
        ("36+4-16", "36-16+4"),
    ],
)
def test_another_way_is_equal_and_reads_differently(plan: str, other: str) -> None:
    found = another_way(parse(plan))
    assert str(found) == other
    assert value_of(parse(plan)) == value_of(parse(other))


@pytest.mark.parametrize("plan", ["3+5", "240/20", "36-4*5", "4^2"])
def test_there_is_not_always_another_way(plan: str) -> None:
    assert another_way(parse(plan)) is None


def test_another_way_is_never_below_nothing_nor_broken() -> None:
    found = another_way(parse("7*9/3"))  # 7÷3 is broken; 9÷3 is not
    assert found is not None
    assert worded("", [], found).startswith("第一步：9÷3=3。")
    found = another_way(parse("3+9-5"))  # 3-5 cannot be
    assert found is not None
    assert worded("", [], found).startswith("第一步：9-5=4。")


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("How many?", True),
        ("多少km", False),
        ("3+4", False),
        ("a+b", False),
        ("你好 hello", False),
        ("OK", True),
        ("", False),
    ],
)
def test_the_language_of_a_question(text: str, english: bool) -> None:
    assert is_english(text) == english
