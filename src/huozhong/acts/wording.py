"""Interim, until the branch wit is here."""

from __future__ import annotations

from huozhong.acts.solve import Node, solve
from huozhong.verify.numbers import Number


def worded(question: str, told: list[Number], plan: Node) -> str:
    solution = solve(plan)
    return "\n".join((*solution.lines, f"答：{solution.answer}。"))


def explained(question: str, told: list[Number], plan: Node) -> str:
    return worded(question, told, plan)


def another_way(plan: Node) -> Node | None:
    return None
