"""`huozhong train pretrain | sft | rl | distill | mtp RECIPE.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huozhong.errors import ConfigError

if TYPE_CHECKING:
    from huozhong.train.loop import Start

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="配方文件 / the recipe file")]
Resume = Annotated[
    bool, typer.Option("--resume", help="必须从检查点继续 / insist on going on from a checkpoint")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="删除已有进度，从头开始 / delete earlier progress and start over")
]


def register(app: typer.Typer) -> None:
    """Add the `train` sub-commands to `app`."""
    commands = typer.Typer(
        help="训练模型 / train a model. 有检查点时自动继续 / goes on from a checkpoint if there is one.",
        no_args_is_help=True,
    )
    commands.command("pretrain", help="预训练 / pretrain on plain text")(pretrain_command)
    commands.command("sft", help="对话微调 / fine-tune on conversations")(sft_command)
    commands.command("rl", help="用可核对的奖励做强化学习 / reinforce what a rule finds right")(rl_command)
    commands.command("distill", help="向更大的模型学 / learn from a larger model's right answers")(distill_command)
    commands.command("mtp", help="学会多猜几个词元，回答更快 / learn to guess ahead, for faster answers")(mtp_command)
    app.add_typer(commands, name="train")


def pretrain_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.train.pretrain import pretrain

    pretrain(recipe, start=start)


def sft_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.train.sft import sft

    sft(recipe, start=start)


def rl_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.sampling import EngineSampler
    from huozhong.text.tokenizer import Tokenizer
    from huozhong.train.rl import train_rl
    from huozhong.train.rl_recipe import load_rl_recipe

    plan = load_rl_recipe(recipe)
    sampler = EngineSampler(
        Tokenizer.load(plan.base), quantization=plan.rollout.quantization, num_threads=plan.run.threads
    )
    train_rl(plan, sampler, start=start)


def distill_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.sampling import open_teacher
    from huozhong.train.distill import distill
    from huozhong.train.distill_recipe import load_distill_recipe

    plan = load_distill_recipe(recipe)
    wanted = plan.teacher
    teacher = None if wanted is None else open_teacher(wanted.url, wanted.model, wanted.concurrency)
    distill(plan, teacher, start=start)


def mtp_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.train.mtp import train_mtp

    train_mtp(recipe, start=start)


def _start(resume: bool, fresh: bool) -> Start:
    if resume and fresh:
        raise ConfigError("--resume and --fresh contradict each other; give one of them, or neither.")
    return "resume" if resume else "fresh" if fresh else "auto"


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ConfigError(
            "training needs torch, which is not installed: pip install 'huozhong[train]'."
        ) from None
