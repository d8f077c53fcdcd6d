"""What `huozhong forecast` prints: the fan, the advice, or how good forecasts of the past were; as text or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.apps.prices import words
from huozhong.apps.prices.asked import Answer, answer, every_series, kilograms_of
from huozhong.apps.prices.backtest import know
from huozhong.apps.prices.judge import LEAST_WEEKS, START, Earned, Judged, Score, judge
from huozhong.apps.prices.members import MEMBERS
from huozhong.apps.prices.network import LEVELS
from huozhong.apps.prices.peers import has_statsforecast, light_fans, statsforecast_fans
from huozhong.apps.prices.sell import Pig
from huozhong.apps.prices.table import Prices, read_prices
from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.skills.fan import whole_svg


@dataclass(frozen=True)
class Asked:
    """The command's words.  has_pig: whether a weight was given, and with it the question sell or wait."""

    data: bytes
    column: str
    only: str
    unit: str
    each: bool
    pig: Pig
    has_pig: bool
    days: int | None
    every: int
    peers: str

    def series(self) -> Iterator[Prices]:
        if self.each:
            yield from every_series(self.data, self.column, self.only)
        else:
            yield read_prices(self.data, column=self.column, only=self.only)


def forecasts(asked: Asked, language: str, *, as_json: bool, svg: Path | None) -> Iterator[str]:
    """Forecasts of the series that were asked for, line by line."""
    for prices in asked.series():
        found = answer(prices, asked.unit, asked.pig if asked.has_pig else None, asked.days)
        chart = words.chart_of(prices, found.fan, found.kilograms, language)
        if svg is not None:
            name = f"{svg.stem}-{prices.name}{svg.suffix}" if asked.each else svg.name
            write_whole(svg.with_name(name.replace("/", "-")), whole_svg(chart))
        yield json.dumps(forecast_json(found), ensure_ascii=False) if as_json else forecast_text(found, language)


def forecast_text(found: Answer, language: str) -> str:
    """A forecast to be read in a terminal."""
    prices, unit = found.prices, words.unit_of(found.kilograms).in_language(language)
    zh = language == "zh"
    lines = [
        f"{prices.name}  {prices.dates[0]} – {prices.dates[-1]}  {len(prices.values)} {'周' if zh else 'weeks'}  {unit}"
    ]
    lines += ["· " + (note[0] if zh else note[1]) for note in prices.notes]
    lines += ["", "日期        十次里八次在…之间   中间" if zh else "date        eight times in ten   middle"]
    rows = found.fan.prices()
    for date, row in zip(words.weeks_ahead(prices), rows, strict=True):
        low, middle, high = row[LEVELS.index(0.1)], row[LEVELS.index(0.5)], row[LEVELS.index(0.9)]
        lines.append(f"{date}  {low:8.2f} – {high:<8.2f}  {middle:8.2f}")
    lines += ["", _unmarked(words.outlook(prices, found.fan, found.kilograms).in_language(language))]
    share = "，".join if zh else ", ".join
    counted = share(f"{name} {weight:.0%}" for name, weight in zip(MEMBERS, found.fan.weights, strict=True))
    lines.append(("各占：" if zh else "Made of: ") + counted)
    if found.decision is not None:
        lines += ["", _unmarked(words.advice(found.decision).in_language(language))]
        lines += ["", *_what_if_lines(found, zh)]
    return "\n".join([*lines, "", words.DISCLAIMER.in_language(language)])


def _what_if_lines(found: Answer, zh: bool) -> list[str]:
    assert found.decision is not None
    lines = ["要是……  等一等平均每头多（元）" if zh else "if ...  waiting brings, yuan a head"]
    for chinese, english, other in found.others:
        verdict = ("卖" if zh else "sell") if other.sell else ("等" if zh else "wait")
        lines.append(f"  {chinese if zh else english}: {other.gain:+.0f}  {verdict}")
    return lines


def _unmarked(text: str) -> str:
    return text.replace("**", "").replace("\n\n", "\n")


def forecast_json(found: Answer) -> dict[str, Any]:
    """A forecast for programs: prices in the table's own unit, yuan a head for the pig."""
    prices, rows = found.prices, found.fan.prices()
    result: dict[str, Any] = {
        "series": prices.name,
        "kilograms_per_price": found.kilograms,
        "last": {"date": prices.dates[-1].isoformat(), "price": float(prices.values[-1])},
        "horizon_weeks": len(rows),
        "levels": list(LEVELS),
        "forecast": [
            {"date": date.isoformat(), "quantiles": [round(float(value), 4) for value in row]}
            for date, row in zip(words.weeks_ahead(prices), rows, strict=True)
        ],
        "weights": dict(zip(MEMBERS, np.round(found.fan.weights, 4).tolist(), strict=True)),
        "notes": [note[1] for note in prices.notes],
    }
    if found.decision is not None:
        result["decision"] = {
            "advice": "sell" if found.decision.sell else "wait",
            "today_yuan_per_head": round(found.decision.today, 1),
            "waiting_yuan_per_head": round(found.decision.waiting, 1),
            "how_often_waiting_is_worse": round(found.decision.worse, 3),
            "if_sold_after_weeks": [round(float(value), 1) for value in found.decision.by_week],
            "what_if": {english: round(other.gain, 1) for _, english, other in found.others},
        }
    return result


# -- the backtest ------------------------------------------------------------------------------


def backtests(asked: Asked, language: str, *, as_json: bool, svg: Path | None) -> Iterator[str]:
    """Backtests of the series that were asked for, and where there are several, all of them in one line."""
    if svg is not None:
        raise SkillError(
            "--svg 画的是预报，不和 --backtest 一起用。", "--svg draws the forecast; leave it out beside --backtest."
        )
    if asked.peers == "statsforecast" and not has_statsforecast():
        raise SkillError(
            "没有装 statsforecast：pip install statsforecast。",
            "statsforecast is not installed: pip install statsforecast.",
        )
    if not 1 <= asked.every <= 26:
        raise SkillError("--every 在 1 到 26 周之间。", "--every is between 1 and 26 weeks.")
    foreign = asked.peers == "statsforecast" or (asked.peers == "auto" and has_statsforecast())
    all_of_them: list[Judged] = []
    for prices in asked.series():
        if asked.each and len(prices.values) < LEAST_WEEKS:
            print(f"{prices.name}: {len(prices.values)} < {LEAST_WEEKS}", file=sys.stderr)
            continue
        kilograms = prices.unit or kilograms_of(asked.unit)
        kilogram = prices.per_kilogram(kilograms)
        judged = judge(
            know(prices), prices.name, every=asked.every, fans=statsforecast_fans if foreign else light_fans,
            kilogram=kilogram if 5 <= float(np.median(kilogram)) <= 60 else None, pig=asked.pig,
        )  # fmt: skip
        all_of_them.append(judged)
        yield json.dumps(judged_json(judged), ensure_ascii=False) if as_json else judged_text(judged, language, foreign)
    if len(all_of_them) > 1 and not as_json:
        yield summary(all_of_them, language)


_HEAD = (
    "{name}  {weeks} 周：每隔 {every} 周报一次以后八周，共 {count} 次，只用当时以前的价格\n"
    "误差是分位数误差（pinball ×2，价格取对数，0.05 约等于 5%），越小越好；\n"
    "比值是我们除以它，括号里是 95% 区间（分块自助法）",
    "{name}  {weeks} weeks: {count} forecasts of eight weeks, one every {every}, from earlier prices alone\n"
    "loss: pinball x2 of the logarithm of the price (0.05 is about 5%), less is better;\n"
    "ratio: ours over theirs, with its 95% interval (block bootstrap)",
)
_LIGHT = (
    "（这些是我们写的轻便版；装了 statsforecast 就和它比）",
    "(light versions of ours; with statsforecast installed, its own)",
)


def judged_text(judged: Judged, language: str, foreign: bool) -> str:
    zh = language == "zh"
    shares = "  ".join(f"{n} {w:.0%}" for n, w in zip(MEMBERS, judged.past.weights.mean(0), strict=True))
    weeks = " ".join(f"{share:.0%}" for share in judged.by_week)
    low, high = judged.covered_interval
    head = _HEAD[0] if zh else _HEAD[1]
    lines = [
        head.format(name=judged.name, weeks=judged.weeks, every=judged.every, count=len(judged.past.origins)),
        "",
        f"{'':<16}{'误差' if zh else 'loss':>9}  {'80% 带' if zh else '80% band':>8}   {'比值' if zh else 'ratio'}",
        f"{'我们' if zh else 'ours':<16}{judged.loss:>9.5f}  {judged.covered:>8.1%}   [{low:.1%}, {high:.1%}]",
    ]
    lines += [_score_line(score) for score in judged.peers]
    if not foreign:
        lines.append(_LIGHT[0] if zh else _LIGHT[1])
    lines += ["", "由这些合成：" if zh else "made of:", *(_score_line(score) for score in judged.members)]
    lines.append(("平均各占：" if zh else "on average: ") + shares)
    lines.append(("80% 带里实际落入，第 1 到 8 周：" if zh else "in the 80% band, weeks 1 to 8: ") + weeks)
    if judged.earned is not None:
        lines += ["", *_earned_lines(judged.earned, zh)]
    return "\n".join(lines)


def _score_line(score: Score) -> str:
    ratio = f"{score.ratio:.3f} [{score.low:.3f}, {score.high:.3f}]"
    return f"{score.name:<16}{score.loss:>9.5f}  {score.covered:>8.1%}   {ratio}"


def _earned_lines(earned: Earned, zh: bool) -> list[str]:
    rules = "  ".join(f"{weight} kg {value:.0f}" for weight, value in earned.rules.items())
    if zh:
        lines = [
            f"卖还是等：{earned.batches} 批猪，从 {START:.0f} 公斤起每周决定；"
            "每头收入减去这以后的饲料、花费和死亡，元；价格按元/公斤",
            f"  固定体重就卖：{rules}",
            f"  我们：{earned.ours:.0f}（平均 {earned.weight:.0f} 公斤卖）",
        ]
    else:
        lines = [
            f"Sell or wait: {earned.batches} batches, from {START:.0f} kg on decided every week; "
            "yuan a head, less feed, costs and deaths since; prices as yuan/kg",
            f"  sold at a fixed weight: {rules}",
            f"  ours: {earned.ours:.0f} (sold at {earned.weight:.0f} kg on average)",
        ]
    for weight, (ratio, low, high), known in ((110, earned.ratio, False), (earned.best, earned.over_best, True)):
        after = ("（事后才知道最好的那个体重）" if zh else " (the best weight, known only afterwards)") if known else ""
        against = f"比 {weight} 公斤就卖" if zh else f"against {weight} kg"
        lines.append(f"  {against}{after}: {ratio - 1:+.2%} [{low - 1:+.2%}, {high - 1:+.2%}]")
    return lines


def judged_json(judged: Judged) -> dict[str, Any]:
    """A backtest for programs."""

    def scores(those: list[Score]) -> dict[str, Any]:
        return {
            score.name: {
                "pinball_x2": round(score.loss, 6), "covered_80": round(score.covered, 4),
                "ours_over_it": [round(score.ratio, 4), round(score.low, 4), round(score.high, 4)],
            }
            for score in those
        }  # fmt: skip

    result: dict[str, Any] = {
        "series": judged.name,
        "weeks": judged.weeks,
        "forecasts": len(judged.past.origins),
        "weeks_between": judged.every,
        "horizon_weeks": len(judged.by_week),
        "ours": {
            "pinball_x2": round(judged.loss, 6),
            "covered_80": round(judged.covered, 4),
            "covered_80_interval": [round(value, 4) for value in judged.covered_interval],
            "covered_80_by_week": np.round(judged.by_week, 4).tolist(),
        },
        "peers": scores(judged.peers),
        "members": scores(judged.members),
        "mean_weights": dict(zip(MEMBERS, np.round(judged.past.weights.mean(0), 4).tolist(), strict=True)),
    }
    if judged.earned is not None:
        earned = judged.earned
        result["earned_yuan_per_head"] = {
            "batches": earned.batches, "ours": round(earned.ours, 1), "ours_sold_at_kg": round(earned.weight, 1),
            "fixed_weight": {str(weight): round(value, 1) for weight, value in earned.rules.items()},
            "over_110_kg": [round(value, 4) for value in earned.ratio],
            "over_best_fixed": [round(value, 4) for value in earned.over_best],
        }  # fmt: skip
    return result


def summary(judged: list[Judged], language: str) -> str:
    """Of several series: how often ours is 5% better than the best of the others, how many bands are right."""
    ratios = [one.peers[0].ratio for one in judged]
    bands = [0.75 <= one.covered <= 0.85 for one in judged]
    earned = [one.earned.ratio[0] - 1 for one in judged if one.earned]
    zh = language == "zh"
    mean = float(np.exp(np.mean(np.log(ratios))))
    better = sum(ratio <= 0.95 for ratio in ratios)
    if zh:
        lines = [
            f"{len(judged)} 个序列：比最好的对手平均 {mean - 1:+.1%}（{better} 个好 5% 以上）；"
            f"80% 带在 75–85% 的 {sum(bands)} 个"
        ]
    else:
        lines = [
            f"{len(judged)} series: against the best of the others {mean - 1:+.1%} on average "
            f"({better} at least 5% better); 80% band within 75 to 85%: {sum(bands)}"
        ]
    if earned:
        more, gain = sum(value >= 0.02 for value in earned), float(np.mean(earned))
        lines.append(
            f"卖还是等：比 110 公斤就卖平均 {gain:+.1%}（{more} 个 2% 以上）"
            if zh
            else f"sell or wait: {gain:+.1%} against 110 kg on average ({more} at least 2%)"
        )
    return "\n".join(lines)
