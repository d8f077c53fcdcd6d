"""`huozhong eval MODEL|URL`: sit the exam, print a table, write JSON; with --gate, exit 1 when it fell short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huozhong.cli.words import language, say
from huozhong.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from huozhong.exam.gate import Verdict
    from huozhong.exam.parts import Setting
    from huozhong.exam.report import Item, Report
    from huozhong.exam.subject import Asking, Subject


Target = Annotated[
    str, typer.Argument(metavar="MODEL|URL", help="模型名、文件夹或网址 / a built-in name, a folder or a URL")
]
Data = Annotated[
    Path | None, typer.Option(help="数据文件夹（含 math23k）/ folder that holds math23k/", metavar="FOLDER")
]
Out = Annotated[
    Path | None, typer.Option(help="成绩文件，默认 exam-模型名.json / where the JSON goes", metavar="FILE.json")
]
Only = Annotated[str | None, typer.Option(help="只考这些部分，逗号分开 / only these parts", metavar="math23k,poems")]
Limit = Annotated[int | None, typer.Option(help="每部分最多几题 / at most N questions of each part")]
Seed = Annotated[int, typer.Option(help="随机种子 / seed of generated questions and poems")]
Gate = Annotated[
    Path | None, typer.Option(help="放行线：配方里的 [gate] / fail unless its [gate] is reached", metavar="RECIPE.toml")
]
Text = Annotated[Path | None, typer.Option(help="另选文本测困惑度 / another text for the perplexity", metavar="FILE")]
Quant = Annotated[
    str | None,
    typer.Option(help="本地模型的权重精度 q8、q4、none，默认 q8，GGUF 为 none / q8, q4 or none", show_default=False),
]
MaxTokens = Annotated[int, typer.Option(help="每个回答最多几个词元 / longest answer in tokens")]
Thinking = Annotated[
    bool | None,
    typer.Option("--thinking/--no-thinking", help="先思考再回答，默认由模型决定 / think before answering"),
]
WithoutActs = Annotated[
    bool,
    typer.Option("--without-acts", help="不用代码计算，全凭模型自己写 / what the model writes without code's help"),
]
Concurrency = Annotated[int | None, typer.Option(help="同时问几题 / questions asked at a time")]
Model = Annotated[str | None, typer.Option(help="网址上的模型名 / the model's name at the URL", metavar="NAME")]
ApiKey = Annotated[
    str | None, typer.Option(help="网址的密钥，也可用 HUOZHONG_API_KEY / key for the URL, or set HUOZHONG_API_KEY")
]


def register(app: typer.Typer) -> None:
    """Add the `eval` command to `app`."""
    app.command("eval", help="给模型考试：打印成绩表，写 JSON / examine a model: a table and a JSON file")(eval_command)


def eval_command(
    target: Target,
    data: Data = None,
    out: Out = None,
    only: Only = None,
    limit: Limit = None,
    seed: Seed = 0,
    gate: Gate = None,
    text: Text = None,
    quantization: Quant = None,
    max_tokens: MaxTokens = 2048,
    thinking: Thinking = None,
    without_acts: WithoutActs = False,
    concurrency: Concurrency = None,
    model: Model = None,
    api_key: ApiKey = None,
) -> None:
    from huozhong.exam.gate import load_gate
    from huozhong.exam.parts import Setting, choose
    from huozhong.exam.subject import Asking

    thresholds = None if gate is None else load_gate(gate)
    if gate is not None and limit is not None:
        raise ConfigError(
            say("--gate 要考完整的试卷；请去掉 --limit。", "--gate asks for the whole exam; leave --limit out.")
        )
    parts = choose(only)
    setting = Setting(data=data, seed=seed, limit=limit, text=text)
    asking = Asking(max_tokens=max_tokens, thinking=thinking)
    subject = _open(target, quantization, without_acts, concurrency, model, api_key)
    try:
        path = out if out is not None else Path(f"exam-{_file_name(subject.name)}.json")
        report = _examine(subject, parts, setting, asking, path)
        if thresholds is not None:
            report = report.judged(thresholds)
    finally:
        subject.close()
    _show(report, path)


def _open(
    target: str,
    quantization: str | None,
    without_acts: bool,
    concurrency: int | None,
    model: str | None,
    api_key: str | None,
) -> Subject:
    from huozhong.exam.subject import UrlSubject, is_url, open_local

    if concurrency is not None and concurrency < 1:
        raise ConfigError(
            say(f"--concurrency 写的是 {concurrency}；至少是 1。", f"--concurrency is {concurrency}; give at least 1.")
        )
    if is_url(target):
        if quantization is not None:
            raise ConfigError(
                say(
                    "--quantization 只用于本机的模型；网址上的服务有它自己的。",
                    "--quantization is for a local model; the server at a URL has chosen its own.",
                )
            )
        if without_acts:
            raise ConfigError(
                say(
                    "--without-acts 只用于本机的模型；网址上由那里的服务决定。",
                    "--without-acts is for a local model; at a URL its server decides.",
                )
            )
        return UrlSubject(target, model=model, api_key=api_key, concurrency=concurrency or 4)
    for name, value in (("--model", model), ("--api-key", api_key)):
        if value is not None:
            raise ConfigError(
                say(
                    f"{name} 用于网址，而 '{target}' 是本机的模型；请去掉它。",
                    f"{name} is for a URL, and '{target}' is a local model; leave it out.",
                )
            )
    if quantization not in ("q8", "q4", "none", None):
        raise ConfigError(
            say(
                f"--quantization 写的是 '{quantization}'；只能是 q8、q4 或 none。",
                f"--quantization is '{quantization}'; it must be q8, q4 or none.",
            )
        )
    return open_local(
        target,
        quantization=quantization,  # type: ignore[arg-type]
        acts=not without_acts,
        concurrency=concurrency,
    )


def _file_name(model: str) -> str:
    return re.sub(r"[^\w.-]+", "-", model).strip("-.") or "model"


def _examine(subject: Subject, parts: tuple[str, ...], setting: Setting, asking: Asking, path: Path) -> Report:
    """Run the exam under a progress bar; answers are logged as they come, so that even a crash keeps them."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from huozhong.exam.lines import write_atomic
    from huozhong.exam.report import answers_path
    from huozhong.exam.run import examine

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    log = answers_path(path)
    write_atomic(log, "")  # says at once when the folder cannot be written
    tasks: dict[str, TaskID] = {}
    with log.open("w", encoding="utf-8") as stream, Progress(*columns, console=Console(stderr=True)) as bar:

        def on_progress(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bar.add_task(part, total=total)
            bar.update(tasks[part], completed=done)

        def on_item(item: Item) -> None:
            stream.write(item.line() + "\n")
            stream.flush()

        return examine(subject, parts, setting, asking, on_progress=on_progress, on_item=on_item)


def _show(report: Report, path: Path) -> None:
    from rich.console import Console

    from huozhong.errors import ExamError

    answers = report.write(path)
    console = Console()
    console.print(report.table(language()))
    console.print(report.footer(language()), highlight=False)
    console.print(
        say(f"成绩：{path}，每个回答：{answers}", f"Report: {path}, every answer: {answers}"), highlight=False
    )
    if report.stopped_by == "interrupted":
        console.print(say("考试被中断，已答的都保存了。", "Interrupted; what had been answered is kept."))
        raise typer.Exit(130)
    if report.stopped_by is not None:
        raise ExamError(report.stopped_by + say("（已答的都保存了）", " (What had been answered is kept.)"))
    if report.gate is not None:
        _tell_gate(report.gate)


def _tell_gate(verdicts: tuple[Verdict, ...]) -> None:
    """The gate's table; exit status 1 when anything fell short."""
    from rich.console import Console

    from huozhong.exam.gate import gate_table

    Console().print(gate_table(verdicts, language()))
    short = sum(not verdict.reached for verdict in verdicts)
    if short:
        count = len(verdicts)
        typer.echo(say(f"{count} 项要求中 {short} 项没达到。", f"{short} of {count} demands fell short."))
        raise typer.Exit(1)
    typer.echo(say("全部达到。", "All demands are reached."))
