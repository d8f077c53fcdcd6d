"""From a table to fields: its own columns, the parts of its time, and what was known before each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.fields import Fields, category_field, number_field
from huozhong.apps.rank.history import Totals, history, history_now, keys_of
from huozhong.apps.rank.table import Table, numbers, parts
from huozhong.apps.rank.task import Task, tells_of

Floats = NDArray[np.float64]
Columns = dict[str, Any]

LISTED = 3  # values of a list that become fields, the rarest first: they say most
_REPEATED = 0.02  # of the rows, from which on pairs of who and what are worth remembering


@dataclass(frozen=True)
class Known:
    """What is kept of the table: how rare listed values are, and everybody's history by the columns that make a key."""

    rarity: Mapping[str, Mapping[str, int]]
    totals: Mapping[tuple[str, ...], Totals]


def columns_of(
    table: Table, task: Task, outcome: Floats, counted: Floats, moment: Floats | None
) -> tuple[Columns, Known]:
    """Every field's column for the rows of a table, which come in their order, and what is kept for later rows."""
    rarity = {
        name: Counter(part for value in table.columns[name] for part in parts(value))
        for name in task.used
        if task.kinds[name] == "list"
    }
    columns = _plain(table, task, rarity, moment)
    totals: dict[tuple[str, ...], Totals] = {}
    for key in _keys(table, task):
        told, totals[key] = history(keys_of([_simple(table, task, one) for one in key]), outcome, moment, counted)
        columns |= _history_names(key, told, task)
    return columns, Known(rarity, totals)


def columns_now(table: Table, task: Task, known: Known, moment: Floats | None) -> Columns:
    """The same for rows that come after the table, whose outcome is not known."""
    columns = _plain(table, task, known.rarity, moment)
    for key, totals in known.totals.items():
        told = history_now(keys_of([_simple(table, task, one) for one in key]), totals, moment)
        columns |= _history_names(key, told, task)
    return columns


def fields_of(columns: Columns) -> Fields:
    """Fit a field to every column."""
    found = (
        number_field(name, column) if isinstance(column, np.ndarray) else category_field(name, column)
        for name, column in columns.items()
    )
    return Fields(tuple(field for field in found if field.size > 2))  # one value alone says nothing


def _plain(table: Table, task: Task, rarity: Mapping[str, Mapping[str, int]], moment: Floats | None) -> Columns:
    columns: Columns = {}
    for name in task.used:
        values, kind = table.columns[name], task.kinds[name]
        if kind == "list":
            rare = [sorted(parts(value), key=lambda part: rarity[name].get(part, 0)) for value in values]
            for n in range(LISTED):
                columns[f"{name} {n + 1}"] = [row[n] if n < len(row) else "" for row in rare]
            columns[f"{name} · number"] = np.array([len(row) for row in rare], np.float64)
        elif kind == "number" and name not in (task.who, task.what):
            columns[name] = numbers(values)
        else:
            columns[name] = values
    if moment is not None:
        columns |= _of_time(moment)
    return columns


def _of_time(moment: Floats) -> Columns:
    """Hour (where it is told), weekday and month."""
    days = np.floor(moment / 86_400)
    hours = np.floor(moment / 3600) % 24
    months = moment.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1.0
    told: Columns = {"weekday": (days + 3) % 7 + 1, "month": np.where(np.isnan(moment), np.nan, months)}
    return told if (hours[~np.isnan(hours)] == 0).all() else told | {"hour": hours}


def _keys(table: Table, task: Task) -> list[tuple[str, ...]]:
    """Whose history is kept: who, what, both together, and who with every kind of what."""
    keys: list[tuple[str, ...]] = [(one,) for one in (task.who, task.what) if one is not None]
    if task.who is None or task.what is None:
        return keys
    pairs = Counter(zip(table.columns[task.who], table.columns[task.what], strict=True))
    if sum(n - 1 for n in pairs.values()) > _REPEATED * table.num_rows:
        keys.append((task.who, task.what))
    of_what = [name for name in task.used if name not in (task.who, task.what) and tells_of(table, task.what, name)]
    return keys + [(task.who, name) for name in of_what if 2 <= len(set(_simple(table, task, name))) <= 300]


def _simple(table: Table, task: Task, name: str) -> Sequence[str]:
    """A column as one value a row: of a list the first, of a year its decade."""
    values = table.columns[name]
    if task.kinds[name] == "list":
        return [value if len(found := parts(value)) == 0 else found[0] for value in values]
    if task.kinds[name] == "number" and all(len(value) in (0, 4) and value.isdigit() | (not value) for value in values):
        return [value[:3] for value in values]
    return values


def _history_names(key: tuple[str, ...], told: Mapping[str, Floats], task: Task) -> Columns:
    """Named as people are told; of what only happens a mean says nothing that a count does not."""
    return {f"{' & '.join(key)} · {what}": column for what, column in told.items() if task.target or what != "mean"}
