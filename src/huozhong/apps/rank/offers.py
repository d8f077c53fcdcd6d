"""What to offer somebody, or whom to offer something: the best rows now, and which fields decided."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.kept import Fitted
from huozhong.apps.rank.logistic import sigmoid
from huozhong.apps.rank.table import Table, cell
from huozhong.errors import SkillError

MOST_ROWS = 100_000
REASONS = 3
_COMPARED = 2_000  # rows, by which the average is found
_NOTHING = 0.01  # of the log-odds: no reason


@dataclass(frozen=True)
class Offer:
    """name: who or what is offered.  chance: by the model.  reasons: (field, its value, how much it moved the odds)."""

    name: str
    chance: float
    reasons: tuple[tuple[str, str, float], ...]

    def as_json(self) -> dict[str, Any]:
        reasons = [{"field": field, "value": value, "weight": round(by, 3)} for field, value, by in self.reasons]
        return {"name": self.name, "chance": round(self.chance, 4), "reasons": reasons}


def offers(fitted: Fitted, *, who: str | None = None, what: str | None = None, top: int = 10) -> list[Offer]:
    """The `top` things for somebody (who), or people for something (what)."""
    task = fitted.task
    given = who if what is None else what if who is None else None
    if given is None or task.who is None or task.what is None:
        raise SkillError(
            f"请给一个{task.who or '顾客'}或者一个{task.what or '商品'}（二选一）。",
            f"Give one {task.who or 'person'} or one {task.what or 'thing'}, not both.",
        )
    pool, others = (fitted.people, fitted.things) if what is None else (fitted.things, fitted.people)
    if given not in pool:
        column = task.who if who is not None else task.what
        raise SkillError(
            f"数据里没有{column}“{given}”；有：{'、'.join([*pool][:5])}……",
            f"The data holds no {column} '{given}'; it holds: {', '.join([*pool][:5])}, ...",
        )
    names = [*others][:MOST_ROWS]
    rows = [{**pool[given], **others[name]} for name in names]
    return _best(fitted, names, rows, time.time(), top, beside_each_other=True)


def score_rows(fitted: Fitted, rows: Sequence[Mapping[str, str]], top: int | None = None) -> list[Offer]:
    """Rows as a table would hold them, in the order of their chances; columns that are not given count as missing."""
    if not rows or len(rows) > MOST_ROWS:
        raise SkillError(f"要有 1 到 {MOST_ROWS} 行。", f"There must be 1 to {MOST_ROWS} rows.")
    known = {*fitted.task.used, fitted.task.when}
    for row in rows:
        for name in row:
            if name not in known and name != fitted.task.target:
                raise SkillError(
                    f"模型不认识“{name}”这一列；认识：{'、'.join(fitted.task.used)}。",
                    f"The model does not know column '{name}'; it knows: {', '.join(fitted.task.used)}.",
                )
    return _best(fitted, [str(n + 1) for n in range(len(rows))], rows, time.time(), top or len(rows))


def _best(
    fitted: Fitted,
    names: list[str],
    rows: Sequence[Mapping[str, Any]],
    now: float,
    top: int,
    beside_each_other: bool = False,
) -> list[Offer]:
    """beside_each_other: reasons are what sets a row apart from the others; what all of them share is none."""
    kinds, named = fitted.task.kinds, (fitted.task.who, fitted.task.what)
    used = {name: "category" if name in named else kinds[name] for name in fitted.task.used}  # whom is no number
    table = Table({name: [cell(row.get(name), name, kind) for row in rows] for name, kind in used.items()})
    ids = fitted.ids(table, now)
    scores = fitted.model.scores(ids)
    best = np.argsort(-scores, kind="stable")[:top]
    moved = fitted.model.parts(ids[best])
    if beside_each_other:
        moved = moved - fitted.model.parts(ids[:_COMPARED]).mean(axis=0)
    chances = sigmoid(scores[best])
    return [
        Offer(names[row], float(chance), _reasons(fitted, ids[row], by))
        for row, chance, by in zip(best, chances, moved, strict=True)
    ]


def _reasons(fitted: Fitted, ids: NDArray[np.int32], moved: NDArray[np.float32]) -> tuple[tuple[str, str, float], ...]:
    offsets = fitted.fields.offsets
    order = [f for f in np.argsort(-np.abs(moved)) if abs(moved[f]) > _NOTHING][:REASONS]
    found = []
    for f in order:
        field = fitted.fields.all[f]
        found.append((field.name, field.value(int(ids[f] - offsets[f])), float(moved[f])))
    return tuple(found)
