"""`huozhong train sft --base MODEL --data FILE.jsonl` and `huozhong train dpo ...`: a model made better for somebody.

The library trains (`huozhong.train.adapt.adaptation`); here the held-out questions are put to the engine before and
after, so that what people compare is what they will be served.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from huozhong.cli.answered import answer_ids, ask
from huozhong.cli.models import find_model
from huozhong.cli.words import dim, language, say
from huozhong.engine import generation_config
from huozhong.engine.machine import available_memory
from huozhong.errors import ConfigError

if TYPE_CHECKING:
    from huozhong.train.adapt.adaptation import Adapted
    from huozhong.train.adapt.conversations import Messages
    from huozhong.train.adapt.examples import Encoder, Example, Kind, Prompted
    from huozhong.train.adapt.fit import Method
    from huozhong.train.adapt.settings import Settings
    from huozhong.train.adapt.show import Asked
    from huozhong.train.adapt.tasks import Task
    from huozhong.train.sitting import Start

SMALL = 100e6  # parameters that a token meets, of a model whose tokens cost little
ASKED = 40  # taught questions, and held-out ones, that are put to the model
RANK = 16
REWORDED, WORDINGS = 2000, 16  # so many examples at most get so many wordings of their questions
FEWER = 4  # ... where each has to go once through layers that do not learn, and is soon met again
NEAR = 4  # rehearsed questions in the form of each that is taught
METHODS = ("auto", "lora", "qlora", "full")
DTYPES = {"bf16": "bf16", "float32": "float32"}


@dataclass(frozen=True)
class FineTuneOptions:
    """The options of both commands, as they were typed."""

    start: Start
    base: str | None
    data: Path | None = None
    heldout: Path | None = None
    ignore: list[str] | None = None
    out: Path | None = None
    bits: int | None = None
    lr: float | None = None
    epochs: int | None = None
    batch: int | None = None
    layers: int | None = None
    adapter: Path | None = None
    threads: int | None = None
    dtype: str | None = None
    rehearse: int | None = None
    wordings: int | None = None
    method: str = "auto"
    rank: int | None = None
    seed: int = 0
    price: float = 0.6
    plan: bool = False
    answers: bool = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> FineTuneOptions:
        """From a command's variables, by name; the others are left out."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def given(self) -> list[str]:
        """The options about a --base that say something else than their default."""
        names = [field.name for field in fields(self)[2:] if getattr(self, field.name) != field.default]
        return ["--no-answers" if name == "answers" else f"--{name}" for name in names]

    def examples(self) -> Path:
        """Where the examples are.  Raises ConfigError when nobody said."""
        if self.data is None:
            raise ConfigError(
                say("请给出 --data 文件.jsonl，每行一个例子。", "give --data FILE.jsonl, one example a line.")
            )
        return self.data


def run_sft(options: FineTuneOptions) -> None:
    """Fine-tune on answers."""
    from huozhong.train.adapt.examples import read_examples, with_wordings
    from huozhong.train.adapt.tasks import SftTask

    data, bench = options.examples(), _Bench(options, "sft")
    settings = bench.settings()
    read = partial(read_examples, ignored=options.ignore or ())
    training, heldout = bench.divided(read(data, bench.encoder, bench.labels), read)
    rehearsed = bench.rehearsed(training)
    if len(training) <= REWORDED:
        settings = bench.upper_layers(settings)
    count = WORDINGS if settings.layers is None else FEWER
    count = options.wordings if options.wordings is not None else count if len(training) <= REWORDED else 0
    training = with_wordings(training, bench.encoder, count, options.seed)
    bench.run(SftTask(training, heldout, rehearsed), settings, training, heldout)


def run_dpo(options: FineTuneOptions, beta: float) -> None:
    """Prefer chosen answers to rejected ones."""
    from huozhong.train.adapt.dpo import DpoTask, read_pairs

    data = options.examples()
    if not 0 < beta <= 10:
        raise ConfigError(
            say(f"--beta 写的是 {beta}；要在 0 和 10 之间。", f"--beta is {beta}; it must lie between 0 and 10.")
        )
    bench = _Bench(options, "dpo")
    settings = bench.settings()
    read = partial(read_pairs, ignored=options.ignore or ())
    training, heldout = bench.divided(read(data, bench.encoder, bench.labels), read)
    bench.run(DpoTask(training, heldout, beta), settings, [], heldout)


class _Bench:
    """The base, opened, and everything around one run."""

    def __init__(self, options: FineTuneOptions, stage: Literal["sft", "dpo"]) -> None:
        from huozhong.formats.gguf import vocab as gguf_vocab
        from huozhong.formats.hf.view import HuggingFaceView
        from huozhong.formats.installed import name_of
        from huozhong.formats.source import open_model
        from huozhong.text.tokenizer import Tokenizer
        from huozhong.train.adapt.examples import Encoder, load_template
        from huozhong.train.content import content_of

        assert options.base is not None, "there is nothing to adapt"
        self.options = options
        self.path, self.stage = find_model(options.base), stage
        self.labels: set[str] = set()  # columns that only say where a line is from
        source = open_model(self.path)
        where = str(source.path)
        if source.kind == "gguf":
            self.files = gguf_vocab.small_files(source.metadata, where=where)
        else:
            self.files = source.small_files()
        tokenizer = Tokenizer.from_files(self.files, where=where)
        self.view = HuggingFaceView(source)
        limit = min(self.view.architecture.max_position_embeddings, 4096)
        self.encoder: Encoder = Encoder(tokenizer, load_template(self.files, tokenizer, where), limit)
        self.content = content_of(source.path)
        self.name = name_of(source.path)
        if self.name == "model":  # of another run: the run's name tells more
            self.name = source.path.resolve().parent.name
        default = (
            Path("runs") / f"{self.name.replace(':', '-')}-{options.examples().stem}{'-dpo' if stage == 'dpo' else ''}"
        )
        self.out = default if options.out is None else options.out

    def divided(
        self, examples: list[Kind], read: Callable[[Path, Encoder], list[Kind]]
    ) -> tuple[list[Kind], list[Kind]]:
        """(training, held-out): from two files, a share of one, or of one what can be guessed."""
        from huozhong.train.adapt.examples import split

        if left_out := self.labels.union(self.options.ignore or ()):
            names = ", ".join(sorted(left_out))
            typer.echo(dim(say(f"不学的栏目：{names}。", f"Left out, as no part of what is said: {names}.")))
        if self.options.heldout is None:
            return split(examples, self.options.seed, unguessable=self.stage == "dpo")
        share = _share(self.options.heldout)
        if share is not None:
            return split(examples, self.options.seed, share, unguessable=True)
        return examples, read(self.options.heldout, self.encoder)

    def rehearsed(self, own: Sequence[Example]) -> list[Example]:
        """What the untouched model says to everyday questions; kept beside the run, so that a plan asks for the run.

        own: people's examples.  Three times as many and 300 more, at most 800; of a large model, which forgets less and
        whose every token costs more, half as many, 16 to 50, and only their beginnings.  English ones where all that
        is taught is in Latin letters.
        """
        from huozhong.model.footprint import footprint
        from huozhong.train.adapt.everyday import Language, everyday_prompts
        from huozhong.train.adapt.examples import as_said
        from huozhong.train.adapt.near import near_prompts
        from huozhong.train.state import write_file

        options = self.options
        small = footprint(self.view.source).active < SMALL
        count = min(2000, 800 + 8 * len(own)) if small else min(50, max(16, len(own) // 2))
        count = count if options.rehearse is None else options.rehearse
        if not count or self.encoder.template is None:
            return []
        kept = self.out / "rehearsed.json"
        spoken: Language = "en" if all(max(one.answer, default="") < "\u2e80" for one in own) else "any"
        asked = [_question(one.prompt) for one in own]
        prompts = near_prompts(asked, min(NEAR * len(own), count // 4), options.seed)
        prompts = list(dict.fromkeys([*prompts, *everyday_prompts(count, options.seed, spoken)]))[:count]
        random.Random(options.seed).shuffle(prompts)  # a part of each kind is held out
        key = {"base": self.name, "content": self.content, "prompts": prompts, "served": True}
        said = _kept(kept, key)
        if said is None:
            typer.echo(
                dim(
                    say(
                        f"记下 {self.name} 自己对 {count} 个日常问题的回答 …",
                        f"Noting what {self.name} itself says to {count} everyday questions ...",
                    )
                )
            )
            room = min(192 if small else 64, self.encoder.limit // 2)  # a cut answer still says how it began
            said = answer_ids(self.path, prompts, room, options.threads)
            self.out.mkdir(parents=True, exist_ok=True)
            write_file(kept, json.dumps({"key": key, "answers": said}, ensure_ascii=False).encode())
        return [as_said(*one) for one in said if any(one[3])]

    def settings(self) -> Settings:
        from huozhong.train.adapt.settings import Settings

        options = self.options
        if options.method not in METHODS:
            raise ConfigError(
                say(
                    f"--method 写的是 {options.method!r}；只能是 {'、'.join(METHODS)}。",
                    f"--method is {options.method!r}; it must be {', '.join(METHODS)}.",
                )
            )
        if options.bits not in (None, 4, 8):
            raise ConfigError(
                say(f"--bits 写的是 {options.bits}；只能是 4 或 8。", f"--bits is {options.bits}; it must be 4 or 8.")
            )
        if options.bits is not None and options.method not in ("auto", "qlora"):
            raise ConfigError(
                say(
                    f"--bits 只用于 --method qlora，不用于 {options.method}。",
                    f"--bits is for --method qlora, not for {options.method}.",
                )
            )
        if options.dtype is not None and options.dtype not in DTYPES:
            raise ConfigError(
                say(
                    f"--dtype 写的是 {options.dtype!r}；只能是 bf16 或 float32。",
                    f"--dtype is {options.dtype!r}; it must be bf16 or float32.",
                )
            )
        rank, alpha = self._rank_and_alpha()
        method: Method = options.method  # type: ignore[assignment]  # one of METHODS
        return Settings(
            base=self.name,
            base_content=self.content,
            out=self.out,
            method=method,
            bits=options.bits,  # type: ignore[arg-type]
            low_rank=options.rank is not None or options.adapter is not None,
            rank=rank,
            alpha=alpha,
            layers=self._layers(),
            lr=options.lr,
            epochs=options.epochs,
            batch=options.batch,
            seed=options.seed,
            adapter=options.adapter,
            memory=available_memory(),
            threads=options.threads,
            dtype=options.dtype,  # type: ignore[arg-type]
            price_per_kwh=options.price,
        )

    def _rank_and_alpha(self) -> tuple[int, float]:
        """LoRA's, which --adapter brings along."""
        from huozhong.train.adapt.lora import read_adapter_config

        options = self.options
        if options.adapter is None:
            rank = RANK if options.rank is None else options.rank
            return rank, 2.0 * rank
        config = read_adapter_config(options.adapter)
        if options.rank not in (None, config["r"]):
            raise ConfigError(
                f"--rank is {options.rank}, but {options.adapter} has rank {config['r']}; leave --rank out."
            )
        return config["r"], float(config["lora_alpha"])

    def _layers(self) -> int | None:
        """How many learn, which --adapter brings along, too."""
        from huozhong.train.adapt.lora import lowest_layer

        options, whole = self.options, self.view.architecture.num_layers
        if options.adapter is None:
            return options.layers
        brought = whole - lowest_layer(options.adapter)
        if options.layers is not None and options.layers < brought:
            raise ConfigError(
                f"--layers is {options.layers}, but {options.adapter} changes the upper {brought}; leave --layers out."
            )
        return options.layers or (brought if brought < whole else None)

    def upper_layers(self, settings: Settings) -> Settings:
        """With the upper layers alone, where they learn few examples sooner, nobody asked for a way, and none began."""
        from huozhong.train.adapt.fit import upper_third
        from huozhong.train.adapt.settings import as_before

        if self.options.start != "fresh":
            settings = as_before(settings)
        asked = (
            settings.method != "auto" or settings.bits is not None or settings.low_rank or settings.layers is not None
        )
        return settings if asked else replace(settings, layers=upper_third(self.view))

    def run(self, task: Task, settings: Settings, taught: Sequence[Prompted], heldout: Sequence[Prompted]) -> None:
        """Ask, train, ask again, show."""
        from rich.console import Console

        from huozhong.train.adapt.adaptation import adapt

        console, options = Console(), self.options
        asked = [*_some(taught), *_some(heldout)] if options.answers else []
        before: list[str | None] = []
        if asked and not options.plan:
            before = self._remembered(task, asked)
        files = _without_acts(self.files) if any(map(_thinks, taught)) else self.files
        found = adapt(self.view, files, task, settings, start=options.start, console=console, plan_only=options.plan)
        if found is None or not found.finished or found.model is None:
            return
        after = self._answers(found.model, asked) if asked else []
        self._show(console, found, _asked(asked, before, after, len(_some(taught))))

    def _remembered(self, task: Task, asked: Sequence[Prompted]) -> list[str | None]:
        """What the untouched model answers; kept beside the run, so that a resumed one does not ask again."""
        from huozhong.train.state import write_file

        kept = self.out / "before.json"
        key = {**task.identity(), "base": self.name, "content": self.content, "asked": len(asked)}
        if (stored := _kept(kept, key)) is not None:
            return stored
        answers = self._answers(self.path, asked)
        write_file(kept, json.dumps({"key": key, "answers": answers}, ensure_ascii=False, indent=1).encode())
        return answers

    def _answers(self, path: Path, asked: Sequence[Prompted]) -> list[str | None]:
        typer.echo(dim(say(f"用 {len(asked)} 个问题问 {path} …", f"Asking {path} {len(asked)} questions ...")))
        longest = max(len(self.encoder.tokenizer.encode(one.answer)) for one in asked)
        return ask(path, asked, 64 + 2 * longest, self.options.threads)

    def _show(self, console: Any, found: Adapted, asked: list[Asked]) -> None:
        from huozhong.train.adapt.show import answers_table, comparison_table
        from huozhong.train.state import write_file

        lang = language()
        console.print(comparison_table(found.before, found.after, asked, lang))
        if asked:
            console.print(answers_table(asked, lang))
        report = {
            "base": self.name,
            "best_epoch": found.best_epoch,
            "before": found.before,
            "after": found.after,
            "peak_memory": found.peak_memory,
            "bill": found.bill.as_dict(),
            "answers": [vars(one) for one in asked],
        }
        write_file(self.out / "report.json", (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode())
        typer.echo(found.bill.line(lang))
        typer.echo(
            say(
                f"完成，第 {found.best_epoch} 轮最好：{found.model}",
                f"Done; epoch {found.best_epoch} was the best: {found.model}",
            )
        )
        typer.echo(dim(f"  huozhong chat {found.model}\n  huozhong import {found.model} --name {self.out.name}"))


def _kept(path: Path, key: dict[str, Any]) -> list[Any] | None:
    """Answers that an earlier sitting wrote for the same key."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return list(stored["answers"]) if stored["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was kept, or it was cut off: it is asked for again


def _share(heldout: Path) -> float | None:
    """--heldout 0.1; None for a file."""
    try:
        share = float(str(heldout))
    except ValueError:
        return None
    if not 0 <= share < 1:
        raise ConfigError(
            say(
                f"--heldout 写的是 {heldout}；比例要从 0 到小于 1。",
                f"--heldout is {heldout}; a share must be at least 0 and less than 1.",
            )
        )
    return share


def _thinks(example: Prompted) -> bool:
    """Whether an example teaches a thought."""
    said = getattr(example, "said", None)  # preferences have none
    return bool(said and said.get("reasoning_content"))


def _without_acts(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a model that thinks in words of its own from now on: dialogue acts would not let it."""
    name = generation_config.NAME
    if name not in files:
        return dict(files)
    said = json.loads(files[name])
    if "acts" in said:
        return {**files, name: (json.dumps(said | {"acts": False}, indent=2) + "\n").encode()}
    return dict(files)


def _some(examples: Sequence[Prompted]) -> list[Prompted]:
    """The first of them, one a line of their file."""
    return list({e.line: e for e in examples}.values())[:ASKED]


def _asked(asked: Sequence[Prompted], before: list[str | None], after: list[str | None], taught: int) -> list[Asked]:
    from huozhong.train.adapt.show import Asked

    return [
        Asked(_question(e.prompt), e.answer, one, other, number < taught)
        for number, (e, one, other) in enumerate(zip(asked, before, after, strict=True))
    ]


def _question(prompt: Messages | str) -> str:
    return prompt if isinstance(prompt, str) else str(prompt[-1].get("content", ""))
