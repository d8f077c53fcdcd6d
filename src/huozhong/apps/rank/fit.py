"""From a table to a model that answers: `huozhong rank fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from huozhong.apps.rank.columns import columns_of, fields_of
from huozhong.apps.rank.fields import Fields
from huozhong.apps.rank.imagined import with_imagined
from huozhong.apps.rank.kept import Fitted
from huozhong.apps.rank.ladder import Rung, Say, Sets, cheapest, climb, folded
from huozhong.apps.rank.table import Table
from huozhong.apps.rank.task import Task, tells_of
from huozhong.errors import SkillError

FEWEST = 200  # rows: of fewer nothing can be said


def fit(table: Table, task: Task, say: Say, seed: int = 0) -> tuple[Fitted, list[Rung], Rung]:
    """Climb the ladder over a table; the model that is enough, every rung, and which of them it is."""
    if table.num_rows < FEWEST:
        raise SkillError(
            f"只有 {table.num_rows} 行，至少要 {FEWEST} 行才看得出规律。",
            f"There are {table.num_rows} rows; nothing can be said of fewer than {FEWEST}.",
        )
    table = in_order(table, task, seed)
    last_rows = table
    if task.target is None:
        table, outcome = with_imagined(table, task, seed)
        counted = outcome
    else:
        outcome = task.outcome(table)
        counted = np.ones(table.num_rows)
    columns, known = columns_of(table, task, outcome, counted, task.moments(table))
    learn = int(0.8 * table.num_rows)
    fields = fields_of({name: column[:learn] for name, column in columns.items()})
    sets = Sets.cut(fields.ids(columns), outcome)
    for part in (slice(None, sets.decide), slice(sets.decide, sets.report), slice(sets.report, None)):
        if not 0 < sets.outcome[part].mean() < 1:
            raise SkillError(
                "按时间切成三段后，有一段只有一种结果；数据太少或太偏。",
                "Cut into three by time, one part has a single outcome: too few rows, or too uneven ones.",
            )
    rungs = climb(sets, fields, say, seed)
    enough = cheapest(rungs)
    fitted = Fitted(
        task, fields, known, folded(enough.model, fields), enough.name,
        _last(last_rows, task, task.who), _last(last_rows, task, task.what), _last_moment(table, task),
        figures(rungs, enough, sets, fields),
    )  # fmt: skip
    return fitted, rungs, enough


def in_order(table: Table, task: Task, seed: int) -> Table:
    """The rows by time; where there is none, in an order drawn by lot, so that no part is another's season."""
    moment = task.moments(table)
    if moment is None:
        order = np.random.default_rng(seed).permutation(table.num_rows)
    else:
        order = np.argsort(moment, kind="stable")  # NaN, a missing moment, goes last
    return Table({name: [values[n] for n in order] for name, values in table.columns.items()})


def _last(table: Table, task: Task, key: str | None) -> Mapping[str, Mapping[str, str]]:
    """The last row of each value of a column, with what it says of that value alone."""
    if key is None:
        return {}
    own = [name for name in task.used if name == key or tells_of(table, key, name)]
    last = {value: row for row, value in enumerate(table.columns[key]) if value}
    return {value: {name: table.columns[name][row] for name in own} for value, row in last.items()}


def _last_moment(table: Table, task: Task) -> float | None:
    moments = task.moments(table)
    return None if moments is None else float(np.nanmax(moments))


def figures(rungs: list[Rung], enough: Rung, sets: Sets, fields: Fields) -> dict[str, Any]:
    """What was found, to be kept beside the model and printed."""
    return {
        "rows": len(sets.outcome),
        "fields": len(fields.all),
        "values": fields.num_values,
        "good": float(sets.outcome.mean()),
        "enough": enough.name,
        "rungs": [
            {
                "name": rung.name, "auc": rung.area, "behind": rung.behind.mean, "low": rung.behind.low,
                "high": rung.behind.high, "multiply_adds": rung.model.multiply_adds, "micros": rung.micros,
                "seconds": rung.seconds, "enough": rung.is_enough,
            }
            for rung in rungs
        ],
    }  # fmt: skip
