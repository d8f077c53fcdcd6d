"""Forecasts of prices against others', and sell-or-wait against a fixed weight.

    python benchmarks/prices.py                        made-up series (recipes/prices/generators.py, its own seed)
    python benchmarks/prices.py --data prices.csv ...  real ones: CSV files, every column or place of each
    python benchmarks/prices.py --peers statsforecast  its automatic models, not our light ones (minutes a series)

Every forecast is made from earlier prices alone, eight weeks ahead, and judged by twice the pinball loss of the
logarithm.  Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from recipes.prices.generators import make

from huozhong.apps.prices.asked import every_series
from huozhong.apps.prices.backtest import Known, know
from huozhong.apps.prices.judge import Judged, judge
from huozhong.apps.prices.members import MEMBERS, members
from huozhong.apps.prices.peers import light_fans, statsforecast_fans
from huozhong.apps.prices.printed import judged_json, judged_text, summary
from huozhong.apps.prices.sell import Pig

SEED, WEEKS = 2026, 438  # a seed that no training uses, and the length of nine years


def made_up(count: int, like_pigs: bool) -> Iterator[tuple[str, Known, np.ndarray | None]]:
    """Series of the generator's own draw, those that move calmly enough scaled to 15 yuan for pigs.

    like_pigs: those alone that move by 1.8 to 4.5% a week and go on as they went (0.4 to 0.8 of it).
    """
    made, found = make(np.random.default_rng(SEED), 60 * count if like_pigs else count, WEEKS), 0
    for place, y in enumerate(made.y):
        r = np.diff(y)
        calm = np.ptp(y) < 1.8 and r.std() < 0.05
        if like_pigs and not (calm and 0.018 < r.std() < 0.045 and 0.4 < np.corrcoef(r[1:], r[:-1])[0, 1] < 0.8):
            continue
        fans = members(y, made.calendar[place])
        known = Known(y, made.calendar[place], np.zeros(WEEKS, bool), np.stack([fans[name] for name in MEMBERS]))
        yield f"made-up {place}", known, 15 * np.exp(y - np.median(y)) if calm else None
        found += 1
        if found == count:
            return


def real(files: list[Path]) -> Iterator[tuple[str, Known, np.ndarray | None]]:
    """Every series of the files; pigs only where a kilogram's price is one of live pigs."""
    for file in files:
        for prices in every_series(file.read_bytes(), "", ""):
            kilogram = prices.per_kilogram()
            live = prices.unit is not None and 5 <= float(np.median(kilogram)) <= 60
            yield f"{file.stem} {prices.name}".strip(), know(prices), kilogram if live else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="CSV files of weekly or daily prices")
    parser.add_argument("--series", type=int, default=24, help="made-up series")
    parser.add_argument("--like-pigs", action="store_true", help="those alone that move as prices of pigs do")
    parser.add_argument("--every", type=int, default=4, help="weeks between forecasts")
    parser.add_argument("--peers", choices=("light", "statsforecast"), default="light")
    parser.add_argument("--quiet", action="store_true", help="the summary alone")
    arguments = parser.parse_args()
    fans = statsforecast_fans if arguments.peers == "statsforecast" else light_fans
    begin, found = time.monotonic(), list[Judged]()
    for name, known, kilogram in (
        real(arguments.data) if arguments.data else made_up(arguments.series, arguments.like_pigs)
    ):
        judged = judge(known, name, every=arguments.every, fans=fans, kilogram=kilogram, pig=Pig(90.0))
        found.append(judged)
        if not arguments.quiet:
            print(judged_text(judged, "en", arguments.peers == "statsforecast"), "\n", flush=True)
    print(summary(found, "en"))
    print(json.dumps(report(found, time.monotonic() - begin, arguments.peers), ensure_ascii=False))


def report(found: list[Judged], seconds: float, peers: str) -> dict[str, object]:
    """All series together: geometric means of ratios, means of coverage and of what choosing the time brings."""
    names = sorted(score.name for score in found[0].peers)
    by_name = {
        name: float(np.exp(np.mean([np.log(s.ratio) for one in found for s in one.peers if s.name == name])))
        for name in names
    }
    earned = [one.earned for one in found if one.earned]
    return {
        "date": datetime.date.today().isoformat(),
        "series": len(found),
        "peers": peers,
        "ours_over_peer": {name: round(value, 4) for name, value in by_name.items()},
        "ours_over_best_of_each_series": round(float(np.exp(np.mean([np.log(o.peers[0].ratio) for o in found]))), 4),
        "covered_80": round(float(np.mean([one.covered for one in found])), 4),
        "over_110_kg": round(float(np.mean([one.ratio[0] - 1 for one in earned])), 4) if earned else None,
        "over_best_fixed_weight": round(float(np.mean([one.over_best[0] - 1 for one in earned])), 4)
        if earned
        else None,
        "each": [judged_json(one) for one in found] if len(found) <= 3 else None,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
