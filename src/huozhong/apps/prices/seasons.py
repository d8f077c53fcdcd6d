"""Where a week stands in the year and beside the Spring Festival, on which much of what farms sell depends."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST_YEAR = 1990
# The Spring Festival's days after 1 January, from FIRST_YEAR on (computed with lunar-python).
_DAYS = (
    26, 45, 34, 22, 40, 30, 49, 37, 27, 46, 35, 23, 42, 31, 21, 39, 28, 48, 37, 25, 44, 33, 22, 40,
    30, 49, 38, 27, 46, 35, 24, 42, 31, 21, 40, 28, 47, 36, 25, 43, 33, 22, 41, 30, 49, 38, 27, 45,
    34, 23, 42, 31, 21, 40, 29, 47, 36, 25, 44, 32, 22, 41, 31, 49, 38, 27, 45, 34, 23, 42, 32,
)  # fmt: skip
_CENTRES = (-12.0, -7.0, -3.0, 1.0, 5.0, 10.0)  # weeks from the festival
_WIDTH = 3.0

CALENDAR = 4 + len(_CENTRES)  # numbers that `calendar` gives a week


def festival_weeks(dates: list[datetime.date]) -> Floats:
    """Weeks from the nearest Spring Festival, negative before it: one number a date."""
    festivals = np.array(
        [
            (datetime.date(FIRST_YEAR + place, 1, 1) + datetime.timedelta(days)).toordinal()
            for place, days in enumerate(_DAYS)
        ]
    )
    days = np.array([date.toordinal() for date in dates])
    away = days[:, None] - festivals[None, :]
    return np.asarray(away[np.arange(len(days)), np.abs(away).argmin(1)] / 7.0, dtype=np.float64)


def calendar(dates: list[datetime.date]) -> Floats:
    """[T, CALENDAR]: the year as two waves, and how near the week is to six moments around the festival."""
    year = np.array([date.timetuple().tm_yday for date in dates]) * (2 * np.pi / 365.25)
    return waves(year, festival_weeks(dates))


def waves(year: Floats, festival: Floats) -> Floats:
    """The same from angles of the year and weeks from the festival, of any shape; the numbers are the last axis."""
    near = np.exp(-(((festival[..., None] - np.array(_CENTRES)) / _WIDTH) ** 2))
    turns = np.stack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)], -1)
    return np.concatenate([turns, near], -1)
