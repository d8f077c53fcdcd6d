"""Sums of things measured, their units mixed; what is no such sum is left alone."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.asking import asked
from huozhong.acts.exact.calculate import done as calculated
from huozhong.acts.exact.measured import done
from huozhong.acts.turn import Turn
from huozhong.verify.arithmetic import check_steps


@pytest.mark.parametrize(
    ("question", "short", "also"),
    [
        ("3米减80厘米是多少", "2米20厘米", "220厘米"),
        ("3米减去80厘米等于多少厘米", "220厘米", ""),
        ("3米-80厘米=?米", "2.2米", ""),
        ("3米加80厘米", "3米80厘米", "380厘米"),
        ("1米20厘米+95厘米等于多少", "2米15厘米", "215厘米"),
        ("2米加3分米减5厘米是多少", "2米2分米5厘米", "225厘米"),
        ("3千米减800米还剩多少", "2千米200米", "2200米"),
        ("从3米里减去80厘米", "2米20厘米", "220厘米"),
        ("3米比80厘米多多少", "2米20厘米", "220厘米"),
        ("3米比80厘米长多少厘米", "220厘米", ""),
        ("80厘米比3米短多少", "2米20厘米", "220厘米"),
        ("比3米多80厘米是多少", "3米80厘米", "380厘米"),
        ("比3米少80厘米是多少厘米", "220厘米", ""),
        ("3米和80厘米相差多少", "2米20厘米", "220厘米"),
        ("80厘米与3米的差是多少", "2米20厘米", "220厘米"),
        ("3米和80厘米的和是多少分米", "38分米", ""),
        ("2千克减300克是多少", "1千克700克", "1700克"),
        ("2公斤加3斤是多少斤", "7斤", ""),
        ("1吨减350千克等于多少千克", "650千克", ""),
        ("5元减3角是多少", "4元7角", "47角"),
        ("5元6角+3元8角=", "9元4角", "94角"),
        ("10元减3元5角2分等于多少", "6元4角8分", "648分"),
        ("2小时减35分钟是多少", "1小时25分钟", "85分钟"),
        ("1小时20分加50分钟等于多少分钟", "130分钟", ""),
        ("1分钟减25秒还有多少秒", "35秒", ""),
        ("2升减300毫升等于多少毫升", "1700毫升", ""),
        ("2平方米加30平方分米是多少平方分米", "230平方分米", ""),
        ("3米减3米", "0米", ""),
        ("3米加5米等于多少", "8米", ""),
        ("80厘米减3米等于多少", "-220厘米", ""),
        ("三米减八十厘米是多少", "2米20厘米", "220厘米"),
        ("What is 3 metres minus 80 centimetres?", "2 metres 20 centimetres", "220 centimetres"),
        ("What is 3 m - 80 cm in cm?", "220 centimetres", ""),
        ("What is 2 kg plus 300 g in grams?", "2300 grams", ""),
        ("How much longer is 3 m than 80 cm?", "2 metres 20 centimetres", "220 centimetres"),
        ("Subtract 300 g from 2 kg", "1 kilogram 700 grams", "1700 grams"),
    ],
)
def test_units_are_mixed(question: str, short: str, also: str) -> None:
    found = calculated(question)
    assert found is not None
    assert found.short == short
    assert also in found.answer
    for text in (*found.lines, found.answer):
        assert check_steps(text).all_correct, text


def test_a_length_and_a_weight_have_no_sum() -> None:
    found = calculated("3米减80克是多少")
    assert found is not None
    assert found.short == "不能相加减"
    assert "长度" in found.answer
    assert "质量" in found.answer


@pytest.mark.parametrize(
    "question",
    [
        "3米等于多少厘米",
        "3米和80厘米哪个长",
        "一根绳子长3米，剪去80厘米，还剩多少？",
        "小明有5元，比小红多3角，小红有多少钱？",
        "3米80厘米等于多少厘米",
        "3×5",
        "5千克苹果和3元的梨一共多少",
        "长3米，宽80厘米，面积是多少",
    ],
)
def test_what_is_no_such_sum_is_left_alone(question: str) -> None:
    assert done(asked(question)) is None


def test_no_model_can_divide_what_is_to_be_subtracted() -> None:
    turn = Turn([{"role": "user", "content": "3米减80厘米是多少"}])
    assert turn.is_exact
