"""What is to be foretold, and from what: which column is whom, what, when and the outcome."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.table import Kind, Table, kind_of, numbers, times
from huozhong.errors import SkillError

Floats = NDArray[np.float64]

_WHO = ("user", "customer", "member", "client", "reader", "student", "buyer", "person", "顾客", "客户", "会员", "用户",
        "读者", "学生", "买家", "姓名", "卡号")  # fmt: skip
_WHAT = ("item", "product", "movie", "book", "goods", "sku", "article", "title", "商品", "货品", "品名", "产品", "书名",
         "图书", "电影", "菜名", "菜品")  # fmt: skip
_TARGET = ("target", "label", "outcome", "bought", "buy", "purchase", "purchased", "clicked", "click", "liked",
           "revenue", "response", "rating", "y", "结果", "是否购买", "购买",
            "是否借阅", "喜欢", "点击", "评分", "成交", "续费",
           "是否成交", "income")  # fmt: skip
_YES = frozenset({"1", "true", "yes", "y", "t", "是", "有", "买", "已购", "成交", "喜欢", "good", "对"})
_NO = frozenset({"0", "false", "no", "n", "f", "否", "无", "没", "未购", "不喜欢", "bad", "错"})

# How an outcome that did not happen begins, in words that no list can hold all of.
_NEGATED = re.compile(
    r"[没未无]|不(?!错)|非(?!常)|失败|拒绝|取消|流失|退|(?:no|not|non|never|did ?n[o']t|fail|failed|lost)\b|not?[_ -]",
    re.I,
)
_TURNED = ("un", "non", "in", "dis", "ir")  # unsold beside sold


@dataclass(frozen=True)
class Task:
    """who, what, when: columns of the table, None where it has none.

    target: the column that is foretold; None: every row is something that happened, and what did not happen is
    imagined beside it.  yes: its value that counts, or the least number that does (`good`).
    left_out: columns that are not used, with the reason in Chinese and English.
    """

    kinds: Mapping[str, Kind]
    who: str | None
    what: str | None
    when: str | None
    target: str | None
    yes: str | None = None
    good: float | None = None
    left_out: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def used(self) -> list[str]:
        """The columns that are read, besides the target and the time."""
        out = {name for name, _, _ in self.left_out}
        return [name for name in self.kinds if name not in out and name not in (self.target, self.when)]

    def outcome(self, table: Table) -> Floats:
        """1 for every row that counts, else 0."""
        if self.target is None:
            return np.ones(table.num_rows)
        values = table.columns[self.target]
        if self.good is not None:
            return (numbers(values) >= self.good).astype(np.float64)
        return np.array([value == self.yes for value in values], np.float64)

    def moments(self, table: Table) -> Floats | None:
        """When every row was."""
        return None if self.when is None else times(table.columns[self.when])


def understand(
    table: Table,
    *,
    target: str | None = None,
    good: float | None = None,
    who: str | None = None,
    what: str | None = None,
    when: str | None = None,
) -> Task:
    """What a table can be used for; whatever is given by name is taken, the rest is found."""
    for name in (target, who, what, when):
        if name is not None and name not in table.columns:
            raise SkillError(
                f"没有“{name}”这一列；有：{'、'.join(table.columns)}。",
                f"There is no column '{name}'; there are: {', '.join(table.columns)}.",
            )
    kinds = {name: kind_of(values) for name, values in table.columns.items()}
    when = when or next((name for name, kind in kinds.items() if kind == "time"), None)
    if when is not None and times(table.columns[when]) is None:
        raise SkillError(f"“{when}”这一列不是日期。", f"Column '{when}' holds no dates.")
    target = target or _target(table, kinds)
    who = who or _named(kinds, _WHO, (target, when))
    what = what or _named(kinds, _WHAT, (target, when, who))
    if target is None and (who is None or what is None):
        raise SkillError(
            "看不出要预测哪一列，也看不出哪列是顾客、哪列是商品。请用 --target 列名，或 --who 列名 --what 列名。",
            "It is not clear which column is foretold, nor which tells who and what. Give --target COLUMN, or "
            "--who COLUMN --what COLUMN.",
        )
    yes, good = (None, None) if target is None else _counts(table.columns[target], target, good)
    out = _left_out(kinds, keep={who, what, when, target})
    if who is not None and what is not None:
        taken = {who, what, when, target, *(name for name, _, _ in out)}
        loose = [n for n in kinds if n not in taken and not any(tells_of(table, whole, n) for whole in (who, what))]
        out += [(name, "事情发生了才知道", "known only once it has happened") for name in loose]
    return Task(kinds, who, what, when, target, yes, good, tuple(out))


def tells_of(table: Table, whole: str, name: str) -> bool:
    """Whether a column says the same in all rows of each value of another: what a thing is, not what happened."""
    known: dict[str, str] = {}
    same = sum(known.setdefault(a, b) == b for a, b in zip(table.columns[whole], table.columns[name], strict=True))
    return same > 0.98 * table.num_rows


def _named(kinds: Mapping[str, Kind], words: Sequence[str], taken: Sequence[str | None]) -> str | None:
    """The column whose heading says one of the words, best as a whole."""
    free = [name for name, kind in kinds.items() if name not in taken and kind not in ("constant", "time")]
    low = {name: name.lower().removesuffix("id").removesuffix("编号").rstrip("_ ") or name.lower() for name in free}
    whole = next((name for name in free if low[name] in words), None)
    worded = [name for name in free if kinds[name] in ("category", "text")]
    return whole or next((name for name in worded if any(len(one) > 1 and one in low[name] for one in words)), None)


def _target(table: Table, kinds: Mapping[str, Kind]) -> str | None:
    """A column whose heading says that it is an outcome; else the last one, if it has two values."""
    names = [*kinds]
    for name in reversed(names):
        if name.lower() in _TARGET and kinds[name] in ("category", "number"):
            return name
    two = {name for name in names if len(set(table.columns[name]) - {""}) == 2}
    return names[-1] if names[-1] in two else None


def _counts(values: Sequence[str], name: str, good: float | None) -> tuple[str | None, float | None]:
    """Which value of the target counts, or from which number on."""
    counts = Counter(value for value in values if value)
    if "" in set(values):
        raise SkillError(
            f"“{name}”这一列有 {values.count('')} 行是空的，没法知道结果。",
            f"Column '{name}' is empty in {values.count('')} rows: their outcome is not known.",
        )
    if len(counts) < 2:
        raise SkillError(f"“{name}”这一列只有一种结果。", f"Column '{name}' has one outcome only.")
    if len(counts) == 2 and good is None:
        low = {value.lower(): value for value in counts}
        for words, other in ((_YES, False), (_NO, True)):
            known = [value for key, value in low.items() if key in words]
            if len(known) == 1:
                return (next(value for value in counts if value != known[0]) if other else known[0]), None
        if (meant := _meant([*counts])) is not None:
            return meant, None
        return min(counts, key=lambda value: counts[value]), None  # what is rarer is what people look for
    try:
        told = numbers(values)
    except ValueError:
        raise SkillError(
            f"“{name}”这一列有 {len(counts)} 种文字结果，只能有两种，或者是数。",
            f"Column '{name}' has {len(counts)} outcomes in words; there can be two, or numbers.",
        ) from None
    if good is None:
        good = float(np.median(told))
        if (told >= good).all():
            good = float(told[told > good].min())
    if (told >= good).all() or not (told >= good).any():
        raise SkillError(
            f"“{name}”全都在 {good:g} 的同一边，换一个 --good。",
            f"All of '{name}' lie on one side of {good:g}; take another --good.",
        )
    return None, good


def _meant(two: Sequence[str]) -> str | None:
    """Which of two outcomes says that it happened, where their form tells: 买了 beside 没买, 1.0 beside 0.0."""
    low = {value.lower() for value in two}
    no = [v for v in two if _NEGATED.match(v) or any(v.lower() == turned + one for turned in _TURNED for one in low)]
    if not no:
        try:
            no = [value for value, number in zip(two, numbers(two), strict=True) if number <= 0]
        except ValueError:
            return None
    return next(value for value in two if value != no[0]) if len(no) == 1 else None


def _left_out(kinds: Mapping[str, Kind], keep: set[str | None]) -> list[tuple[str, str, str]]:
    reasons = {
        "constant": ("每行都一样", "the same in every row"),
        "row id": ("只是行号", "only numbers the rows"),
        "text": ("每行都不同的文字", "text, another in every row"),
        "time": ("另一列时间", "another moment"),
    }
    return [(name, *reasons[kind]) for name, kind in kinds.items() if kind in reasons and name not in keep]
