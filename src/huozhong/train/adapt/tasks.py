"""What adapting is about, apart from the loop that does it: which examples, what loss, what is scored.

`SftTask` is here: learn to say the answers.  `dpo.DpoTask` prefers one answer to another.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from huozhong.model.families import CausalLM
from huozhong.train.adapt.examples import ROW_MULTIPLE, Example, PackedExamples, groups, pack

KEPT_SHARE = 0.1


class Task(Protocol):
    """count: training examples, of which `rehearsed` are the model's own.  heldout: held-out ones.
    lengths: tokens that one training example takes.

    A part is a row that goes through the model at once; a step's loss is the sum over its parts divided by the sum of
    their sizes, so it does not matter how the examples were put into rows.
    """

    stage: Literal["sft", "dpo"]
    count: int
    rehearsed: int
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
        """What held-out examples say: empty without held-out examples."""

    def objective(self, scores: Mapping[str, float]) -> float:
        """What the best epoch has least of."""

    def identity(self) -> dict[str, Any]:
        """What a resumed run must agree on."""


class SftTask:
    """Loss on the answers' tokens, all tokens alike.

    rehearsed: what the untouched model said itself, so that it goes on saying it (`train.everyday`); a tenth of them
    is held out and scored as "kept".
    """

    stage: Literal["sft", "dpo"] = "sft"

    def __init__(
        self, training: Sequence[Example], heldout: Sequence[Example], rehearsed: Sequence[Example] = ()
    ) -> None:
        apart = math.ceil(KEPT_SHARE * len(rehearsed))
        self.kept, rehearsed = list(rehearsed[:apart]), rehearsed[apart:]
        self.training, self.heldout_examples = [*training, *rehearsed], list(heldout)
        self.count, self.heldout, self.rehearsed = len(self.training), len(heldout), len(rehearsed)
        self.lengths = [len(e.ids) for e in self.training]
        self.heldout_lengths = [len(e.ids) for e in [*heldout, *self.kept]]

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """Nothing: the data say what is right."""

    def parts(self, indices: Sequence[int], row_tokens: int) -> list[PackedExamples]:
        return _rows([self.training[i] for i in indices], row_tokens)

    def size(self, part: PackedExamples) -> int:
        return part.count

    def loss(self, model: CausalLM, part: PackedExamples) -> Tensor:
        log_probs, _ = model.log_probs(part.tokens_BT, part.targets_BT, part.doc_BT, part.pos_BT)
        return -log_probs.sum()

    @torch.no_grad()
    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        named = {"loss": self.heldout_examples, "kept": self.kept}
        return {name: self._mean(model, examples, row_tokens) for name, examples in named.items() if examples}

    def _mean(self, model: CausalLM, examples: list[Example], row_tokens: int) -> float:
        parts = _rows(examples, row_tokens)
        return sum(float(self.loss(model, part)) for part in parts) / sum(part.count for part in parts)

    def objective(self, scores: Mapping[str, float]) -> float:
        return scores["loss"] + scores.get("kept", 0.0)

    def identity(self) -> dict[str, Any]:
        return {
            "data": fingerprint([e.ids for e in self.training]),
            "heldout": fingerprint([e.ids for e in self.heldout_examples]),
        }


def _rows(examples: list[Example], row_tokens: int) -> list[PackedExamples]:
    together = groups([len(e.ids) for e in examples], row_tokens)
    return [pack([(examples[i].ids, examples[i].mask) for i in group], ROW_MULTIPLE) for group in together]


def fingerprint(ids: Any) -> str:
    """A short name of data: the same for the same token ids."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
