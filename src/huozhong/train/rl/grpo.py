"""Group relative policy optimisation: advantages and loss, nothing about models or sampling.

DeepSeekMath (arXiv:2402.03300, §4.1) with the changes of DAPO (arXiv:2503.14476, §3): every token of the batch
weighs the same (the sum is divided by the batch's token count), the upper clip is wider than the lower one, and
groups whose answers were all worth the same are left out.  The mismatch between the engine that sampled and the
trainer that learns is corrected by a truncated importance weight (Espeholt et al. 2018, arXiv:1802.01561; Yao et
al. 2025 for engines and trainers of different arithmetic).

Shapes: G groups (questions), N answers in a group, T tokens, V vocabulary, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_EPS = 1e-6
LOGITS_BYTES = 16 << 20  # float32 logits held at once


def group_advantages(rewards_GN: Tensor, *, divide_by_std: bool = False) -> tuple[Tensor, Tensor]:
    """(advantages float32 [G, N], which groups count bool [G]).

    An advantage is the reward less the group's mean (and over its standard deviation, if asked for: that is
    the published form, but it gives easy and hard questions more weight, arXiv:2503.20783).  A group without
    variance teaches nothing and does not count.
    """
    rewards_GN = rewards_GN.double()
    centred_GN = rewards_GN - rewards_GN.mean(dim=1, keepdim=True)
    counts_G = (rewards_GN.amax(dim=1) - rewards_GN.amin(dim=1)) > _EPS
    if divide_by_std:
        centred_GN = centred_GN / rewards_GN.std(dim=1, keepdim=True, unbiased=False).clamp_min(_EPS)
    return centred_GN.float() * counts_G[:, None], counts_G


@dataclass(frozen=True)
class Clip:
    """How far one batch may move the policy.

    low, high: the probability ratio counts between 1 - low and 1 + high.  cap: the most that the importance weight
    trainer / sampler may be; None leaves that correction out.  kl: weight of the divergence from the reference.
    """

    low: float = 0.2
    high: float = 0.28
    cap: float | None = 2.0
    kl: float = 0.0


@dataclass
class PolicyStats:
    """Sums over tokens; divide by `tokens`."""

    tokens: float = 0.0
    clipped: float = 0.0  # tokens whose gradient the clip removed
    kl: float = 0.0
    gap: float = 0.0  # |log p of the trainer - log p of the sampler|
    weight: float = 0.0  # truncated importance weights

    def add(self, other: PolicyStats) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def mean(self, name: str) -> float:
        total: float = getattr(self, name)
        return total / max(1.0, self.tokens)


def policy_loss(
    new_T: Tensor,
    old_T: Tensor,
    sampler_T: Tensor,
    advantage_T: Tensor,
    clip: Clip,
    reference_T: Tensor | None = None,
) -> tuple[Tensor, PolicyStats]:
    """The loss summed over T tokens (divide by the whole batch's count), and what to tell about it.

    Log-probabilities of the sampled tokens: new_T under the weights being trained (with gradient), old_T under the
    trainer's weights when the batch began, sampler_T as the sampler said, reference_T under the reference model.

        ratio = exp(new - old);  weight = min(exp(old - sampler), cap)
        loss  = -weight · min(ratio · A, clip(ratio, 1 - low, 1 + high) · A) + kl · (exp(ref - new) - (ref - new) - 1)
    """
    ratio_T = (new_T - old_T).exp()
    weight_T = torch.ones_like(old_T)
    if clip.cap is not None:
        weight_T = (old_T - sampler_T).exp().clamp_max(clip.cap)
    limited_T = ratio_T.clamp(1 - clip.low, 1 + clip.high)
    gain_T = torch.minimum(ratio_T * advantage_T, limited_T * advantage_T)
    loss = -(weight_T * gain_T).sum()
    with torch.no_grad():
        outside_T = torch.where(advantage_T > 0, ratio_T > 1 + clip.high, ratio_T < 1 - clip.low)
        stats = PolicyStats(
            tokens=float(new_T.numel()),
            clipped=float((outside_T & (advantage_T != 0)).sum()),
            gap=float((old_T - sampler_T).abs().sum()),
            weight=float(weight_T.sum()),
        )
    if reference_T is not None:
        apart_T = reference_T - new_T
        kl_T = apart_T.exp() - apart_T - 1  # Schulman's k3: unbiased, never negative
        loss = loss + clip.kl * kl_T.sum()
        stats.kl = float(kl_T.detach().sum())
    return loss, stats


# -- log-probabilities of chosen tokens --------------------------------------------------------------------


def token_logprobs(hidden_TD: Tensor, weight_VD: Tensor, targets_T: Tensor) -> Tensor:
    """log softmax(hidden weightᵀ)[target], float32 [T], with gradients for both; logits are never all kept."""
    apply: Callable[..., Tensor] = _TokenLogprobs.apply
    return apply(hidden_TD, weight_VD, targets_T)


class _TokenLogprobs(torch.autograd.Function):
    """Forward keeps only the normaliser of each row; backward makes the logits again, chunk by chunk.

    The head of a small model is a fifth of its work, so making them twice is cheaper than writing T x V floats.
    """

    @staticmethod
    def forward(ctx: Any, hidden_TD: Tensor, weight_VD: Tensor, targets_T: Tensor) -> Tensor:
        weight = weight_VD.to(hidden_TD.dtype)
        chosen_T = torch.empty(len(targets_T), device=hidden_TD.device)
        normaliser_T = torch.empty_like(chosen_T)
        for part in logits_parts(len(targets_T), len(weight)):
            logits = F.linear(hidden_TD[part], weight).float()
            normaliser_T[part] = torch.logsumexp(logits, dim=-1)
            chosen_T[part] = logits.gather(1, targets_T[part, None]).squeeze(1)
        ctx.save_for_backward(hidden_TD, weight_VD, targets_T, normaliser_T)
        return chosen_T - normaliser_T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden_TD, weight_VD, targets_T, normaliser_T = ctx.saved_tensors
        weight = weight_VD.to(hidden_TD.dtype)
        d_hidden, d_weight = torch.empty_like(hidden_TD), torch.zeros_like(weight_VD)
        for part in logits_parts(len(targets_T), len(weight)):
            # d log p[target] / d logits = onehot - p
            error = F.linear(hidden_TD[part], weight).float()
            error = error.sub_(normaliser_T[part, None]).exp_().mul_(-grads[0][part, None])
            error.scatter_add_(1, targets_T[part, None], grads[0][part, None])
            error = error.to(hidden_TD.dtype)
            d_hidden[part] = error @ weight
            d_weight += (error.T @ hidden_TD[part]).to(d_weight.dtype)
        return d_hidden, d_weight, None


def logits_parts(count: int, vocabulary: int) -> list[slice]:
    """`count` rows in parts whose float32 logits take at most LOGITS_BYTES."""
    rows = max(1, LOGITS_BYTES // (4 * vocabulary))
    return [slice(start, start + rows) for start in range(0, count, rows)]
