"""How to train a drafter: what a person may say, and what is derived from the material."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import ConfigError

TOP = 8  # of the model's likeliest tokens at each place; they are what a drafter learns
ROW = 256  # tokens that are learnt together, from one document
BATCH = 16  # rows of an optimiser step
MICRO = 4  # rows of them at once
DEPTH = 3  # tokens guessed one from the other in training
LOOKS = 1_600_000  # tokens looked at in all, where nothing else is said: more are forgotten, fewer not yet learnt
MOST_EPOCHS = 10
MOST_GUESSED = 8192  # tokens that a drafter guesses
COVERED = 0.995  # of what the model says, by the tokens that its drafter may guess


Kind = Literal["mtp", "dspark"]


@dataclass(frozen=True, kw_only=True)
class DraftSettings:
    """How to train; None means derived.

    kind: "mtp", a prediction module that guesses one token from the other, or "dspark", a block at once.
    base: what people call the model; base_mark: `formats.drafter.mark_of` it.  data, data_content: the file with texts
    or questions, and a hash of it.  tokens: of material at most.  answer: tokens of the model's own answers at most.
    """

    base: str
    base_mark: str
    data: Path
    data_content: str
    out: Path
    kind: Kind = "mtp"
    tokens: int = 300_000
    answer: int = 256
    epochs: int | None = None
    lr: float = 2e-3
    seed: int = 0
    threads: int | None = None
    price_per_kwh: float = 0.6
    currency: str = "CNY"

    def __post_init__(self) -> None:
        for name, least in (("tokens", 2000), ("answer", 8), ("epochs", 1), ("threads", 1)):
            if (value := getattr(self, name)) is not None and value < least:
                raise ConfigError(f"--{name} is {value}; it must be at least {least}.")
        if not 0 < self.lr < 1:
            raise ConfigError(f"--lr is {self.lr}; it must lie between 0 and 1.")

    def steps(self, rows: int, tokens: int) -> tuple[int, int]:
        """(epochs, steps of each) for so many rows that hold so many tokens."""
        epochs = self.epochs or max(1, min(MOST_EPOCHS, round(LOOKS / max(1, tokens))))
        return epochs, max(1, math.ceil(rows / BATCH))


@dataclass(frozen=True, eq=False)
class Read:
    """What the model makes of T tokens: states behind some layers, side by side [T, layers * D], the last behind the
    last norm; and of what may come behind each the likeliest tokens [T, TOP] with their probabilities.
    """

    states_TD: NDArray[np.float32]
    likeliest_TK: NDArray[np.int32]
    chances_TK: NDArray[np.float32]


class Base(Protocol):
    """The model as it will be run, asked by whoever can run it (`cli.draft`).  layers: whose states `read` gives."""

    layers: tuple[int, ...]

    def prompt(self, item: Item) -> list[int]:
        """The ids that the model would be given."""

    def answers(self, prompts: Sequence[list[int]], most: int) -> Iterable[list[int]]:
        """Its greedy answers, at most so many ids each, in order."""

    def read(self, ids: list[int]) -> Read:
        """What it makes of a text that is not longer than it can hold."""


@dataclass(frozen=True)
class Item:
    """A line of the data: a conversation to be answered, or a text to be read and gone on with."""

    messages: tuple[dict[str, object], ...] = ()
    text: str = ""


def layers_seen(kind: Kind, layers: int) -> tuple[int, ...]:
    """Which of a model's layers a drafter looks at: the last; of the DSpark kind also two on the way."""
    return (layers - 1,) if kind == "mtp" else tuple(sorted({layers // 3, 2 * layers // 3, layers - 1}))


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Some at a time, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
