"""Who is not in the list and may still be meant: a surname with a title, a trade, a neighbour's name, somebody's
somebody (女儿的老师, 建国媳妇), a namesake (建华 beside 建国); and the order's own words, which are nobody's name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from huozhong.apps.callhome.align import Costs
from huozhong.apps.callhome.sounds import pinyin_of

# "打个电话" that is written so is the sentence's: 大哥 is not looked for in it.
_DIALLING = re.compile("[打拨挂敲拍](?:一?[个只通下]|一?哈)?(?:电话|电)")
_OVER_IT = 1.5
# What strangers are called by: one syllable and a title (王老师), or a trade (修水管的).
TITLES = (
    "老师", "医生", "大夫", "师傅", "书记", "主任", "老板", "村长", "校长", "队长", "经理", "护士", "阿姨", "大姐",
    "大哥", "大爷", "大妈", "伯伯", "叔叔", "同志", "警官", "律师",
)  # fmt: skip
_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范"
    "江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷龙史陶黎贺顾毛郝龚邵万钱严覃武莫孔向汤常温康施"
    "文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞柳甘祝"
)
_CALLED = (
    "婶", "嫂", "叔", "哥", "姐", "姨", "婆", "伯", "总", "头", "爷", "妈", "娘", "公", "妹", "弟", "大嫂", "大叔",
    "大爷", "大妈", "大娘", "大婶", "大伯", "大姐", "大哥", "阿姨", "家", "工", "导", "局", "处", "科",
)  # fmt: skip
SURNAMED, BY_NAME = 0.05, 0.35
TITLED, BY_TRADE = 0.15, 0.25
NAMESAKE = 0.05
# Characters of which given names are made: where one of a contact's stands beside another of these, it is another name.
_GIVEN = frozenset(
    "华军民平强伟明红英芳丽敏静秀娟霞艳玲玉兰珍梅桂花香月春秋夏冬云文武斌辉刚勇杰涛超鹏飞龙虎海波洋江河山林森松柏"
    "国建家爱志卫东南西北中正义仁德忠孝和安宁康健福禄寿喜贵富荣昌盛兴旺发财宝金银玉珠翠凤燕莲菊竹琴书诗雅婷雪冰霜雨晴"
    "晓长永远新光亮星阳晨旭昊宇轩浩博睿泽瑞祥庆有友生根水火土木石磊峰岩川泉源清洁佳佩瑶琳琪瑾倩慧惠淑贞素巧美"
    "子梓涵欣怡悦思雯娜萍莉蓉蕾薇菲露璐婉彬坤乾俊豪毅凯权胜利学少立成功克向景振继绍廷"
)


def dialled(heard: str) -> Costs:
    """[n + 1, n + 1]: what it costs to hear a name on words that are plainly the order itself."""
    costs = np.zeros((len(heard) + 1, len(heard) + 1), np.float32)
    for match in _DIALLING.finditer(heard):
        costs[: match.end(), match.start() + 1 :] = _OVER_IT
    return costs


def titled(titles: Costs) -> Costs:
    """Any one syllable, and a title."""
    costs = np.full_like(titles, np.inf)
    costs[:-1] = titles[1:] + TITLED
    return costs


def surnamed(heard: str, misheard: bool = False) -> Costs:
    """张婶, 老王, 小李, 老王头, 李建新, 阿福: who is called by a surname, or as one calls a neighbour.

    misheard: 黄贱国 is rather the 黄建国 of the list than another 黄, the more so the longer the name."""
    n = len(heard)
    costs = np.full((n + 1, n + 1), np.inf, np.float32)

    def at(start: int, end: int, cost: float) -> None:
        if end <= n:
            costs[start, end] = min(float(costs[start, end]), cost)

    for i, letter in enumerate(heard):
        behind = heard[i + 1 : i + 2]
        if letter in _SURNAMES:
            for title in _CALLED:
                if heard.startswith(title, i + 1):
                    at(i, i + 1 + len(title), SURNAMED)
            at(i, i + 2, BY_NAME * (2 if misheard else 1))
            at(i, i + 3, BY_NAME * (3 if misheard else 1))
        elif letter in "老小阿大胖" and behind:
            cost = SURNAMED if behind in _SURNAMES else BY_NAME
            at(i, i + 2, cost)
            if heard[i + 2 : i + 3] in ("头", "家"):
                at(i, i + 3, cost)
    return costs


def by_trade(heard: str) -> Costs:
    """Two to six syllables and 的: who is named by what he does."""
    n = len(heard)
    costs = np.full((n + 1, n + 1), np.inf, np.float32)
    for end, letter in enumerate(heard, 1):
        if letter in "的嘅":
            costs[max(0, end - 7) : max(0, end - 2), end] = BY_TRADE
    return costs


def namesakes(heard: str, names: Sequence[str], known: Collection[str]) -> Costs:
    """建华 and 卫国 where the list has a 建国, with a surname or without: one character differs, and is a name's, too.

    What only sounds alike is not looked at, for that a recogniser writes.  names: of two characters each.
    known: what the contacts are called, 小丽 among them, though there be a 小山."""
    n = len(heard)
    costs = np.full((n + 1, n + 1), np.inf, np.float32)
    for i in range(n - 1):
        for name in names:
            first, last = heard[i], heard[i + 1]
            other, own = (last, name[1]) if first == name[0] else (first, name[0]) if last == name[1] else ("", "")
            if (
                first + last not in known
                and other in _GIVEN
                and other != own
                and first != last
                and pinyin_of(other) != pinyin_of(own)
            ):
                costs[i, i + 2] = NAMESAKE
                if i and heard[i - 1] in _SURNAMES:
                    costs[i - 1, i + 2] = NAMESAKE
    return costs
