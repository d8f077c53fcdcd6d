"""What people see of a drafter's training: how far the asking is, and what training will take."""

from __future__ import annotations

from rich.table import Table

from huozhong.cost import Bill
from huozhong.train.draft.material import Material
from huozhong.train.draft.settings import BATCH, DraftSettings


def gathering_line(now: Material, settings: DraftSettings, seconds: float) -> str:
    """seconds: since this sitting began to ask."""
    share = min(1.0, now.tokens / settings.tokens)
    return (
        f"问与读 asked and read: {now.items:,} · {now.tokens:,} / {settings.tokens:,} tokens ({share:.0%}), "
        f"{now.said:,} 自己说的 its own · {seconds / 60:.1f} min"
    )


def plan_table(
    settings: DraftSettings,
    material: Material,
    epochs: int,
    steps_per_epoch: int,
    peak: int,
    expected: Bill,
    *,
    trained: int,
    guessed: int,
) -> Table:
    """What the steps that are left will take.  peak: bytes held in the trial.  trained: parameters."""
    table = _table(settings)
    table.add_row("材料 material", f"{material.tokens:,} tokens, {material.said:,} 自己说的 its own")
    table.add_row("可猜的词元 tokens that it guesses", f"{guessed:,}")
    table.add_row("训练的参数 trained parameters", f"{trained:,}")
    table.add_row("轮数 × 步数 epochs × steps", f"{epochs} × {steps_per_epoch} ({BATCH} / step)")
    table.add_row("内存 memory", f"{peak / 1e9:.2f} GB")
    table.add_row("预计 expected", expected.line("zh"))
    table.add_row("", expected.line("en"))
    return table


def outlook_table(
    settings: DraftSettings,
    *,
    items: int,
    said_per_second: float,
    read_per_second: float,
    learnt_per_second: float,
    looks: int,
    share_said: float,
    disk: int,
) -> Table:
    """What the whole run will take, from a trial of each part.

    said_per_second: tokens of its own that the model says, all answers together; share_said: of the material.
    looks: tokens that training looks at.  disk: bytes of material.
    """  # fmt: skip
    asking = settings.tokens * share_said / said_per_second + settings.tokens / read_per_second
    training = looks / learnt_per_second
    table = _table(settings)
    table.add_row("数据 data", f"{items:,}")
    table.add_row("材料 material", f"≤ {settings.tokens:,} tokens, {disk / 1e6:,.0f} MB")
    table.add_row("问与读 asking and reading", f"≤ {asking / 60:.0f} min ({said_per_second:,.0f} tok/s)")
    table.add_row("训练 training", f"{training / 60:.0f} min ({looks:,} tokens, {learnt_per_second:,.0f} tok/s)")
    return table


def _table(settings: DraftSettings) -> Table:
    table = Table(title=f"{settings.base} → {settings.out}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", overflow="fold")
    return table
