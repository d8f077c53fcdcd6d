"""What a model would have said, each with its probability: more to go by than the one token that it did say.

    loss = - Σ q_k log p_k - (1 - Σ q_k) log (1 - Σ p_k)

per place, over the K likeliest tokens of the model as it was (q) and all others as one more outcome.  For a token that
people wrote, q is 1, and this is the usual cross entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from huozhong.model.families import CausalLM
from huozhong.text.data import NO_TARGET
from huozhong.train.adapt.examples import Encoded, PackedExamples

LIKELIEST = 16
_LEAST = 1e-6  # of what is left: where q leaves nothing, its logarithm counts for nothing


@dataclass(frozen=True)
class Wanted:
    """Of M places K tokens each [M, K], and what share of the probability each should have [M, K]."""

    tokens_MK: Tensor
    shares_MK: Tensor

    @classmethod
    def as_written(cls, row: Encoded, count: int) -> Self:
        """A row's own tokens, filled up to `count` at each place."""
        ids, mask = row
        said = [i for i, learn in zip(ids[1:], mask[1:], strict=True) if learn]
        tokens_MK = torch.zeros(len(said), count, dtype=torch.long)
        shares_MK = torch.zeros(len(said), count)
        tokens_MK[:, 0], shares_MK[:, 0] = torch.tensor(said, dtype=torch.long), 1.0
        return cls(tokens_MK, shares_MK)

    @classmethod
    def together(cls, several: Sequence[Wanted]) -> Self:
        return cls(torch.cat([one.tokens_MK for one in several]), torch.cat([one.shares_MK for one in several]))


@dataclass(frozen=True)
class SoftExamples(PackedExamples):
    """wanted: of every target, in their order."""

    wanted: Wanted


@torch.no_grad()
def as_likely(model: CausalLM, part: PackedExamples, count: int = LIKELIEST) -> list[Wanted]:
    """What the model would say at every target of a row, document by document; none of one without targets."""
    log_probs_MK, tokens_MK = model.likeliest(part.tokens_BT, part.targets_BT, count, part.doc_BT, part.pos_BT)
    doc_M = part.doc_BT.flatten()[(part.targets_BT != NO_TARGET).flatten()]
    return [Wanted(tokens_MK[doc_M == doc], log_probs_MK[doc_M == doc].exp()) for doc in sorted(set(doc_M.tolist()))]


def soft_loss(model: CausalLM, part: SoftExamples) -> Tensor:
    """The sum over all targets, in nats, with a gradient."""
    wanted = part.wanted
    log_probs_MK = model.log_probs_of(part.tokens_BT, part.targets_BT, wanted.tokens_MK, part.doc_BT, part.pos_BT)
    shares_MK = wanted.shares_MK
    # filling tokens have no share and must not count as named: 0 may be among the likely ones as well
    named_M = (log_probs_MK.exp() * (shares_MK > 0)).sum(-1)
    rest_M = (1 - shares_MK.sum(-1)).clamp_min(0.0)
    return -(shares_MK * log_probs_MK).sum() - (rest_M * (1 - named_M).clamp_min(_LEAST).log()).sum()
