"""Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290): prefer one answer to another.

    {"prompt": "借多久？", "chosen": "两周，可以续借一次。", "rejected": "不知道。"}      also the other `forms`

    loss = −log σ(β·[(log π(chosen) − log ref(chosen)) − (log π(rejected) − log ref(rejected))])      (eq. 7)

The reference is the model as it was; its log-probabilities are computed once, before the first step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from huozhong.model.families import CausalLM
from huozhong.text.tools import Function
from huozhong.train.adapt.conversations import Messages, spoken
from huozhong.train.adapt.examples import (
    ROW_MULTIPLE,
    Encoded,
    Encoder,
    PackedExamples,
    Prompted,
    encoded,
    groups,
    pack,
    read_rows,
)
from huozhong.train.adapt.forms import Preferred, read_preferred
from huozhong.train.adapt.tasks import fingerprint


@dataclass(frozen=True)
class Pair(Prompted):
    """Two answers to one prompt, each as ids and mask."""

    chosen: Encoded
    rejected: Encoded
    prompt: Messages | str
    answer: str
    line: int
    functions: tuple[Function, ...] = ()

    @property
    def length(self) -> int:
        return len(self.chosen[0]) + len(self.rejected[0])


def read_pairs(path: Path, encoder: Encoder, labels: set[str] | None = None, ignored: Sequence[str] = ()) -> list[Pair]:
    """Every line as a Pair.  Raises DataError, naming the line.  labels, ignored: as in `examples.read_examples`."""
    pairs = []
    for number, row in read_rows(path, ignored):
        where = f"{path} line {number}"
        said = read_preferred(row, where)
        if labels is not None:
            labels |= said.labels
        chosen, rejected = encoded(where, _both(said, encoder.template is not None), encoder)
        answer = spoken([said.chosen])
        prompt = said.prompt if encoder.template is not None or said.texts is None else said.texts[0]
        pairs.append(Pair(chosen, rejected, prompt, answer, number, said.functions))
    return pairs


def _both(said: Preferred, has_template: bool) -> Callable[[Encoder], list[Encoded]]:
    if said.texts is not None and not has_template:
        prompt, *answers = said.texts
        return lambda encoder: [encoder.text(prompt, answer) for answer in answers]
    both = (said.chosen, said.rejected)
    return lambda encoder: [encoder.answer([*said.prompt, answer], said.functions) for answer in both]


# -- the loss --------------------------------------------------------------------------------------------


def dpo_margins(policy_P2: Tensor, reference_P2: Tensor, beta: float) -> Tensor:
    """β times how much more than the reference the policy prefers the chosen answer [P]; columns: chosen, rejected."""
    gain_P2 = policy_P2 - reference_P2
    return beta * (gain_P2[:, 0] - gain_P2[:, 1])


def dpo_loss(policy_P2: Tensor, reference_P2: Tensor, beta: float) -> Tensor:
    """Sum over pairs of −log σ(margin)."""
    return -F.logsigmoid(dpo_margins(policy_P2, reference_P2, beta)).sum()


@dataclass(frozen=True)
class PackedPairs(PackedExamples):
    """Some pairs in one row: document 2i is a chosen answer, 2i + 1 the rejected one.

    reference: log-probabilities [P, 2] of the model as it was.
    """

    pairs: list[Pair]
    reference: Tensor | None


class DpoTask:
    """Loss per pair, all pairs alike; two epochs without a better held-out loss end the run."""

    stage: Literal["sft", "dpo"] = "dpo"
    patience: int | None = 2

    def __init__(self, training: list[Pair], heldout: list[Pair], beta: float) -> None:
        self.training, self.heldout_pairs, self.beta = training, heldout, beta
        self.count, self.rehearsed, self.heldout = len(training), 0, len(heldout)
        self.lengths = [pair.length for pair in training]
        self.targets = sum(sum(mask) for pair in training for _, mask in (pair.chosen, pair.rejected))
        self.heldout_lengths = [pair.length for pair in heldout]
        self._reference: dict[int, Tensor] = {}  # by line of the pair, [2]

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """The reference's log-probabilities of every answer."""
        with torch.no_grad():
            for number, pairs in enumerate((self.training, self.heldout_pairs)):
                for part in self._rows(pairs, row_tokens, with_reference=False):
                    for pair, values in zip(part.pairs, answer_log_probs(model, part), strict=True):
                        self._reference[2 * pair.line + number] = values

    @property
    def epoch_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def rows(self) -> list[Encoded]:
        return [row for pair in [*self.training, *self.heldout_pairs] for row in (pair.chosen, pair.rejected)]

    def epoch(self, number: int, seed: int) -> list[int]:
        order = list(range(self.count))
        random.Random(f"epoch {number} seed {seed}").shuffle(order)
        return order

    def parts(self, looks: Sequence[int], row_tokens: int) -> list[PackedPairs]:
        return self._rows([self.training[i] for i in looks], row_tokens)

    def size(self, part: PackedPairs) -> int:
        return len(part.pairs)

    def loss(self, model: CausalLM, part: PackedPairs) -> Tensor:
        assert part.reference is not None, "prepare was not called"
        return dpo_loss(answer_log_probs(model, part), part.reference, self.beta)

    @torch.no_grad()
    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        """loss; accuracy: how often the chosen answer gained more than the rejected one; preferred: how often it is
        the likelier one; margin: the mean one, in units of β.
        """
        parts = self._rows(self.heldout_pairs, row_tokens)
        if not parts:
            return {}
        policy = torch.cat([answer_log_probs(model, part) for part in parts])
        reference = torch.cat([part.reference for part in parts if part.reference is not None])
        margins = dpo_margins(policy, reference, self.beta)
        return {
            "loss": float(dpo_loss(policy, reference, self.beta)) / len(policy),
            "accuracy": float((margins > 0).float().mean()),
            "preferred": float((policy[:, 0] > policy[:, 1]).float().mean()),
            "margin": float(margins.mean()),
        }

    def objective(self, scores: Mapping[str, float]) -> float:
        return scores["loss"]

    def is_taught(self, scores: Mapping[str, float]) -> bool:
        return False  # a preference has no end; the held-out pairs and the epochs end the run

    def identity(self) -> dict[str, Any]:
        return {
            "beta": self.beta,
            "data": fingerprint([[p.chosen[0], p.rejected[0]] for p in self.training]),
            "heldout": fingerprint([[p.chosen[0], p.rejected[0]] for p in self.heldout_pairs]),
        }

    def _rows(self, pairs: list[Pair], row_tokens: int, with_reference: bool = True) -> list[PackedPairs]:
        kind = 1 if pairs is self.heldout_pairs else 0
        rows = []
        for group in groups([pair.length for pair in pairs], row_tokens):
            some = [pairs[i] for i in group]
            row = pack([side for pair in some for side in (pair.chosen, pair.rejected)], ROW_MULTIPLE)
            known = torch.stack([self._reference[2 * p.line + kind] for p in some]) if with_reference else None
            rows.append(PackedPairs(**vars(row), pairs=some, reference=known))
        return rows


def answer_log_probs(model: CausalLM, part: PackedPairs) -> Tensor:
    """log p of every answer in a row of pairs [P, 2] (chosen, rejected), summed over its tokens, float32."""
    log_probs, places = model.log_probs(part.tokens_BT, part.targets_BT, part.doc_BT, part.pos_BT)
    sums = torch.zeros(2 * len(part.pairs)).index_add(0, part.doc_BT.flatten()[places], log_probs)
    return sums.view(-1, 2)
