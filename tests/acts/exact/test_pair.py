"""Two numbers that are asked for together, checked by what is told of them."""

from __future__ import annotations

import pytest

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.verify.arithmetic import check_steps


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("鸡兔同笼，头35个，脚94只，鸡兔各有多少只？", "鸡有23只，兔有12只"),
        ("笼子里有鸡和兔共8只，一共有26条腿，鸡和兔各几只", "鸡有3只，兔有5只"),
        ("停车场有三轮车和自行车共10辆，一共有24个轮子，各有几辆", "三轮车有4辆，自行车有6辆"),
        ("有5元和2元的人民币共20张，共70元，5元和2元各有几张", "5元的有10张，2元的有10张"),
        ("大船坐6人，小船坐4人，租了10条船，正好坐了52人，大船小船各租了几条", "大船有6条，小船有4条"),
        ("答对一题得5分，答错一题扣2分，小明做了20题，得了79分，他答对几题", "对的有17题，错的有3题"),
        ("两数的和是50，差是10，两数各是多少", "较大的是30，较小的是20"),
        ("甲乙共有48个苹果，甲是乙的3倍，甲乙各有多少个", "甲有36个，乙有12个"),
        ("哥哥比弟弟多24张邮票，哥哥的邮票是弟弟的3倍，两人各有多少张", "哥哥有36张，弟弟有12张"),
        ("苹果树和梨树共120棵，苹果树是梨树的2倍多6棵，两种树各有多少棵", "苹果树有82棵，梨树有38棵"),
        ("爸爸比儿子大28岁，爸爸的年龄是儿子的5倍，爸爸和儿子各多少岁", "爸爸35岁，儿子7岁"),
        ("男生女生共45人，男生比女生少3人，男生女生各多少人", "女生有24人，男生有21人"),
        ("长方形的周长是36厘米，长比宽多4厘米，长和宽各是多少", "长是11厘米，宽是7厘米"),
        ("小华和小丽共有图书30本，小华给小丽4本后两人一样多，原来各有几本", "小华有19本，小丽有11本"),
        ("The sum of two numbers is 50 and their difference is 10. What are the two numbers?",
         "the larger 30 and the smaller 20"),
        ("There are chickens and rabbits: 35 heads and 94 legs. How many of each?", "chickens: 23 and rabbits: 12"),
    ],
)  # fmt: skip
def test_both_are_found(question: str, short: str) -> None:
    done = do(labels.PAIR, question)
    assert done is not None
    assert done.short == short
    assert check_steps("\n".join(done.lines)).all_correct


@pytest.mark.parametrize(
    "question",
    [
        "小明有5个苹果，小红有7个，各有多少",
        "三个数的和是50，差是10，各是多少",
        "鸡兔同笼，头35个，脚93只，鸡兔各有多少只？",  # half a rabbit
        "甲乙共有47个苹果，甲是乙的3倍，甲乙各有多少个",
        "今年爸爸和儿子共40岁，5年后爸爸的年龄是儿子的4倍，各多少岁",
        "甲比乙多3个，丙比乙少2个，各有多少个",
        "鸡有5只，兔有8只，一共多少条腿",
        "",
    ],
)
def test_what_is_not_read(question: str) -> None:
    assert do(labels.PAIR, question) is None
