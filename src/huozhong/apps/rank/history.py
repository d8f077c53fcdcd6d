"""What was known before each row: how often, how well and how long ago somebody or something appeared.

Rows are taken in the order of time, or of the file where there is none.  Nothing of a row, nor of any later one, goes
into what is said of it: the way in which such tables lie most easily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRIOR = 5.0  # how many average outcomes somebody is given who has none yet


@dataclass(frozen=True)
class Totals:
    """What is known of everybody at the end of the table, for the rows to come.

    For each key: how often it was seen, the sum of its outcomes, the last moment (NaN where there is no time).
    """

    seen: dict[str, tuple[float, float, float]]
    average: float


def keys_of(columns: Sequence[Sequence[str]]) -> list[str]:
    """One key a row from one column or several together."""
    return ["\x1f".join(row) for row in zip(*columns, strict=True)]


def history(
    keys: Sequence[str], outcome: Floats, moment: Floats | None, counted: Floats
) -> tuple[dict[str, Floats], Totals]:
    """For every row its key's count, mean outcome and days since the last row, of earlier rows alone.

    outcome: 0 to 1.  counted: 1 for rows that happened, 0 for those that are only imagined beside them.  The rows come
    in their order.  The mean leans to the average of all earlier rows.
    """
    names, index = np.unique(np.array(keys, dtype=str), return_inverse=True)
    order = np.lexsort((np.arange(len(keys)), index))  # each key's rows beside each other, in their order
    begins = np.flatnonzero(np.r_[True, np.diff(index[order]) != 0])
    group = np.repeat(np.arange(len(begins)), np.diff(np.r_[begins, len(keys)]))
    count = _before(counted[order], begins, group)
    total = _before((outcome * counted)[order], begins, group)
    average = (_before(outcome * counted) + PRIOR * 0.5) / (_before(counted) + PRIOR)
    told = {"count": np.empty(len(keys)), "mean": np.empty(len(keys))}
    told["count"][order] = count
    told["mean"][order] = (total + PRIOR * average[order]) / (count + PRIOR)
    last = np.full(len(names), np.nan)
    if moment is not None:
        told["days since"] = np.full(len(keys), np.nan)
        told["days since"][order] = _since(moment[order], counted[order] > 0, begins, group)
        happened = counted > 0
        np.fmax.at(last, index[happened], moment[happened])
    seen = np.bincount(index, weights=counted)
    sums = np.bincount(index, weights=outcome * counted)
    totals = {str(key): (float(n), float(s), float(t)) for key, n, s, t in zip(names, seen, sums, last, strict=True)}
    return told, Totals(totals, float((outcome * counted).sum() / max(counted.sum(), 1.0)))


def _before(values: Floats, begins: NDArray[np.intp] | None = None, group: NDArray[np.intp] | None = None) -> Floats:
    """The sum of what comes earlier, in all or in each group of rows that lie together."""
    earlier: Floats = np.cumsum(values) - values
    return earlier if begins is None else earlier - earlier[begins][group]


def _since(moment: Floats, happened: NDArray[np.bool_], begins: NDArray[np.intp], group: NDArray[np.intp]) -> Floats:
    """Days since the last earlier row of the same group that happened; NaN where there is none."""
    far = group * 1e11  # no moment is so late: what another group leaves behind lies below each group's own floor
    known = np.where(happened & ~np.isnan(moment), moment, 0.0) + far
    shifted = np.r_[0.0, known[:-1]]
    shifted[begins] = far[begins]
    last = np.maximum.accumulate(shifted) - far
    return np.where(last > 0, (moment - last) / 86_400, np.nan)


def history_now(keys: Sequence[str], totals: Totals, moment: Floats | None) -> dict[str, Floats]:
    """The same for rows that come after the table."""
    none = (0.0, 0.0, np.nan)
    found = np.array([totals.seen.get(key, none) for key in keys], np.float64).reshape(-1, 3)
    told = {
        "count": found[:, 0],
        "mean": (found[:, 1] + PRIOR * totals.average) / (found[:, 0] + PRIOR),
    }
    if moment is not None:
        told["days since"] = (moment - found[:, 2]) / 86_400
    return told
