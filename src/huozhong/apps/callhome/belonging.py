"""Who belongs to one of the family: 女儿的女儿, 儿子的老师, 建国媳妇; and who is a relation of his own: 儿子他媳妇.

Whoever is said so is not the one that is named first.  Where the list has a contact of that relation it is shown, never
dialled at once: of two sons each may have a wife.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from huozhong.apps.callhome.align import Costs, joined

# What joins two people of whom the second is meant.
OF = (
    "的", "嘅", "个", "他", "她", "佢", "伊", "渠", "家", "家的", "他家", "她家", "屋里", "屋头", "屋里的", "屋头的",
    "屋企", "那边", "那边的", "单位的", "学校的", "厝", "怹", "因", "伊个",
    "伊的", "俚", "俚个", "渠个", "佢个", "佢嘅", "他们", "她们", "伊拉", "佢哋", "怹兜", "他的", "她的",
)  # fmt: skip
TALKED_OF = (
    "老师", "同学", "朋友", "同事", "老板", "领导", "学校", "单位", "公司", "对象", "男朋友", "女朋友", "房东",
    "班主任", "师傅", "司机",
)  # fmt: skip
UNHEARD = 0.12  # one syllable that nobody knows, between two people
# what joins two people otherwise: 妈妈，给女儿打电话
_ORDERS = frozenset("给跟和同与共搭帮对畀拨予乞分把得到向找揾寻叫喊嗌让请打敲拍挂为替代摎佮互俾还或及问")
SOMEBODYS, SHOWN = 0.10, 0.08  # what it costs to hear them so; and a contact who is one of them
# Relations by their Chinese names: whose, what, and what that is called.
_SAME = """
儿子 老婆 儿媳妇, 儿子 儿子 孙子, 儿子 女儿 孙女, 女儿 老公 女婿, 女儿 儿子 外孙, 女儿 女儿 外孙女, 孙子 妈妈 儿媳妇,
孙子 爸爸 儿子, 孙女 妈妈 儿媳妇, 孙女 爸爸 儿子, 外孙 妈妈 女儿, 外孙 爸爸 女婿, 孙子 奶奶 老婆, 孙子 爷爷 老公,
孙女 奶奶 老婆, 孙女 爷爷 老公, 老婆 爸爸 岳父, 老婆 妈妈 岳母, 老公 爸爸 公公, 老公 妈妈 婆婆, 哥哥 老婆 嫂子,
弟弟 老婆 弟媳, 姐姐 老公 姐夫, 妹妹 老公 妹夫, 哥哥 儿子 侄子, 弟弟 儿子 侄子, 哥哥 女儿 侄女, 弟弟 女儿 侄女,
姐姐 儿子 外甥, 妹妹 儿子 外甥, 舅舅 老婆 舅妈, 姑姑 老公 姑父, 叔叔 老婆 婶婶, 爸爸 哥哥 伯伯, 爸爸 弟弟 叔叔,
妈妈 哥哥 舅舅, 妈妈 弟弟 舅舅, 爸爸 妈妈 奶奶, 爸爸 爸爸 爷爷, 妈妈 妈妈 外婆, 妈妈 爸爸 外公
"""


def same_as(shown: Mapping[str, str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each relation the pairs that say it: whose, what.  shown: relations by their Chinese names."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for line in _SAME.replace("\n", " ").split(","):
        whose, what, called = (shown[one] for one in line.split())
        found[called] = (*found.get(called, ()), (whose, what))
    return found


class Belonging:
    """One utterance.  any: what it costs to hear each relation; of, talked_of: tables of those words.

    names: for each contact that has a name of its own, its relations and what it costs to hear that name."""

    def __init__(
        self,
        heard: str,
        any: Mapping[str, Costs],
        of: Costs,
        talked_of: Costs,
        names: Sequence[tuple[tuple[str, ...], Costs]],
    ) -> None:
        self._heard = heard
        self._any, self._talked_of, self._names = any, talked_of, names
        self._of = np.where(of > 0.01, np.inf, of).astype(np.float32)  # as it is written: 给 is no 个

    def rival(self, known: Costs, anybody: Costs) -> Costs:
        """Who is meant and is none of the list.  known, anybody: one of the family, and any relation at all."""
        kin = np.minimum(known, anybody)
        found = [
            joined(kin, joined(self._of, anybody)) + SOMEBODYS,
            joined(kin, joined(self._of, self._talked_of)),
            joined(self._plain(known), joined(self._one_syllable(), self._plain(anybody))) + SOMEBODYS,
        ]
        by_relation: dict[tuple[str, ...], list[Costs]] = {}
        for relations, named in self._names:
            by_relation.setdefault(relations, []).append(named)
        for relations, named_so in by_relation.items():
            others = [costs for name, costs in self._any.items() if name not in relations]
            found.append(joined(np.min(np.stack(named_so), axis=0), np.min(np.stack(others), axis=0)) + SOMEBODYS)
        return np.asarray(np.min(np.stack(found), axis=0), np.float32)

    def contact(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Costs]:
        """What it costs to call a contact of a relation by what it is to another: 儿子他媳妇, 建国媳妇."""
        for whose, what in pairs:
            yield joined(self._any[whose], joined(self._of, self._any[what])) + SHOWN
            for relations, named in self._names:
                if whose in relations:
                    yield joined(named, self._any[what]) + SHOWN

    @staticmethod
    def _plain(costs: Costs) -> Costs:
        return np.where(costs > 0.01, np.inf, costs).astype(np.float32)

    def _one_syllable(self) -> Costs:
        n = len(self._of) - 1
        costs = np.full((n + 1, n + 1), np.inf, np.float32)
        for i, letter in enumerate(self._heard):
            if letter not in _ORDERS:
                costs[i, i + 1] = UNHEARD
        return costs
