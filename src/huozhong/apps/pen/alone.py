"""The alone-index: how far a pig keeps to itself beside the others of its pen.  A number with a definition, no mood."""

from __future__ import annotations

import numpy as np

from huozhong.apps.pen.diary import Day


def alone_index(days: dict[str, dict[str, Day]], me: str) -> float | None:
    """How far a pig keeps to itself beside the others of its pen, in standard deviations over the last three days.

    Of each pig and day: the share of time lying, times the mean distance to the nearest pig (lengths), times the share
    of the pen's median time at the feeder that it missed; the mean over three days.  None for fewer than five pigs,
    or less than three days of an hour each.
    """
    values = {}
    dates = sorted({date for each in days.values() for date, day in each.items() if day.watched >= 3600})[-3:]
    if len(dates) < 3:
        return None
    meals = {
        date: float(
            np.median(
                [
                    each[date].feeder / each[date].watched
                    for each in days.values()
                    if date in each and each[date].watched >= 3600
                ]
            )
        )
        for date in dates
    }
    for who, each in days.items():
        known = [
            each[date] for date in dates if date in each and each[date].watched >= 3600 and each[date].together > 0
        ]
        if len(known) < 3:
            continue
        parts = []
        for date in dates:
            day = each[date]
            missed = 1 - min(1.0, day.feeder / day.watched / meals[date]) if meals[date] > 0 else 0.0
            parts.append(day.lying / day.watched * day.apart / day.together * missed)
        values[who] = float(np.mean(parts))
    if len(values) < 5 or me not in values:
        return None
    spread = float(np.std(list(values.values())))
    return 0.0 if spread < 1e-9 else (values[me] - float(np.mean(list(values.values())))) / spread
