"""What a person sees of a reinforcement run: a live line, curves, and answers to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from huozhong.files import write_whole
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.show import Display, blank_figure, running_mean


class RlDisplay(Display):
    """`Display` with reward, length and the share of groups that taught nothing."""

    shows_rate = False

    def line(self, record: dict[str, Any]) -> str:
        line = (
            f"level {record['level']} · reward {record['reward']:.3f} · solved {record['solved']:.1%} · "
            f"{record['length']:.0f} tokens · dropped {record['dropped']:.0%} · entropy {record['entropy']:.3f} · "
            f"clipped {record['clipped']:.2%}"
        )
        if "valid" in record:
            line += f" · held-out {record['valid']:.1%}"
        return f"{line} · {record['generated_per_second']:,.0f} tok/s"


def plan_of(recipe: RlRecipe, *, parameters: int, levels: Sequence[int], device: str, steps_left: int) -> Table:
    """The run in a few rows, shown before it begins."""
    table = Table(show_header=False, box=None)
    rollout, optim = recipe.rollout, recipe.optim
    answers = rollout.questions * rollout.samples
    sources = ", ".join(f"{Path(s.path).name} × {s.weight:g}" for s in recipe.problems.train)
    rewards = ", ".join(f"{name} × {weight:g}" for name, weight in recipe.rewards.items())
    for name, value in (
        ("模型 model", f"{recipe.base} ({parameters:,} parameters)"),
        ("题目 problems", f"{sources}; levels {', '.join(map(str, levels))}"),
        ("奖励 rewards", rewards),
        (
            "每步 each step",
            f"{rollout.questions} questions × {rollout.samples} = {answers} answers of ≤ "
            f"{rollout.max_tokens} tokens, {recipe.grpo.updates} update(s)",
        ),
        ("学习率 rates", f"Muon {optim.muon_lr:g}, AdamW {optim.adamw_lr:g}"),
        ("步数 steps", f"{steps_left} of {recipe.total_steps} left"),
        ("设备 device", device),
    ):
        table.add_row(name, value)
    return table


def draw_curves(records: Sequence[dict[str, Any]], path: Path, *, title: str) -> None:
    """rl.png: reward and accuracy, length, entropy, and the share of groups without variance, by step."""
    figure = blank_figure(10, 7)
    panels = figure.subplots(2, 2)
    figure.suptitle(title)
    steps = [record for record in records if "reward" in record]
    x = [record["step"] for record in steps]
    for axes, names in zip(
        panels.flat, (("reward", "solved"), ("length",), ("entropy", "gap"), ("dropped", "cut")), strict=True
    ):
        for name, colour in zip(names, ("tab:orange", "tab:green"), strict=False):
            values = [record[name] for record in steps]
            axes.plot(x, values, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(x, running_mean(values), color=colour, label=_LABELS[name])
        axes.set_xlabel("step")
    if valid := [(r["step"], r["valid"]) for r in records if "valid" in r]:
        label = "held-out problems solved (greedy)"
        panels[0, 0].plot(*zip(*valid, strict=True), "o-", color="tab:blue", markersize=3, label=label)
    for axes in panels.flat:
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


_LABELS = {
    "reward": "mean reward", "solved": "share of answers solved", "length": "tokens per answer",
    "entropy": "entropy (nats per token)", "gap": "|log p trainer - log p sampler|",
    "dropped": "groups without variance", "cut": "answers cut off",
}  # fmt: skip


# -- answers to read -------------------------------------------------------------------------------------


def write_samples(folder: Path, step: int, groups: Sequence[dict[str, Any]]) -> None:
    """samples/step-00000010.jsonl and .txt: for each question its best and its worst answer.

    groups: question, gold, and answers (text, reward, tokens, finished), the best first.
    """
    lines = [json.dumps(group, ensure_ascii=False) + "\n" for group in groups]
    write_whole(folder / f"step-{step:08d}.jsonl", "".join(lines))
    text = [f"第 {step} 步 / step {step}\n"]
    for group in groups:
        text.append(f"\n{'=' * 80}\n{group['question']}\n标准答案 / gold: {group['gold']}\n")
        shown = [("最好 / best", group["answers"][0]), ("最差 / worst", group["answers"][-1])]
        for name, answer in shown:
            end = "" if answer["finished"] else "（没写完 / cut off）"
            text.append(f"\n--- {name}: {answer['reward']:.3f}, {answer['tokens']} tokens {end}\n{answer['text']}\n")
    write_whole(folder / f"step-{step:08d}.txt", "".join(text))
