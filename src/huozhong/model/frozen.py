"""A matrix that is not trained, kept small in memory: float32, bfloat16, or groups of 8- or 4-bit numbers.

Quantised as the engine's formats are: 32 neighbours of a row share a scale (absolute maximum), 4-bit numbers as in
GGUF's Q4_0, so that such a file loses nothing once more.  A matrix is unpacked when a product needs it, forwards and
again backwards, and forgotten (QLoRA, Dettmers et al. 2023, arXiv:2305.14314, with plain 4-bit numbers, which unpack
fast on a CPU, in place of their NF4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Storage = Literal["float32", "bfloat16", "q8", "q4"]
GROUP = 32
BYTES_PER_WEIGHT: dict[Storage, float] = {"float32": 4.0, "bfloat16": 2.0, "q8": 34 / 32, "q4": 18 / 32}


class Frozen:
    """[outputs, inputs] in one of the storages.  A width that is no multiple of 32 is kept in bfloat16."""

    def __init__(self, storage: Storage, values: Tensor, scales: Tensor | None) -> None:
        self.storage, self.values, self.scales = storage, values, scales

    @classmethod
    def pack(cls, pieces: Iterable[np.ndarray], storage: Storage, outputs: int) -> Frozen:
        """From float32 rows, `outputs` in all, that come in pieces: the whole is never there twice or in float32."""
        values = scales = None
        start = 0
        for piece in pieces:
            storage, some, scale = _pack(torch.from_numpy(np.ascontiguousarray(piece)), storage)
            if values is None:
                values = torch.empty(outputs, *some.shape[1:], dtype=some.dtype)
                scales = None if scale is None else torch.empty(outputs, *scale.shape[1:], dtype=scale.dtype)
            end = start + len(some)
            values[start:end] = some
            if scales is not None and scale is not None:
                scales[start:end] = scale
            start = end
        assert values is not None
        assert start == outputs, f"{start} rows came, {outputs} were announced"
        return cls(storage, values, scales)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """The matrix as numbers of `dtype`."""
        if self.scales is None:
            return self.values.to(dtype)
        values = self.values
        if self.storage == "q4":  # first halves of the groups in the low bits, second halves in the high ones
            values = torch.cat((values & 15, values >> 4), dim=-1).to(torch.int8) - 8
        wide = values.to(dtype)
        return wide.mul_(self.scales.to(dtype)).flatten(1)


def _pack(rows: Tensor, storage: Storage) -> tuple[Storage, Tensor, Tensor | None]:
    """Storage, values, and scales [outputs, groups, 1] of some rows."""
    if storage == "float32":
        return storage, rows, None
    if storage == "bfloat16" or rows.shape[1] % GROUP:
        return "bfloat16", rows.to(torch.bfloat16), None
    groups = rows.view(len(rows), -1, GROUP)
    if storage == "q8":
        scales = (groups.abs().amax(-1, keepdim=True) / 127).to(torch.float16)
        return storage, _divided(groups, scales).round_().clamp_(-127, 127).to(torch.int8), scales
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    scales = (largest / -8).to(torch.float16)
    numbers = (_divided(groups, scales).round_().clamp_(-8, 7) + 8).to(torch.uint8)
    low, high = numbers.chunk(2, dim=-1)
    return storage, low | high << 4, scales


def _divided(groups: Tensor, scales: Tensor) -> Tensor:
    wide = scales.float()
    return groups / torch.where(wide == 0, torch.ones_like(wide), wide)


class _FrozenLinear(torch.autograd.Function):
    """x Wᵀ, whose backward unpacks W once more instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Frozen) -> Tensor:
        ctx.matrix = matrix
        return F.linear(x, matrix.dense(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] @ ctx.matrix.dense(grads[0].dtype), None


def frozen_linear(x: Tensor, matrix: Frozen) -> Tensor:
    """x Wᵀ [..., outputs] with a gradient for x alone."""
    apply: Callable[[Tensor, Frozen], Tensor] = _FrozenLinear.apply
    return apply(x, matrix)
