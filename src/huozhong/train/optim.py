"""How weights move: Muon for hidden matrices, AdamW for the rest, and the learning-rate schedule.

Muon (Jordan et al. 2024; Moonlight, Liu et al. 2025, arXiv:2502.16982 §2): momentum, then the nearest
semi-orthogonal matrix by five Newton-Schulz steps, times 0.2·sqrt(max(A, B)) so that its size matches AdamW's
and one weight decay serves both.  Matrices of one shape are orthogonalised together as one stack: at our
sizes a single [64, 256] product leaves most of a CPU idle.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

# Keller Jordan's quintic: maximal slope at zero, singular values end in about [0.7, 1.2].
NS_A, NS_B, NS_C = 3.4445, -4.7750, 2.0315
NS_STEPS = 5
EPS = 1e-7


def orthogonalize(stack_NAB: Tensor, steps: int = NS_STEPS, compute: torch.dtype = torch.bfloat16) -> Tensor:
    """For each matrix G = U·S·Vᵀ of the stack, approximately U·Vᵀ.  Taken and returned in bf16.

    compute: of the products between; bf16 is enough, but many processors multiply float32 several times as fast.
    """
    x_NAB = stack_NAB.to(torch.bfloat16).to(compute)
    tall = x_NAB.shape[-2] > x_NAB.shape[-1]
    if tall:  # the Gram matrix of the short side is the cheap one
        x_NAB = x_NAB.mT
    # clamp: a matrix that got no gradient (an expert without tokens) stays zero instead of becoming NaN
    norm_N11 = x_NAB.float().norm(dim=(-2, -1), keepdim=True).clamp_min(EPS)
    x_NAB = (x_NAB / norm_N11.to(x_NAB.dtype)).contiguous()
    for _ in range(steps):
        gram_NAA = torch.bmm(x_NAB, x_NAB.mT)
        poly_NAA = torch.baddbmm(gram_NAA, gram_NAA, gram_NAA, beta=NS_B, alpha=NS_C)
        x_NAB = torch.baddbmm(x_NAB, poly_NAA, x_NAB, beta=NS_A)
    return (x_NAB.mT if tall else x_NAB).to(torch.bfloat16)


class Muon:
    """Momentum 0.95 (Nesterov), orthogonalisation and decoupled weight decay over 2-D (or stacked 3-D)
    weights.

    Matrices of one shape share one stacked momentum buffer [N, A, B], kept in float32.  compute: of `orthogonalize`.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        compute: torch.dtype = torch.bfloat16,
    ) -> None:
        self.lr, self.momentum, self.weight_decay, self.compute = lr, momentum, weight_decay, compute
        self.stacks: dict[tuple[int, int], list[tuple[str, nn.Parameter]]] = {}
        for name, weight in named:
            assert weight.ndim in (2, 3), f"{name} is not a matrix"
            self.stacks.setdefault((weight.shape[-2], weight.shape[-1]), []).append((name, weight))
        self._buffers: dict[tuple[int, int], Tensor] = {}
        self._make_buffers()

    def _make_buffers(self) -> None:
        for shape, members in self.stacks.items():
            count = sum(weight.numel() // (shape[0] * shape[1]) for _, weight in members)
            self._buffers[shape] = torch.zeros(count, *shape, device=members[0][1].device)

    @torch.no_grad()
    def step(self, lr_scale: float = 1.0) -> None:
        """One update from the .grad fields; a weight without a gradient (its layer did not run) stays as it is."""
        for shape, members in self.stacks.items():
            awake, place = [], 0
            for _, weight in members:
                count = weight.numel() // (shape[0] * shape[1])
                if weight.grad is not None:
                    awake.append((weight, slice(place, place + count)))
                place += count
            if awake:
                self._update(shape, awake, lr_scale)

    def _update(self, shape: tuple[int, int], awake: list[tuple[nn.Parameter, slice]], lr_scale: float) -> None:
        """awake: weights of one shape with their rows of the momentum buffer."""
        grads = [weight.grad for weight, _ in awake]
        update_NAB = torch.cat([grad.float().reshape(-1, *shape) for grad in grads if grad is not None])
        start = 0
        for _, rows in awake:
            momentum_NAB = self._buffers[shape][rows]
            part_NAB = update_NAB[start : start + len(momentum_NAB)]
            momentum_NAB.mul_(self.momentum).add_(part_NAB)
            part_NAB.add_(momentum_NAB, alpha=self.momentum)
            start += len(momentum_NAB)
        update_NAB = orthogonalize(update_NAB, compute=self.compute)
        lr = self.lr * lr_scale
        factor = lr * 0.2 * max(shape) ** 0.5
        start = 0
        for weight, rows in awake:
            count = rows.stop - rows.start
            part = update_NAB[start : start + count].reshape(weight.shape)
            weight.mul_(1 - lr * self.weight_decay).add_(part.to(weight.dtype), alpha=-factor)
            start += count

    def state_dict(self) -> dict[str, Any]:
        return {"members": self._members(), "buffers": {key(shape): b for shape, b in self._buffers.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["members"] == self._members(), "this optimiser state belongs to another model"
        for shape, buffer in self._buffers.items():
            buffer.copy_(state["buffers"][key(shape)])

    def _members(self) -> dict[str, list[str]]:
        """Names of the weights in each stack, in their order."""
        return {key(shape): [name for name, _ in members] for shape, members in self.stacks.items()}


class MuonAdamW:
    """The whole optimiser: Muon on hidden matrices, AdamW on embeddings, head, router and norms.

    Norm weights (1-D) take no weight decay.  `step(scale)` multiplies both learning rates by the
    schedule's scale.

    muon: how the matrices lie (`train.shard` divides them among processes).  compute: of `orthogonalize`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        muon_lr: float,
        adamw_lr: float,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        muon: type[Muon] = Muon,
        compute: torch.dtype = torch.bfloat16,
    ) -> None:
        hidden, decayed, plain = split_parameters(model)
        self.muon = muon(hidden, lr=muon_lr, momentum=momentum, weight_decay=weight_decay, compute=compute)
        groups = [
            {"params": [weight for _, weight in decayed], "weight_decay": weight_decay},
            {"params": [weight for _, weight in plain], "weight_decay": 0.0},
        ]
        self._adamw_lr = adamw_lr
        self.adamw = torch.optim.AdamW(groups, lr=adamw_lr, betas=betas, eps=1e-10, fused=True)

    def step(self, lr_scale: float = 1.0) -> None:
        self.muon.step(lr_scale)
        for group in self.adamw.param_groups:
            group["lr"] = self._adamw_lr * lr_scale
        self.adamw.step()

    def zero_grad(self) -> None:
        for _, members in self.muon.stacks.items():
            for _, weight in members:
                weight.grad = None
        self.adamw.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only; loading it back gives the same next step, bit for bit."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


Named = list[tuple[str, nn.Parameter]]


def split_parameters(model: nn.Module) -> tuple[Named, Named, Named]:
    """(hidden matrices for Muon, AdamW with decay, AdamW without), each by name and each weight once."""
    hidden: Named = []
    decayed: Named = []
    plain: Named = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        if weight.ndim < 2:
            plain.append((name, weight))
        elif _is_table(name):
            decayed.append((name, weight))
        else:
            hidden.append((name, weight))
    return hidden, decayed, plain


def _is_table(name: str) -> bool:
    """Rows that stand for a token or an expert, not a map between hidden spaces: these belong to AdamW."""
    return name.endswith(("embed_tokens.weight", "lm_head.weight", "shared_head.head.weight", "mlp.gate.weight"))


def key(shape: tuple[int, int]) -> str:
    """How checkpoints call the stack of that shape."""
    return f"{shape[0]}x{shape[1]}"


# -- averaging ------------------------------------------------------------------------------------


class WeightAverage:
    """An exponential moving average of the trained weights: a ← a + (1 − decay)·(w − a)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._average = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        for name, weight in model.named_parameters():
            self._average[name].lerp_(weight, 1 - self.decay)

    @contextlib.contextmanager
    def swapped_in(self, model: nn.Module) -> Iterator[None]:
        """Inside, the model has the averaged weights."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    @torch.no_grad()
    def _swap(self, model: nn.Module) -> None:
        for name, weight in model.named_parameters():
            kept = weight.clone()
            weight.copy_(self._average[name])
            self._average[name] = kept

    def state_dict(self) -> dict[str, Tensor]:
        return self._average

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in self._average.items():
            value.copy_(state[name])


# -- schedule ------------------------------------------------------------------------------------


def warmup_stable_decay(
    step: int,
    *,
    total_steps: int,
    warmup_steps: int,
    decay_steps: int,
    floor: float = 0.0,
    shape: Literal["linear", "sqrt", "cosine"] = "linear",
) -> float:
    """Learning-rate scale of step `step` (0-based) in (0, 1]: linear up, flat, down to `floor` by `shape`.

    The first step is never zero and the last step (total_steps - 1) stands one stride above `floor`,
    so that no step is spent without moving.
    """
    assert 0 <= step < total_steps
    assert min(warmup_steps, decay_steps) >= 0
    up = (step + 1) / warmup_steps if step < warmup_steps else 1.0
    left = total_steps - step
    if left > decay_steps:
        return up
    part = left / (decay_steps + 1)
    if shape == "sqrt":
        part = 1 - math.sqrt(1 - part)
    elif shape == "cosine":
        part = (1 - math.cos(math.pi * part)) / 2
    return min(up, floor + (1 - floor) * part)
