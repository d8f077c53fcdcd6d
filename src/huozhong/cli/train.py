"""`huozhong train pretrain | sft | rl | distill | mtp RECIPE.toml`, `pretrain --text FOLDER --size 10m`, `sft | dpo
--base MODEL --data FILE.jsonl`, and `draft MODEL --data FILE`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huozhong.cli.words import dim, say
from huozhong.errors import ConfigError

if TYPE_CHECKING:
    from huozhong.train.parallel.seat import Seat
    from huozhong.train.sitting import Start

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="配方文件 / the recipe file")]
Resume = Annotated[bool, typer.Option("--resume", help="必须从检查点继续 / insist on going on from a checkpoint")]
Fresh = Annotated[bool, typer.Option("--fresh", help="删除已有进度，从头开始 / delete earlier progress and start over")]
Base = Annotated[str | None, typer.Option("--base", metavar="MODEL", help="要改进的模型 / the model to adapt")]
Data = Annotated[Path | None, typer.Option("--data", metavar="FILE.jsonl", help="例子，每行一个 / one example a line")]
Heldout = Annotated[
    Path | None,
    typer.Option(
        "--heldout",
        metavar="FILE.jsonl",
        help="留出的例子，或它们的比例如 0.1；默认只留出猜得到的 / held-out examples, or their share like 0.1; "
        "default: what can be guessed",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="COLUMN",
        help="不看这一栏，可写多次 / a column of the examples to leave out; may be given again",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="放结果的文件夹 / where results go")]
MethodName = Annotated[str, typer.Option("--method", help="auto, lora, qlora, full")]
Bits = Annotated[int | None, typer.Option("--bits", help="qlora 的位数 4 或 8 / bits of the frozen base")]
Rank = Annotated[int | None, typer.Option("--rank", help="LoRA 的秩，默认 16 / rank of LoRA, default 16")]
Layers = Annotated[
    int | None,
    typer.Option(
        "--layers",
        metavar="N",
        help="只教最上面的 N 层，快得多 / teach the uppermost N layers only, which is much faster",
    ),
]
Rate = Annotated[float | None, typer.Option("--lr", help="学习率，默认推算 / learning rate, derived by default")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="轮数，默认推算 / derived by default")]
Batch = Annotated[int | None, typer.Option("--batch", help="每步几个例子 / examples per step")]
Seed = Annotated[int, typer.Option("--seed", help="随机种子 / seed of split and order")]
Adapter = Annotated[
    Path | None, typer.Option("--adapter", metavar="FOLDER", help="从这个适配器开始 / start from a LoRA adapter")
]
Threads = Annotated[int | None, typer.Option("--threads", help="线程数 / threads")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="bf16, float32；默认用较快的 / default the faster one")]
Price = Annotated[float, typer.Option("--price", help="每度电多少元 / yuan per kWh")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="只看要用多少时间和内存 / show what it would take, and stop")]
RecipeOrText = Annotated[
    Path | None, typer.Argument(metavar="[RECIPE.toml]", help="配方文件，或者用 --text / a recipe, or --text")
]
RecipeOrBase = Annotated[
    Path | None, typer.Argument(metavar="[RECIPE.toml]", help="配方文件，或者用 --base / a recipe, or --base")
]
Texts = Annotated[
    list[Path] | None,
    typer.Option("--text", metavar="PATH", help="文本：文件或文件夹，可重复 / files or folders, may be repeated"),
]
Size = Annotated[
    str | None, typer.Option("--size", help="参数量，如 3m、10m，其余由它推出 / how many parameters; the rest follows")
]
Tokens = Annotated[
    str | None,
    typer.Option("--tokens", help="学多少词元，如 20m，默认推算 / how many tokens to learn, derived by default"),
]
Vocab = Annotated[int | None, typer.Option("--vocab", help="词表大小，默认推算 / derived by default")]
NewSeed = Annotated[int | None, typer.Option("--seed", help="随机种子 / seed")]
Compiled = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="编译后更快，默认编译 / faster once compiled, the default")
]
With = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="HOST1,HOST2|N",
        help="和这些机器一起训练（ssh），或等 N 台自己来；配方要有 [team] / train together with these machines "
        "(over ssh), or wait for N that come by themselves; the recipe needs [team]",
    ),
]
Join = Annotated[
    str | None,
    typer.Option("--join", metavar="HOST:PORT", help="加入那台机器带的训练 / join the run that this machine leads"),
]
Name = Annotated[str | None, typer.Option("--name", help="本机在队里的名字 / this machine's name in the team")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="等成员的端口 / the port at which members come in")
]
Rehearse = Annotated[
    int | None,
    typer.Option("--rehearse", help="复习几个它自己的回答，免得忘 / how many of its own answers it rehearses"),
]
Wordings = Annotated[
    int | None,
    typer.Option(
        "--wordings",
        min=0,
        help="每个问题另有几种问法，0 为只按原文 / other wordings of each question; 0: as it is written",
    ),
]
Beta = Annotated[float, typer.Option(help="离原模型多近 / how closely to stay by the model as it was")]
Answers = Annotated[
    bool,
    typer.Option("--answers/--no-answers", help="训练前后回答留出的问题 / answer held-out questions before and after"),
]


def register(app: typer.Typer) -> None:
    """Add the `train` sub-commands to `app`."""
    commands = typer.Typer(
        help="训练模型 / train a model. 有检查点时自动继续 / goes on from a checkpoint if there is one.",
        no_args_is_help=True,
    )
    commands.command("pretrain", help="预训练 / pretrain on plain text")(pretrain_command)
    commands.command("sft", help="用问答改进模型，或按配方 / fine-tune on your answers, or by a recipe")(sft_command)
    commands.command("dpo", help="学会人更喜欢的回答 / learn which of two answers people prefer")(dpo_command)
    commands.command("rl", help="用可核对的奖励做强化学习 / reinforce what a rule finds right")(rl_command)
    commands.command("distill", help="向更大的模型学 / learn from a larger model's right answers")(distill_command)
    commands.command("mtp", help="学会多猜几个词元，回答更快 / learn to guess ahead, for faster answers")(mtp_command)
    commands.command("draft", help="给模型一个猜词元的小网络，回答更快 / a drafter for any model, for faster answers")(
        draft_command
    )
    commands.command("tensorboard", help="把训练曲线写给 TensorBoard / write a run's curves for TensorBoard")(
        tensorboard_command
    )
    app.add_typer(commands, name="train")


def pretrain_command(
    recipe: RecipeOrText = None,
    text: Texts = None,
    size: Size = None,
    tokens: Tokens = None,
    vocab: Vocab = None,
    out: Out = None,
    threads: Threads = None,
    seed: NewSeed = None,
    compiled: Compiled = None,
    together: With = None,
    join: Join = None,
    name: Name = None,
    port: Port = None,
    resume: Resume = False,
    fresh: Fresh = False,
) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.train.dial import Dial, read_size, written_recipe
    from huozhong.train.stages.pretrain import pretrain

    if recipe is not None:
        mine = {
            "--text": text,
            "--size": size,
            "--tokens": tokens,
            "--vocab": vocab,
            "--out": out,
            "--threads": threads,
            "--seed": seed,
            "--compile": compiled,
        }
        _refuse_beside_a_recipe(mine)
    elif not text:
        raise ConfigError(
            say(
                "请给出配方，或者 --text 路径 和 --size，例如 --size 10m。",
                "give a recipe, or --text PATH and --size, for example --size 10m.",
            )
        )
    else:
        size = size or "10m"
        dial = Dial(
            texts=tuple(text),
            size=read_size(size),
            out=out or Path("runs") / f"pretrain-{size}",
            tokens=None if tokens is None else read_size(tokens, "--tokens", "tokens"),
            vocab=vocab,
            threads=threads,
            seed=seed or 0,
            compile=compiled is not False,
        )
        recipe = written_recipe(
            dial, replace=fresh, told=lambda passed: typer.echo(dim(say(f"跳过：{passed}", f"Passed over: {passed}")))
        )
    pretrain(recipe, start=start, seat=_seat(recipe, together, join, name, port))


def _refuse_beside_a_recipe(options: Mapping[str, object]) -> None:
    """ConfigError naming the first that was given."""
    if given := [name for name, value in options.items() if value is not None]:
        raise ConfigError(
            say(
                f"{given[0]} 不能和配方一起用；配方里已经写了。",
                f"{given[0]} goes without a recipe; a recipe says that itself.",
            )
        )


def _seat(recipe: Path, together: str | None, join: str | None, name: str | None, port: int | None) -> Seat | None:
    """What --with, --join, --name and --port say."""
    from huozhong.train.parallel.seat import KEY, Seat, key_from_pipe, read_address, read_key, read_members, read_name

    wrong = [
        (together is not None and join is not None, "--with", "--join"),
        (name is not None and join is None, "--name", None),
        (port is not None and together is None, "--port", None),
    ]
    for is_wrong, option, other in wrong:
        if is_wrong and other:
            raise ConfigError(say(f"{option} 和 {other} 不能同用。", f"{option} and {other} exclude each other."))
        if is_wrong:
            needed = "--join" if option == "--name" else "--with"
            raise ConfigError(say(f"{option} 要和 {needed} 一起用。", f"{option} goes with {needed}."))
    if together is not None:
        return Seat(recipe=recipe, members=read_members(together), port=port or 0)
    if join is None:
        return None
    address, own = read_address(join), read_name(name)
    if key := os.environ.get(KEY):
        return Seat(address=address, name=own, key=read_key(key))
    key, orphaned = key_from_pipe(sys.stdin.buffer)
    return Seat(address=address, name=own, key=read_key(key), orphaned=orphaned)


def sft_command(
    recipe: RecipeOrBase = None,
    base: Base = None,
    data: Data = None,
    heldout: Heldout = None,
    ignore: Ignore = None,
    out: Out = None,
    method: MethodName = "auto",
    bits: Bits = None,
    rank: Rank = None,
    layers: Layers = None,
    lr: Rate = None,
    epochs: Epochs = None,
    batch: Batch = None,
    seed: Seed = 0,
    adapter: Adapter = None,
    threads: Threads = None,
    dtype: Dtype = None,
    price: Price = 0.6,
    plan: PlanOnly = False,
    answers: Answers = True,
    resume: Resume = False,
    fresh: Fresh = False,
    rehearse: Rehearse = None,
    wordings: Wordings = None,
) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.fine_tune import FineTuneOptions, run_sft
    from huozhong.train.stages.sft import sft

    options = FineTuneOptions.of(locals())
    if base is not None:
        if recipe is not None:
            raise ConfigError(
                say(
                    "配方和 --base 不能同时用；请去掉一个。",
                    "a recipe and --base exclude each other; leave one of them out.",
                )
            )
        run_sft(options)
    elif recipe is None:
        raise ConfigError(
            say(
                "请给出配方，或者 --base 模型 和 --data 文件.jsonl。",
                "give a recipe, or --base MODEL and --data FILE.jsonl.",
            )
        )
    elif given := options.given():
        raise ConfigError(
            say(
                f"{given[0]} 要和 --base 模型 一起用；配方里已经写了。",
                f"{given[0]} goes with --base MODEL; a recipe says that itself.",
            )
        )
    else:
        sft(recipe, start=start)


def dpo_command(
    base: Base = None,
    data: Data = None,
    heldout: Heldout = None,
    ignore: Ignore = None,
    out: Out = None,
    method: MethodName = "auto",
    bits: Bits = None,
    rank: Rank = None,
    layers: Layers = None,
    lr: Rate = None,
    epochs: Epochs = None,
    batch: Batch = None,
    seed: Seed = 0,
    adapter: Adapter = None,
    threads: Threads = None,
    dtype: Dtype = None,
    price: Price = 0.6,
    plan: PlanOnly = False,
    answers: Answers = True,
    resume: Resume = False,
    fresh: Fresh = False,
    beta: Beta = 0.1,
) -> None:
    start = _start(resume, fresh)
    _need_torch()
    if base is None:
        raise ConfigError(
            say(
                "请给出 --base 模型，也就是要学会偏好的那个模型。",
                "give --base MODEL, the model that shall learn what is preferred.",
            )
        )
    from huozhong.cli.fine_tune import FineTuneOptions, run_dpo

    run_dpo(FineTuneOptions.of(locals()), beta)


def rl_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.sampling import EngineSampler
    from huozhong.text.tokenizer import Tokenizer
    from huozhong.train.rl.recipe import load_rl_recipe
    from huozhong.train.rl.run import train_rl

    plan = load_rl_recipe(recipe)
    sampler = EngineSampler(
        Tokenizer.load(plan.base), quantization=plan.rollout.quantization, num_threads=plan.run.threads
    )
    train_rl(plan, sampler, start=start)


def distill_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.sampling import open_teacher
    from huozhong.train.distill.recipe import load_distill_recipe
    from huozhong.train.distill.run import distill

    plan = load_distill_recipe(recipe)
    wanted = plan.teacher
    teacher = None if wanted is None else open_teacher(wanted.url, wanted.model, wanted.concurrency)
    distill(plan, teacher, start=start)


def mtp_command(recipe: RecipePath, resume: Resume = False, fresh: Fresh = False) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.train.stages.mtp import train_mtp

    train_mtp(recipe, start=start)


def draft_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="模型名、文件夹或 .gguf / a name, folder or .gguf")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="问题（.jsonl）或文章，像以后要问的那样 / questions or texts, like those to come"
        ),
    ] = None,
    out: Out = None,
    kind: Annotated[
        str,
        typer.Option(help="mtp 一个接一个地猜，dspark 一次猜一段 / mtp: one from the other, dspark: a block at once"),
    ] = "mtp",
    tokens: Annotated[str, typer.Option(help="从多少词元学 / tokens to learn from, at most")] = "300k",
    answer: Annotated[int, typer.Option(help="它自己每个回答的词元 / tokens of each of its own answers")] = 256,
    epochs: Epochs = None,
    lr: Rate = None,
    seed: Seed = 0,
    threads: Threads = None,
    price: Price = 0.6,
    plan: PlanOnly = False,
    resume: Resume = False,
    fresh: Fresh = False,
) -> None:
    start = _start(resume, fresh)
    _need_torch()
    from huozhong.cli.draft import run_draft
    from huozhong.train.dial import read_size

    run_draft(
        model, data, out, kind=kind, tokens=read_size(tokens, "--tokens", "tokens"), answer=answer, epochs=epochs,
        lr=lr, seed=seed, threads=threads, price=price, plan=plan, start=start,
    )  # fmt: skip


def tensorboard_command(
    run: Annotated[Path, typer.Argument(metavar="FOLDER", help="一次训练的文件夹 / the folder of a run")],
) -> None:
    _need_torch()
    from huozhong.train.events import write_events

    typer.echo(str(write_events(run)))


def _start(resume: bool, fresh: bool) -> Start:
    if resume and fresh:
        raise ConfigError(
            say(
                "--resume 和 --fresh 互相矛盾；只写一个，或者都不写。",
                "--resume and --fresh contradict each other; give one of them, or neither.",
            )
        )
    return "resume" if resume else "fresh" if fresh else "auto"


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ConfigError(
            say(
                "训练需要 torch，但没有安装：pip install 'huozhong[train]'。",
                "training needs torch, which is not installed: pip install 'huozhong[train]'.",
            )
        ) from None
