"""`huozhong train draft MODEL --data FILE --out FOLDER`: the engine asks the model, `train.draft` learns from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import typer
from rich.console import Console

from huozhong.cli.models import find_model
from huozhong.cli.words import language, say
from huozhong.engine.collector import Collector
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.errors import ConfigError
from huozhong.formats.drafter import check_can_have, mark_of
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.installed import name_of
from huozhong.formats.source import open_model
from huozhong.text.template import ChatPrompt
from huozhong.train.content import content_of
from huozhong.train.draft.items import read_items
from huozhong.train.draft.run import Drafted, outlook, train_drafter
from huozhong.train.draft.settings import TOP, DraftSettings, Item, Kind, Read, layers_seen
from huozhong.train.sitting import Start

LONGEST = 1024  # tokens of a text that are read, or of a question
PIECE = 128  # tokens read at once: their scores of a whole vocabulary are in memory
KINDS: dict[str, Kind] = {"mtp": "mtp", "dspark": "dspark"}


class EngineBase:
    """`train.draft.settings.Base` by the engine: the model as it will be run, in the format that it will be run in."""

    def __init__(self, model: Path, kind: Kind, answer: int, threads: int | None) -> None:
        self._llm = LLM(
            model, num_threads=threads, prefix_cache_bytes=0, speculation="off", acts=False, max_running=16,
            step_tokens=256,
        )  # fmt: skip
        self.layers = layers_seen(kind, self._llm.config.num_layers)
        self._room = min(LONGEST, self._llm.max_context - answer - 1)
        if self._room < 16:
            raise ConfigError(
                say(
                    f"--answer {answer} 太长：这个模型一共只能放 {self._llm.max_context} 个词元。",
                    f"--answer {answer} is too long: this model holds {self._llm.max_context} tokens in all.",
                )
            )
        longest, engine = self._room + answer, self._llm.runner
        size = engine.cache.page_size
        self._runner = Runner(engine.weights, -(-longest // size), size, threads, engine.cache.format)
        self._pages = np.arange(self._runner.num_pages, dtype=np.int32)

    def close(self) -> None:
        self._llm.close()

    def prompt(self, item: Item) -> list[int]:
        if not item.messages:
            return self._llm.text_tokens(item.text[: 4 * self._room])[: self._room]
        ids = self._llm.prompt(list(item.messages), acts=False).ids
        return ids[-self._room :]  # the end of a long conversation says what is asked

    def answers(self, prompts: Sequence[list[int]], most: int) -> Iterator[list[int]]:
        params = SamplingParams(temperature=0.0, max_tokens=most)
        told = [Collector() for _ in prompts]
        for ids, answer in zip(prompts, told, strict=True):
            self._llm.submit(ChatPrompt(ids), params, answer.put)
        for answer in told:
            said: list[int] = []
            for delta in answer:
                if delta.error is not None:
                    raise delta.error
                said += delta.token_ids
            yield said

    def read(self, ids: list[int]) -> Read:
        tokens = np.array(ids, np.int32)
        states, likeliest, chances = [], [], []
        for start in range(0, len(tokens), PIECE):
            part = tokens[start : start + PIECE]
            chunk = Chunk(part, start, self._pages, "all", True)
            (scores,), (state_TD,) = self._runner.forward_with_layers([chunk], self.layers)
            assert scores is not None
            states.append(state_TD)
            best_TK = np.argpartition(scores, -TOP, axis=1)[:, -TOP:]
            found_TK = np.take_along_axis(scores, best_TK, 1)
            order_TK = np.argsort(-found_TK, axis=1, kind="stable")
            highest_T1 = found_TK.max(axis=1, keepdims=True)
            whole_T1 = np.exp(scores - highest_T1).sum(axis=1, keepdims=True)
            likeliest.append(np.take_along_axis(best_TK, order_TK, 1).astype(np.int32))
            chances.append(np.exp(np.take_along_axis(found_TK, order_TK, 1) - highest_T1) / whole_T1)
        return Read(np.concatenate(states), np.concatenate(likeliest), np.concatenate(chances))


def run_draft(
    model: str,
    data: Path | None,
    out: Path | None,
    *,
    kind: str,
    tokens: int,
    answer: int,
    epochs: int | None,
    lr: float | None,
    seed: int,
    threads: int | None,
    price: float,
    plan: bool,
    start: Start,
) -> None:
    """The command.  Raises ConfigError, DataError, CheckpointError or TrainingError."""
    if data is None:
        raise ConfigError(
            say(
                "请给出 --data 文件：问题（.jsonl，每行一个）或文章。",
                "give --data FILE: questions (.jsonl, one a line) or a text.",
            )
        )
    if kind not in KINDS:
        raise ConfigError(
            say(f"--kind 写的是 {kind!r}；只能是 mtp 或 dspark。", f"--kind is {kind!r}; it must be mtp or dspark.")
        )
    source = open_model(find_model(model))
    check_can_have(source)
    items, name = read_items(data), name_of(source.path)
    settings = DraftSettings(
        base=name,
        base_mark=mark_of(source),
        data=data,
        data_content=content_of(data),
        kind=KINDS[kind],
        out=out or Path("runs") / f"{name.replace(':', '-')}-draft",
        tokens=tokens,
        answer=answer,
        epochs=epochs,
        lr=DraftSettings.lr if lr is None else lr,
        seed=seed,
        threads=threads,
        price_per_kwh=price,
    )
    view, console = HuggingFaceView(source), Console()
    base = EngineBase(source.path, settings.kind, answer, threads)
    try:
        if plan:
            outlook(view, base, items, settings, console)
            return
        found = train_drafter(view, base, items, settings, start=start, console=console)
    finally:
        base.close()
    if found is not None and found.folder is not None:
        _tell(found, source.path)


def _tell(found: Drafted, model: Path) -> None:
    shares = " / ".join(f"{share:.0%}" for share in found.scores.values())
    typer.echo(found.bill.line(language()))
    typer.echo(
        say(
            f"完成。留出的文字上，第一、二、三次猜对的比例：{shares}。",
            f"Done. First, second and third guesses that are right on held-out texts: {shares}.",
        )
    )
    typer.echo(f"  huozhong run {model} --draft {found.folder}")
