"""What the runs come to: costs on a quiet machine, ratios, curves as JSON and as pictures."""

from __future__ import annotations

import dataclasses
import json
import os
from statistics import mean
from typing import Any

from training.bill import Cost, cost
from training.contestants import SIZES
from training.figures import draw_curves, draw_sweep
from training.ladder import Reached
from training.race import Race
from training.speeds import matmul_rate, paces


def report(race: Race, *, again: bool) -> dict[str, Any]:
    """Measure what has not been measured (or everything `again`), write curves and pictures, sum up."""
    contest = race.contest
    recipes = {
        name: (who, contest.recipe(who, setting, tokens=run.asked, seed=run.seed, name=name))
        for (name, (who, setting)), run in zip(race.settings.items(), race.results.values(), strict=True)
    }
    table = paces(contest, list(recipes.values()), contest.folder, again=again)
    costs = {name: cost(who, recipe, table) for name, (who, recipe) in recipes.items()}
    _write(race, costs)
    rate = matmul_rate()
    heats = [_heat(race, heat, costs) for heat in race.heats]
    return {
        "benchmark": "training_cost",
        "size": contest.size,
        "budget_tokens": race.budget,
        "baseline_tokens": race.second,
        "cores": os.cpu_count(),
        "threads": contest.threads,
        "parameters": {who: contest.parameters(who, recipe) for who, recipe in recipes.values()},
        "matmul_gflops": round(rate / 1e9),
        "share_of_matmul_rate": {name: round(pace.flops / pace.seconds / rate, 2) for name, pace in table.items()},
        "heats": heats,
        "seconds_ratio_gpt2": _mean(heats, "gpt2_over_ours"),
        "seconds_ratio_baseline": _mean(heats, "baseline_over_ours"),
    }


def _heat(race: Race, heat: Any, costs: dict[str, Cost]) -> dict[str, Any]:
    """One seed: the targets, and how many times as much the peers needed."""
    published, tuned = costs[heat.gpt2.name], costs[heat.baseline.name]
    found: dict[str, Any] = {
        "seed": heat.seed,
        "gpt2": {"bpb": round(heat.gpt2.bpb, 4), **_said(published)},
        "baseline": {"bpb": round(heat.baseline.bpb, 4), **_said(tuned)},
    }
    for name, reached, whole in (
        ("gpt2_over_baseline", heat.first, published),
        ("gpt2_over_ours", heat.ours, published),
        ("baseline_over_ours", heat.again, tuned),
    ):
        found[name] = _ratio(reached, whole, costs)
    return found


def _ratio(reached: Reached, whole: Cost, costs: dict[str, Cost]) -> dict[str, Any] | None:
    """`whole` over the shortest run that was as good; also between the rungs, by interpolation."""
    if reached.shortest is None:
        return None
    own = costs[reached.shortest.name]
    found: dict[str, Any] = whole.over(own)
    found |= {"tokens_needed": reached.shortest.tokens, "bpb": round(reached.shortest.bpb, 4)}
    if reached.interpolated is not None:
        between = own.times(reached.interpolated / reached.shortest.tokens)
        found["seconds_interpolated"] = whole.over(between)["seconds"]
    return found


def _mean(heats: list[dict[str, Any]], name: str) -> float | None:
    values = [heat[name]["seconds"] for heat in heats if heat[name] is not None]
    return round(mean(values), 2) if values else None


def _said(cost: Cost) -> dict[str, float]:
    return {key: float(f"{value:.4g}") for key, value in dataclasses.asdict(cost).items()}


def _write(race: Race, costs: dict[str, Cost]) -> None:
    folder = race.contest.folder
    lines = []
    for name, result in race.results.items():
        lines.append({**dataclasses.asdict(result), "quiet": _said(costs[name])})
    temporary = folder / "curves.tmp"
    temporary.write_text(json.dumps(lines, indent=1, ensure_ascii=False))
    temporary.replace(folder / "curves.json")
    swept = {result.name for _, result in race.sweep}
    kept = [(r, costs[name].seconds) for name, r in race.results.items() if name not in swept and r.seed == 1]
    targets = {"gpt2": race.heats[0].gpt2.bpb, "baseline": race.heats[0].baseline.bpb}
    width = SIZES[race.contest.size].width
    title = f"{race.contest.size} parameters (width {width}), {race.budget / 1e6:g}M tokens at most"
    draw_curves(kept, targets, folder / "curves.png", title)
    draw_sweep([(name, r.setting["rate"], r.bpb) for name, r in race.sweep], folder / "sweep.png")
