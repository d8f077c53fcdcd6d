"""What did not happen: for every purchase some things that the same person did not take that day.

A till's list holds only what was bought.  To learn from it, other things are drawn beside each row, the frequent ones
more often (as the 0.75th power of how often they are taken: Mikolov et al. 2013, section 2.2).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.table import Table
from huozhong.apps.rank.task import Task, tells_of

BESIDE = 2  # imagined rows for each that happened


def with_imagined(table: Table, task: Task, seed: int) -> tuple[Table, NDArray[np.float64]]:
    """The rows in their order, each followed by imagined ones, and 1 for those that happened, 0 for the others."""
    assert task.who is not None
    assert task.what is not None
    things = table.columns[task.what]
    counts = Counter(things)
    names = [*counts]
    weights = np.array([counts[name] for name in names], np.float64) ** 0.75
    # What somebody ever takes is not left out: that nobody will take a thing later is not known on the day.
    days = table.columns[task.when] if task.when is not None else [""] * table.num_rows
    taken = set(zip(table.columns[task.who], days, things, strict=True))
    drawn = np.random.default_rng(seed).choice(len(names), (table.num_rows, BESIDE), p=weights / weights.sum())
    last = {thing: row for row, thing in enumerate(things)}
    of_things = {name for name in task.used if name == task.what or tells_of(table, task.what, name)}
    rows, thing_rows, happened = [], [], []
    for row, person in enumerate(table.columns[task.who]):
        rows.append(row)
        thing_rows.append(row)
        happened.append(1.0)
        for n in drawn[row]:
            if names[n] != things[row] and (person, days[row], names[n]) not in taken:
                rows.append(row)
                thing_rows.append(last[names[n]])
                happened.append(0.0)
    columns = {
        name: [values[n] for n in (thing_rows if name in of_things else rows)] for name, values in table.columns.items()
    }
    return Table(columns), np.array(happened)
