"""What adapting is about, apart from the loop that does it: which examples, what loss, what is scored.

`SftTask` is here: learn to say the answers.  `dpo.DpoTask` prefers one answer to another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from huozhong.model.causal_lm import CausalLM
from huozhong.train.examples import Example, Packed, groups, pack

Say = Any


class Task(Protocol):
    """count: training examples.  heldout: held-out ones.  lengths: tokens that one training example takes.

    A part is a row that goes through the model at once; a step's loss is the sum over its parts divided by the sum of
    their sizes, so it does not matter how the examples were put into rows.
    """

    stage: Literal["sft", "dpo"]
    count: int
    heldout: int
    lengths: list[int]
    heldout_lengths: list[int]

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """Anything to be known of the untrained model."""

    def parts(self, indices: Sequence[int], row_tokens: int) -> list[Any]:
        """The training examples `indices` as rows."""

    def size(self, part: Any) -> int:
        """What the loss of a part is a sum over."""

    def loss(self, model: CausalLM, part: Any) -> Tensor:
        """Sum of losses in nats, with a gradient."""

    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        """What held-out examples say: "loss" decides; empty without held-out examples."""

    def identity(self) -> dict[str, Any]:
        """What a resumed run must agree on."""


class SftTask:
    """Loss on the answers' tokens, all tokens alike."""

    stage: Literal["sft", "dpo"] = "sft"

    def __init__(self, training: list[Example], heldout: list[Example]) -> None:
        self.training, self.heldout_examples = training, heldout
        self.count, self.heldout = len(training), len(heldout)
        self.lengths = [len(e.ids) for e in training]
        self.heldout_lengths = [len(e.ids) for e in heldout]

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """Nothing: the data say what is right."""

    def parts(self, indices: Sequence[int], row_tokens: int) -> list[Packed]:
        return _rows([self.training[i] for i in indices], row_tokens)

    def size(self, part: Packed) -> int:
        return part.count

    def loss(self, model: CausalLM, part: Packed) -> Tensor:
        log_probs, _ = model.log_probs(part.tokens, part.targets, part.doc, part.pos)
        return -log_probs.sum()

    @torch.no_grad()
    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        parts = _rows(self.heldout_examples, row_tokens)
        if not parts:
            return {}
        total = sum(float(self.loss(model, part)) for part in parts)
        return {"loss": total / sum(part.count for part in parts)}

    def identity(self) -> dict[str, Any]:
        return {"data": fingerprint([e.ids for e in self.training]),
                "heldout": fingerprint([e.ids for e in self.heldout_examples])}


def _rows(examples: list[Example], row_tokens: int) -> list[Packed]:
    together = groups([len(e.ids) for e in examples], row_tokens)
    return [pack([(examples[i].ids, examples[i].mask) for i in group]) for group in together]


def fingerprint(ids: Any) -> str:
    """A short name of data: the same for the same token ids."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
