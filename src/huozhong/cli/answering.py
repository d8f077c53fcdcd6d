"""Which model answers `chat` and `run`, and how it is run: what both are told in the same words."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from huozhong.cli.asking import Ask, carefully, local, only_local_options_unset, remote
from huozhong.cli.serve import (
    CarefulOption,
    Context,
    Currency,
    Draft,
    Numbers,
    Price,
    Quant,
    Threads,
    engine_options,
    load,
)

__all__ = [
    "CarefulOption", "Context", "Currency", "Draft", "Engine", "Numbers", "Price", "Quant", "Think", "Threads", "Url",
    "answerer",
]  # fmt: skip

Url = Annotated[str | None, typer.Option(help="已在运行的服务 / a running server, e.g. http://127.0.0.1:8000")]
Think = Annotated[
    bool,
    typer.Option("--think/--no-think", "--thinking/--no-thinking", help="先思考再回答 / think first"),
]


@dataclass(frozen=True)
class Engine:
    """How a model on this machine is run; price: of one kWh, in the currency.  numbers: as --numbers takes them."""

    quantization: str | None
    threads: int | None
    max_context: int | None
    price: float
    currency: str
    careful: bool
    numbers: str | None
    draft: Path | None


def answerer(
    stack: ExitStack, context: typer.Context, url: str | None, model: str | None, engine: Engine
) -> tuple[str, Ask]:
    """A model's name and how to ask it: the server's at `url`, or one that is loaded here until `stack` ends.

    `ConfigError` for options that say how a model is run here, where it runs elsewhere.
    """
    from huozhong.cost import Meter
    from huozhong.verify.distress import read_numbers

    ring, careful = read_numbers(engine.numbers or ""), engine.careful
    if url is not None:
        only_local_options_unset(context)
        name, ask = remote(stack, url, model)
    else:
        options = engine_options(engine.quantization, engine.threads, engine.max_context, draft=engine.draft)
        llm = stack.enter_context(load(model or "ember", options, Meter(engine.price, engine.currency)))
        name, ask, careful = llm.name, local(llm), careful or llm.is_built_in
    return name, carefully(ask, ring) if careful else ask
