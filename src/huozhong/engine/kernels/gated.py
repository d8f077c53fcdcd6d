"""A small network over rows of numbered values whose gate picks what is read: the kernel and its NumPy twin.

Legend: B rows, F fields, D width of a value's vector, H and G widths of the hidden layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.choose import native, used

F32 = NDArray[np.float32]
LANES = 32  # hidden widths are filled up to a multiple of it


@dataclass(frozen=True)
class Gate:
    """scores [values]; mixing [F, F]: what a field's score adds to the others'; bias [F]; picked: K."""

    scores: F32
    mixing: F32
    bias: F32
    picked: int

    def choose(self, ids_BF: NDArray[np.int32]) -> NDArray[np.bool_]:
        """[B, F]: the fields that each row reads; of equal totals the first."""
        own_BF = self.scores[ids_BF]
        total_BF = own_BF + own_BF @ self.mixing + self.bias
        order = np.argsort(-total_BF, axis=1, kind="stable")[:, : self.picked]
        chosen = np.zeros(ids_BF.shape, bool)
        np.put_along_axis(chosen, order, True, axis=1)
        return chosen


@dataclass(frozen=True)
class GatedNetwork:
    """vectors [values, D]; linear [values]; first [F, D, H], None where the vectors [values, H] are folded with it.

    second [H, G]; last [G]; first_bias, second_bias, last_bias.  Without a gate every field is read.
    """

    vectors: F32
    linear: F32
    first: F32 | None
    first_bias: F32
    second: F32
    second_bias: F32
    last: F32
    last_bias: float
    num_fields: int
    gate: Gate | None = None

    def scores(self, ids_BF: NDArray[np.int32], num_threads: int = 1) -> F32:
        """The log-odds [B] of rows of values [B, F], each counted through all fields."""
        if used() == "reference":
            return self.reference(ids_BF)
        scores_B: F32 = self._native.scores(ids_BF, num_threads)
        return scores_B

    def reference(self, ids_BF: NDArray[np.int32]) -> F32:
        """The slow twin: everything is read, and what was not picked multiplied by 0."""
        return self._answer(ids_BF, np.ones(ids_BF.shape, bool) if self.gate is None else self.gate.choose(ids_BF))

    def _answer(self, ids_BF: NDArray[np.int32], chosen_BF: NDArray[np.bool_]) -> F32:
        x_BFD = self.vectors[ids_BF] * chosen_BF[..., None].astype(np.float32)
        if self.first is None:
            hidden = x_BFD.sum(1)
        else:
            hidden = x_BFD.reshape(len(ids_BF), -1) @ self.first.reshape(-1, self.first.shape[2])
        hidden = np.maximum(hidden + self.first_bias, 0)
        hidden = np.maximum(hidden @ self.second + self.second_bias, 0)
        linear_B = (self.linear[ids_BF] * chosen_BF).sum(1, dtype=np.float32)
        scores_B: F32 = (hidden @ self.last + np.float32(self.last_bias) + linear_B).astype(np.float32)
        return scores_B

    def parts(self, ids_BF: NDArray[np.int32]) -> F32:
        """[B, F]: by how much the log-odds would fall if a field that is read were not; 0 for what is not read.

        It takes F forward passes, and is for the few rows that somebody looks at.
        """
        chosen = np.ones(ids_BF.shape, bool) if self.gate is None else self.gate.choose(ids_BF)
        whole = self._answer(ids_BF, chosen)
        parts = np.zeros(ids_BF.shape, np.float32)
        for f in range(self.num_fields):
            without = chosen.copy()
            without[:, f] = False
            parts[:, f] = np.where(chosen[:, f], whole - self._answer(ids_BF, without), 0)
        return parts

    @property
    def multiply_adds(self) -> int:
        """Multiplications with their additions that a row takes, the gate's among them; a folded field's additions."""
        fields, hidden = self.num_fields, len(self.first_bias)
        read = fields if self.gate is None else self.gate.picked
        gate = 0 if self.gate is None else fields * fields
        field = hidden if self.first is None else self.vectors.shape[1] * hidden
        return gate + read * (field + 1) + hidden * len(self.last) + len(self.last)

    def folded(self, offsets: NDArray[np.int32]) -> GatedNetwork:
        """The same with every value's part of the first layer computed beforehand: a vector [H] a value.

        offsets: where each field's values begin.  It takes H / D times the memory and a D-th of the first layer's work.
        """
        assert self.first is not None, "it is folded already"
        parts = np.split(self.vectors, offsets[1:])
        vectors = np.concatenate([part @ first for part, first in zip(parts, self.first, strict=True)])
        return replace(self, vectors=np.ascontiguousarray(vectors, np.float32), first=None)

    @cached_property
    def _native(self) -> Any:
        gate = self.gate
        return native.Gated(
            self.vectors,
            self.linear,
            self.first,
            self.first_bias,
            self.second,
            self.second_bias,
            self.last,
            self.last_bias,
            self.num_fields,
            None if gate is None else gate.scores,
            None if gate is None else gate.mixing,
            None if gate is None else gate.bias,
            self.num_fields if gate is None else gate.picked,
        )
