"""A number in another form."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.rewrite import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("3/4化成小数", "0.75"),
        ("0.25是百分之几", "25%"),
        ("0.25化成分数", "1/4"),
        ("把0.125化成最简分数", "1/8"),
        ("75%化成小数", "0.75"),
        ("75%化成分数", "3/4"),
        ("1/3化成小数", "约0.333"),
        ("2/3化成百分数", "约66.7%"),
        ("12/18约分", "2/3"),
        ("约分：12/18", "2/3"),
        ("7/3化成带分数", "2又1/3"),
        ("2又1/3化成假分数", "7/3"),
        ("3/4的倒数是多少", "4/3"),
        ("0的倒数", "没有倒数"),
        ("3.14159保留两位小数", "3.14"),
        ("3.14159精确到百分位", "3.14"),
        ("12345四舍五入到百位", "12300"),
        ("12345省略万位后面的尾数", "1万"),
        ("三千零五写成数字", "3005"),
        ("三千零五写作什么", "3005"),
        ("205怎么读", "二百零五"),
        ("30050读作什么", "三万零五十"),
        ("1234的大写", "壹仟贰佰叁拾肆"),
        ("把12500改写成用万作单位的数", "1.25万"),
        ("四分之三化成小数", "0.75"),
        ("12:18化简比", "2:3"),
        ("12:18的比值", "2/3"),
        ("八折是百分之几", "80%"),
        ("3/4 as a decimal", "0.75"),
        ("Convert 0.25 to a fraction", "1/4"),
        ("What is 3/4 as a percentage?", "75%"),
        ("simplify 12/18", "2/3"),
        ("reciprocal of 3/4", "4/3"),
        ("round 3.14159 to two decimal places", "3.14"),
        ("What is 0.6 as a percent", "60%"),
        ("-5的绝对值", "5"),
        ("5的相反数", "-5"),
        ("0.6等于几分之几", "3/5"),
        ("0.6等于百分之多少", "60%"),
        ("三分之二用小数表示", "约0.667"),
        ("１／４＝（\u3000）％", "25%"),
        ("百分之四十化成分数是多少", "2/5"),
        ("一百二十怎么写", "120"),
        ("3.05读作？", "三点零五"),
        ("two thirds as a percent", "about 66.7%"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "小明写了三千字",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
