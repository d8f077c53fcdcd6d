"""What the ladder found, in words, Chinese and English beside each other as the terminal's help is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huozhong.apps.rank.offers import Offer
from huozhong.apps.rank.table import Table
from huozhong.apps.rank.task import Task

NAMES = {
    "logistic": "逻辑回归 logistic regression",
    "trees": "提升树 boosted trees",
    "static": "少读网络 network of fewer fields",
    "gated": "选读网络 gated network",
    "dense": "全读网络 dense network",
}
WORDS = {"count": "次数", "mean": "以往结果", "days since": "距上次天数", "number": "个数"}
TIMES = {"weekday": "星期", "month": "月份", "hour": "钟点"}


def understood(table: Table, task: Task) -> str:
    """What the table is taken for, before anything is trained."""
    lines = [f"{table.num_rows} 行 rows, {len(table.columns)} 列 columns"]
    roles = {"谁 who": task.who, "什么 what": task.what, "时间 when": task.when}
    lines += [f"  {role}: {name}" for role, name in roles.items() if name is not None]
    if task.target is None:
        lines.append("  每行是一件发生了的事；没发生的另抽样 / every row happened; what did not is drawn beside it")
    else:
        counts = f"≥ {task.good:g}" if task.good is not None else f"= {task.yes}"
        lines.append(f"  要预测 foretold: {task.target} {counts}")
    lines += [f"  不用 not used: {name} ({chinese} / {english})" for name, chinese, english in task.left_out]
    return "\n".join(lines)


def report(figures: Mapping[str, Any], folder: Path) -> str:
    """A line a rung, the cheapest first, and which one is enough."""
    lines = [
        f"{figures['fields']} 个字段 fields, {figures['values']} 个值 values; "
        f"{figures['good']:.1%} 的行算好 of the rows count",
        f"{'':2}{'AUC':>7} {'落后 behind (95%)':>28} {'乘加 mult-adds':>14} {'微秒/行 µs':>10} {'训练秒 s':>8}",
    ]
    for rung in figures["rungs"]:
        mark = "→" if rung["name"] == figures["enough"] else " "
        behind = f"{rung['behind']:.4f} ({rung['low']:+.4f} … {rung['high']:+.4f})"
        lines.append(
            f"{mark} {rung['auc']:7.4f} {behind:>28} {rung['multiply_adds']:>14,} {rung['micros']:>10.1f} "
            f"{rung['seconds']:>8.1f}  {NAMES[rung['name']]}"
        )
    have = {rung["name"] for rung in figures["rungs"]}
    if "trees" not in have:
        lines.append("没有树：pip install 'huozhong[rank]' / no trees: they need that package")
    if "dense" not in have:
        lines.append("没有网络：make train / no networks: they need torch")
    lines.append(
        f"够用的最便宜的：{NAMES[figures['enough']]}（存在 {folder}）/ the cheapest that is as good as any, kept there"
    )
    return "\n".join(lines)


def field_words(name: str, *, english: bool) -> str:
    """A field's name for people: 顾客 · count is 顾客的次数."""
    column, dot, what = name.partition(" · ")
    if english:
        return name
    return f"{column.replace(' & ', '与')}的{WORDS.get(what, what)}" if dot else TIMES.get(name, name)


def offer_line(offer: Offer, *, english: bool = False, with_chance: bool = True) -> str:
    """A name, its chance where it is one (beside imagined rows it is only an order), and what decided."""
    because = "; ".join(
        f"{field_words(field, english=english)}{f' {value}' if value else ''} {'↑' if by > 0 else '↓'}"
        for field, value, by in offer.reasons
    )
    return f"{offer.name}  {f'{offer.chance:.0%}  ' if with_chance else ''}{because}"
