"""What people see of an adaptation: the pre-flight, a line an epoch, and before beside after."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from rich.table import Table

from huozhong.cost import Bill
from huozhong.train.adapt.fit import Fit
from huozhong.train.adapt.settings import Hyperparameters, Settings
from huozhong.train.adapt.tasks import Task

_SCORES = {
    "loss": ("损失", "loss"),
    "kept": ("自己原来的回答上的损失", "loss on what it said itself before"),
    "accuracy": ("比原来更偏向好答案", "gained on the rejected answer"),
    "preferred": ("更可能说出好答案", "chosen answer likelier"),
    "margin": ("差距", "margin"),
}
_SHARES = ("accuracy", "preferred")
SHOWN = 4  # answers side by side


def preflight_table(
    settings: Settings,
    task: Task,
    fit: Fit,
    plan: Hyperparameters,
    dtype: torch.dtype,
    *,
    trained: int,
    peak: int,
    expected: Bill,
) -> Table:
    """Everything that was derived, and what it will take.

    trained: parameters.  peak: bytes held in the trial.  expected: the bill of the steps that are left.
    """
    table = Table(title=f"{settings.base} → {settings.out}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", overflow="fold")
    held = f"{task.heldout:,}" if task.heldout else "0（太少 / too few）"
    table.add_row("训练/留出 examples: training / held out", f"{task.count:,} / {held}")
    method = fit.name if fit.method == "full" else f"{fit.name}, rank {settings.rank}"
    table.add_row("方法 method", f"{method}, {str(dtype).removeprefix('torch.')}")
    table.add_row("训练的参数 trained parameters", f"{trained:,}")
    table.add_row("轮数 × 步数 epochs × steps", f"{plan.epochs} × {plan.steps_per_epoch} ({plan.batch} / step)")
    table.add_row("学习率 learning rate", f"{plan.lr:.2g}")
    table.add_row("词元 tokens", f"{plan.epochs * sum(task.lengths):,}")
    free = "?" if settings.memory is None else f"{settings.memory / 1e9:.1f} GB"
    table.add_row("内存 memory: estimate / trial / free", f"{fit.bytes / 1e9:.1f} / {peak / 1e9:.1f} / {free}")
    table.add_row("预计 expected", expected.line("zh"))
    table.add_row("", expected.line("en"))
    return table


def score_line(epoch: int, epochs: int, scores: Mapping[str, float], better: bool, ends: bool) -> str:
    """One epoch's held-out scores."""
    numbers = " · ".join(f"{name} {value:.4g}" for name, value in scores.items())
    verdict = "最好 best so far" if better else "没有更好 not better"
    end = "；提前结束 ending early" if ends else ""
    return f"{epoch}/{epochs}: 留出 held-out {numbers} · {verdict}{end}"


# -- before and after ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A held-out question with the wanted answer and the two that came.  An answer that failed is None."""

    question: str
    wanted: str
    before: str | None
    after: str | None


def plain(text: str) -> str:
    """For comparing answers: one width, one case, letters and digits only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def matches(wanted: str, answer: str | None) -> tuple[bool, bool]:
    """(the same, contains it), blanks, case and punctuation aside."""
    if answer is None:
        return False, False
    gold, said = plain(wanted), plain(answer)
    return gold == said, bool(gold) and gold in said


def comparison_table(
    before: Mapping[str, float], after: Mapping[str, float], asked: Sequence[Asked], lang: Literal["zh", "en"]
) -> Table:
    """Held-out scores and matching answers, before and after."""
    zh = lang == "zh"
    table = Table(title="留出的例子，训练前后" if zh else "Held-out examples, before and after")
    for column in ("", "之前" if zh else "before", "之后" if zh else "after"):
        table.add_column(column, justify="left" if not column else "right")
    for name in after:
        one, other = (_number(name, scores.get(name)) for scores in (before, after))
        if name in ("accuracy", "margin"):  # of the untouched model they are none
            one = "–"
        table.add_row(_SCORES[name][0 if zh else 1] if name in _SCORES else name, one, other)
    if asked:
        for place, label in enumerate((("答案一致", "the same answer"), ("包含答案", "contains the answer"))):
            counts = [
                sum(matches(a.wanted, said)[place] for a, said in pairs)
                for pairs in ([(a, a.before) for a in asked], [(a, a.after) for a in asked])
            ]
            table.add_row(label[0 if zh else 1], *(f"{count}/{len(asked)}" for count in counts))
    return table


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}%" if name in _SHARES else f"{value:.4g}"


def answers_table(asked: Sequence[Asked], lang: Literal["zh", "en"]) -> Table:
    """A few answers side by side."""
    zh = lang == "zh"
    table = Table(title="几个回答" if zh else "Some answers", show_lines=True)
    for column in ("问题", "之前", "之后", "应答") if zh else ("question", "before", "after", "wanted"):
        table.add_column(column, overflow="fold")
    failed = "（没有回答）" if zh else "(no answer)"
    for one in asked[:SHOWN]:
        table.add_row(_cut(one.question), _cut(one.before or failed), _cut(one.after or failed), _cut(one.wanted))
    return table


def _cut(text: str, longest: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
