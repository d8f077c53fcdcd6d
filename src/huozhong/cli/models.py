"""`huozhong pull`, `import`, `show` and `export`: one model, on its way here, looked at, or on its way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huozhong.cli.words import dim, say
from huozhong.errors import CheckpointError, ConfigError, HubError, TokenizerError

if TYPE_CHECKING:
    from rich.table import Table

    from huozhong.formats.source import ModelSource
    from huozhong.hub.download import Watcher
    from huozhong.model.architecture import Architecture
    from huozhong.model.footprint import Footprint, Packing

_FROM = {
    "auto": "auto",
    "hf": "huggingface",
    "huggingface": "huggingface",
    "ms": "modelscope",
    "modelscope": "modelscope",
}
_HF_TYPES = {"bf16": "bfloat16", "f32": "float32"}
_OVERHEAD = 150 * 10**6  # bytes of the program itself beside weights and cache

Name = Annotated[str | None, typer.Option("--name", help="在本机的名字 / what to call it here")]
AnyModel = Annotated[
    str, typer.Argument(metavar="MODEL", help="模型名、文件夹或 .gguf 文件 / a name, a folder or a .gguf file")
]


def register(app: typer.Typer) -> None:
    """Add the commands about models to `app`."""
    app.command("pull", help="下载模型，断了可续 / download a model; goes on where it stopped")(pull_command)
    app.command("import", help="从 U 盘或文件夹导入模型 / bring a model from a USB stick or a folder")(import_command)
    app.command("show", help="模型的结构、大小、内存和预计速度 / a model's shape, size, memory and speed")(show_command)
    app.command("export", help="导出模型给其他程序 / write a model for other programs")(export_command)


def find_model(model: str) -> Path:
    """Where the model lies; an error says how to get one that has a short name."""
    from huozhong.formats.resolve import resolve_model

    try:
        return resolve_model(model)
    except CheckpointError:
        from huozhong.hub.names import find_short_name

        wanted = find_short_name(model)
        if wanted is None:
            raise
        raise HubError(
            f"模型 {model} 还没有下载；先运行：huozhong pull {wanted.name}",
            f"The model {model} is not on this machine yet; first run: huozhong pull {wanted.name}",
        ) from None


# -- bringing ------------------------------------------------------------------------------------


def pull_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="简称，如 deepseek-r1:1.5b，或 hf:作者/仓库[:Q4_K_M]、ms:作者/仓库 / "
            "a short name, or hf:owner/repo[:Q4_K_M], ms:owner/repo",
        ),
    ],
    name: Name = None,
    origin: Annotated[str, typer.Option("--from", help="从哪里下载 / where from: auto, hf, modelscope")] = "auto",
    revision: Annotated[str | None, typer.Option(help="分支、标签或提交 / a branch, tag or commit")] = None,
) -> None:
    from huozhong.hub.names import parse_wanted
    from huozhong.hub.pull import pull

    if origin not in _FROM:
        raise ConfigError(
            say(
                f"--from 写的是 {origin!r}；只能是 auto、hf 或 modelscope。",
                f"--from is {origin!r}; it must be auto, hf or modelscope.",
            )
        )
    wanted = parse_wanted(model)
    with _progress() as watcher:
        pulled = pull(wanted, watcher, name=name, origin=_FROM[origin], revision=revision)  # type: ignore[arg-type]
    _arrived(pulled.model.name, pulled.news)


def import_command(
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help=".gguf 文件或模型文件夹 / .gguf file or folder")],
    name: Name = None,
    link: Annotated[bool, typer.Option("--link", help="不复制，只链接 / link to the files, do not copy")] = False,
) -> None:
    from huozhong.hub.bring import bring

    with _progress() as watcher:
        model = bring(path, watcher, name=name, link=link)
    _arrived(model.name, True)


def _arrived(name: str, news: bool) -> None:
    if news:
        typer.echo(say(f"模型 {name} 已就绪。", f"The model {name} is ready."))
    else:
        typer.echo(say(f"模型 {name} 已经是最新的。", f"The model {name} is here already, unchanged."))
    typer.echo(dim(f"  huozhong chat {name}\n  huozhong serve {name}"))


@contextmanager
def _progress() -> Iterator[Watcher]:
    """A bar on a terminal: bytes, speed, time left; lines elsewhere."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(compact=True),
    )
    with bars.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield _Bar(bar)


class _Bar:
    """rich's progress bar as a `Watcher`."""

    def __init__(self, bar: object) -> None:
        from rich.progress import Progress

        assert isinstance(bar, Progress)
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def start(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def file(self, name: str) -> None:
        self._bar.update(self._task, description=name)

    def advance(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def note(self, chinese: str, english: str) -> None:
        typer.echo(say(chinese, english), err=True)


# -- looking -------------------------------------------------------------------------------------


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def show_command(model: AnyModel) -> None:
    from rich.console import Console

    from huozhong.engine.bandwidth import read_bandwidth
    from huozhong.engine.machine import available_memory
    from huozhong.formats.installed import name_of
    from huozhong.formats.source import open_model
    from huozhong.hub.arrival import gigabytes
    from huozhong.model.footprint import footprint

    source = open_model(find_model(model))
    sizes = footprint(source)
    table = _table(say("模型", "model"), name_of(source.path))
    for label, value in _about(source, sizes):
        table.add_row(label, value)
    table.add_row(say("分词与对话模板", "tokenizer and chat template"), _words(source))
    free, bandwidth = available_memory(), read_bandwidth()
    told = say("未知", "unknown") if free is None else gigabytes(free)
    table.add_row(say("本机可用内存", "memory free here"), told)
    table.add_row(say("内存带宽（实测）", "memory bandwidth (measured)"), f"{gigabytes(bandwidth)}/s")
    console = Console(markup=False, emoji=False)
    console.print(table)
    console.print(_fits(source, sizes, free, bandwidth))
    if free is not None:
        for line in _advice(free):
            console.print(line)


def _words(source: ModelSource) -> str:
    """Whether the model can be talked to; what is missing otherwise."""
    from huozhong.formats.ready import check_words

    try:
        template = check_words(source)
    except TokenizerError as error:
        return say(f"不能用：{error}", f"cannot be used: {error}")
    if template is None:
        return say("没有对话模板，只能续写", "no chat template: it only continues texts")
    return say("可用", "ready")


def _attention(a: Architecture) -> str:
    from huozhong.model.architecture import CompressedAttention, LatentAttention

    if isinstance(a.attention, CompressedAttention):
        return f"CSA/HCA, {say('窗口', 'window')} {a.attention.window}"
    return "MLA" if isinstance(a.attention, LatentAttention) else "GQA"


def _sparse(a: Architecture) -> str:
    indexer = getattr(a.attention, "indexer", None)
    if indexer is None:
        return ""
    return say(f"，稀疏（{indexer.top_k} 个键）", f", sparse ({indexer.top_k} keys)")


def _about(source: ModelSource, sizes: Footprint) -> Iterator[tuple[str, str]]:
    from huozhong.formats.ready import left_out
    from huozhong.hub.arrival import gigabytes
    from huozhong.model.architecture import CacheFormat
    from huozhong.model.footprint import cache_bytes

    a = source.architecture
    kind = f"{a.family}, {_attention(a)}" + _sparse(a) + (", MoE" if a.experts else "")
    yield say("结构", "architecture"), kind
    layers = f"{a.num_layers} x {a.hidden_size}"
    if a.experts is not None:
        layers += say(
            f"，{a.experts.count} 个专家中用 {a.experts.per_token} 个",
            f", {a.experts.per_token} of {a.experts.count} experts",
        )
    yield say("层数与宽度", "layers and width"), layers
    yield (
        say("参数", "parameters"),
        say(
            f"{_count(sizes.total)}，每个词元用到 {_count(sizes.active)}",
            f"{_count(sizes.total)}, of which a token meets {_count(sizes.active)}",
        ),
    )
    if a.num_nextn_predict_layers:
        yield say("多词元预测模块", "prediction modules"), str(a.num_nextn_predict_layers)
    if (unused := left_out(source)) is not None:
        yield say("没有用上", "not used"), say(*unused)
    yield say("词表", "vocabulary"), f"{a.vocab_size:,}"
    disk = sum(file.stat().st_size for file in source.files())
    yield say("磁盘上", "on disk"), f"{gigabytes(disk)} ({', '.join(sizes.types)})"
    yield say("上下文", "context"), say(f"{a.max_position_embeddings:,} 词元", f"{a.max_position_embeddings:,} tokens")
    formats: tuple[CacheFormat, ...] = ("f16", "q8")
    for format in formats:
        per_token, full = (gigabytes(cache_bytes(a, n, format)) for n in (1, a.max_position_embeddings))
        yield (
            say(f"缓存（{format}）", f"cache ({format})"),
            say(f"每个词元 {per_token}，整个上下文 {full}", f"{per_token} per token, {full} for a full context"),
        )


def _fits(source: ModelSource, sizes: Footprint, free: int | None, bandwidth: float) -> Table:
    """Per weight format: memory, whether it fits, for how long a context, and the speed to expect."""
    from huozhong.hub.arrival import gigabytes
    from huozhong.model.footprint import cache_bytes

    table = _table(
        "--quantization",
        say("权重内存", "weights in memory"),
        say("这台机器", "on this machine"),
        say("预计词元/秒（估计）", "tokens/s (estimate)"),
    )
    a = source.architecture
    rows: list[tuple[str, Packing]] = [("none", "stored"), ("q8", "q8"), ("q4", "q4")]
    for option, packing in rows:
        weights = sizes.memory[packing]
        usual = option == ("none" if source.kind == "gguf" else "q8")
        verdict, enough = "?", True
        if free is not None:
            room = (free - weights - _OVERHEAD) // max(1, cache_bytes(a, 1))
            context = min(a.max_position_embeddings, room)
            enough = context >= min(512, a.max_position_embeddings)
            verdict = (
                say(f"放得下，上下文 {context:,}", f"fits, with {context:,} tokens of context")
                if enough
                else say("放不下", "does not fit")
            )
        speed = bandwidth / sizes.read[packing]
        if free is not None and not enough and (streamed := _streamed(source, sizes, packing, free, bandwidth)):
            verdict, speed = streamed
        label = option + (say("（默认）", " (default)") if usual else "")
        table.add_row(label, gigabytes(weights), verdict, f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}")
    return table


def _streamed(
    source: ModelSource, sizes: Footprint, packing: Packing, free: int, bandwidth: float
) -> tuple[str, float] | None:
    """What to expect where the experts stay on the disk: in words, and tokens a second; None where that is no way.

    As if each expert were as likely as any other; those of one conversation are not, and it may be faster.
    """
    from huozhong.engine.disk import read_rate
    from huozhong.engine.weights.streaming import MARGIN
    from huozhong.hub.arrival import gigabytes
    from huozhong.model.footprint import cache_bytes

    experts, a = sizes.experts[packing], source.architecture
    room = free - (sizes.memory[packing] - experts) - cache_bytes(a, 4096) - MARGIN
    if a.experts is None or room < experts * a.experts.per_token / a.experts.count / a.num_layers * 2:
        return None
    rate = read_rate(max(source.files(), key=lambda file: file.stat().st_size))
    if rate is None:
        return None
    missed = experts * a.experts.per_token / a.experts.count * max(0.0, 1 - room / experts)
    words = say(
        f"专家留在硬盘（实测 {gigabytes(rate)}/s），{gigabytes(room)} 内存放 {room / experts:.0%}",
        f"experts stay on the disk ({gigabytes(rate)}/s measured), {gigabytes(room)} hold {room / experts:.0%} of them",
    )
    return words, 1 / (sizes.read[packing] / bandwidth + missed / rate)


def _advice(free: int) -> Iterator[str]:
    """What else may be pulled for the memory that is free here."""
    from huozhong.hub.advice import advised
    from huozhong.hub.arrival import gigabytes

    if (found := advised(free)) is None:
        return
    yield say("这么多可用内存，还可以试：", "With so much memory free you may also try:")
    for model in found[1]:
        yield say(
            f"  huozhong pull {model.name}  （{gigabytes(model.size)}，{model.chinese}）",
            f"  huozhong pull {model.name}  ({gigabytes(model.size)}: {model.english})",
        )


def _count(number: int) -> str:
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 1000 * size else f"{number / size:,.0f}{unit}"
    return str(number)


# -- giving --------------------------------------------------------------------------------------


def export_command(
    model: AnyModel,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="要写的文件或文件夹 / file or folder to write")],
    format: Annotated[str, typer.Option("--format", help="hf（文件夹 / folder）, gguf")],
    type: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="gguf: f32, f16, bf16, q8_0, q4_0（默认 / default f16）; hf: bf16, f32（默认 / default bf16）",
            show_default=False,
        ),
    ] = None,
    mtp: Annotated[
        bool,
        typer.Option("--mtp/--no-mtp", help="gguf: 是否写入多词元预测模块 / whether to write the prediction modules"),
    ] = True,
) -> None:
    from huozhong.formats.gguf import vocab as gguf_vocab
    from huozhong.formats.gguf.export import TYPES, export_gguf, prediction_modules
    from huozhong.formats.hf.export import export_hf
    from huozhong.formats.installed import name_of
    from huozhong.formats.ready import small_files_of
    from huozhong.formats.source import open_model

    kinds = {"hf": tuple(_HF_TYPES), "gguf": tuple(TYPES)}
    if format not in kinds:
        raise ConfigError(
            say(f"--format 写的是 {format!r}；只能是 hf 或 gguf。", f"--format is {format!r}; it must be hf or gguf.")
        )
    type = type or ("bf16" if format == "hf" else "f16")
    if type not in kinds[format]:
        raise ConfigError(
            say(
                f"--type 写的是 {type!r}；{format} 只能用 {'、'.join(kinds[format])}。",
                f"--type is {type!r}; for {format} it must be {', '.join(kinds[format])}.",
            )
        )
    if target.exists():
        raise ConfigError(
            say(
                f"{target} 已经存在；请换一个名字，或先删除它。",
                f"{target} exists already; choose another name, or delete it first.",
            )
        )
    source = open_model(find_model(model))
    files = small_files_of(source)
    if format == "hf":
        export_hf(source, target, small_files=files, dtype=_HF_TYPES[type])
    else:
        vocabulary = gguf_vocab.vocab_metadata(files, source.architecture.vocab_size)
        export_gguf(source, target, type, vocabulary=vocabulary, name=name_of(source.path), prediction=mtp)
        if source.architecture.num_nextn_predict_layers:
            typer.echo(_about_modules(prediction_modules(source.architecture) if mtp else 0))
    typer.echo(say(f"已写好 {target}。", f"Wrote {target}."))


def _about_modules(written: int) -> str:
    if not written:
        return say("文件里没有多词元预测模块。", "The prediction modules are not in the file.")
    return say(
        f"文件里有 {written} 个多词元预测模块；旧的 llama.cpp 打不开它，那就再用 --no-mtp 导出一次。",
        f"The file holds {written} prediction module(s); if an old llama.cpp refuses it, export again with --no-mtp.",
    )
