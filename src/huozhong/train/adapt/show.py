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
    "taught": ("教过的回答上的损失", "loss on what was taught"),
    "recalled": ("教过的回答，一字不差", "taught answers known word for word"),
    "loss": ("留出的回答上的损失", "loss on what was held out"),
    "guessed": ("留出的回答，一字不差", "held-out answers known word for word"),
    "kept": ("自己原来的回答上的损失", "loss on what it said itself before"),
    "accuracy": ("比原来更偏向好答案", "gained on the rejected answer"),
    "preferred": ("更可能说出好答案", "chosen answer likelier"),
    "margin": ("差距", "margin"),
}
_SHARES = ("accuracy", "preferred", "recalled", "guessed")
RECORDED = {"taught": "taught_loss", "recalled": "taught_recalled"}  # in the metrics; others are of held-out examples
_LINE = {"taught": "loss", "recalled": "recalled", "guessed": "recalled"}
SHOWN = 4  # answers side by side


def preflight_table(
    settings: Settings,
    task: Task,
    fit: Fit,
    plan: Hyperparameters,
    dtype: torch.dtype,
    *,
    layers: int,
    trained: int,
    peak: int,
    expected: Bill,
) -> Table:
    """Everything that was derived, and what it will take.

    layers: of the model.  trained: parameters.  peak: bytes held in the trial.  expected: the bill of the steps that
    are left.
    """
    table = Table(title=f"{settings.base} → {settings.out}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", overflow="fold")
    own = f"{task.count - task.rehearsed:,} + {task.rehearsed:,}" if task.rehearsed else f"{task.count:,}"
    table.add_row("例子（+ 复习）/留出 examples (+ rehearsed) / held out", f"{own} / {task.heldout:,}")
    method = fit.name if fit.method == "full" else f"{fit.name}, rank {settings.rank}"
    if fit.still:
        method += f", {layers - fit.still} / {layers} 层 layers"
    table.add_row("方法 method", f"{method}, {str(dtype).removeprefix('torch.')}")
    table.add_row("训练的参数 trained parameters", f"{trained:,}")
    most = "" if task.patience else "≤ "  # what is learnt sooner ends the run sooner
    table.add_row("轮数 × 步数 epochs × steps", f"{most}{plan.epochs} × {plan.steps_per_epoch} ({plan.batch} / step)")
    table.add_row("学习率 learning rate", f"{plan.lr:.2g}")
    table.add_row("词元 tokens", f"{most}{plan.epochs * task.epoch_tokens:,}")
    free = "?" if settings.memory is None else f"{settings.memory / 1e9:.1f} GB"
    table.add_row("内存 memory: estimate / trial / free", f"{fit.bytes / 1e9:.1f} / {peak / 1e9:.1f} / {free}")
    table.add_row("预计 expected", most + expected.line("zh"))
    table.add_row("", most + expected.line("en"))
    return table


def score_line(epoch: int, epochs: int, scores: Mapping[str, float], better: bool, ends: bool) -> str:
    """One epoch's scores: of what was taught, and of what was held out."""
    taught = [f"{_LINE[name]} {_number(name, scores[name])}" for name in ("taught", "recalled") if name in scores]
    held = [f"{_LINE.get(n, n)} {_number(n, value)}" for n, value in scores.items() if n not in RECORDED]
    said = [f"教过 taught {', '.join(taught)}"] if taught else []
    said += [f"留出 held-out {', '.join(held)}"] if held else []
    verdict = "最好 best so far" if better else "没有更好 not better"
    end = "；提前结束 ending early" if ends else ""
    return f"{epoch}/{epochs}: {' · '.join(said)} · {verdict}{end}"


# -- before and after ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question with the wanted answer and the two that came.  An answer that failed is None.

    taught: it was among those that were taught; otherwise it was held out.
    """

    question: str
    wanted: str
    before: str | None
    after: str | None
    taught: bool = False


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
    """Scores and matching answers, before and after."""
    zh = lang == "zh"
    table = Table(title="训练前后" if zh else "Before and after")
    for column in ("", "之前" if zh else "before", "之后" if zh else "after"):
        table.add_column(column, justify="left" if not column else "right")
    for name in after:
        one, other = (_number(name, scores.get(name)) for scores in (before, after))
        if name in ("accuracy", "margin"):  # of the untouched model they are none
            one = "–"
        table.add_row(_SCORES[name][0 if zh else 1] if name in _SCORES else name, one, other)
    for taught, group in ((True, ("教过的", "taught")), (False, ("留出的", "held out"))):
        some = [a for a in asked if a.taught == taught]
        for place, label in enumerate((("答案一致", "the same answer"), ("包含答案", "contains the answer"))):
            counts = [
                sum(matches(a.wanted, said)[place] for a, said in pairs)
                for pairs in ([(a, a.before) for a in some], [(a, a.after) for a in some])
            ]
            if some:
                name = f"{group[0]}：{label[0]}" if zh else f"{group[1]}: {label[1]}"
                table.add_row(name, *(f"{count}/{len(some)}" for count in counts))
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
    held = [one for one in asked if not one.taught]
    for one in [*held[: SHOWN // 2], *(one for one in asked if one.taught)][:SHOWN]:
        table.add_row(_cut(one.question), _cut(one.before or failed), _cut(one.after or failed), _cut(one.wanted))
    return table


def _cut(text: str, longest: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
