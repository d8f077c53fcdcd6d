"""Products of packed matrices in plain NumPy: the slow twins of matmul.inl, read by reference.py.

Shape letters: reference.py's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.quant import FLOATS, GROUP, HALF_SCALED, PackedMatrix, unpack, unpack_groups

F32 = NDArray[np.float32]


def linear(x_TI: F32, matrix: PackedMatrix, index: int = 0) -> F32:
    """y = W x for every row: [T, I] -> [T, O], with matrix number `index` of a stack."""
    scales = None if matrix.scales is None else matrix.scales[index : index + 1]
    one = PackedMatrix(matrix.format, matrix.out_features, matrix.in_features, matrix.data[index : index + 1], scales)
    if matrix.format in FLOATS:
        w_OI = unpack(one)
        return np.array([w_OI @ x_I for x_I in x_TI], np.float32).reshape(len(x_TI), matrix.out_features)
    xq_TGK, xs_TG = quantize_rows(x_TI)
    groups = unpack_groups(one)
    halves = 2 if matrix.format in HALF_SCALED else 1  # of a group, each with a scale of its own
    width = GROUP // halves
    y_TO = np.zeros((len(x_TI), matrix.out_features), np.float32)
    for g in range(xq_TGK.shape[1]):
        x_TK, w_OK = xq_TGK[:, g].astype(np.float64), groups.q[0, :, g].astype(np.float64)
        for half in range(halves):
            part = slice(half * width, (half + 1) * width)
            scale_TO = groups.scale[0, :, g, half] * xs_TG[:, g : g + 1]
            # one fused multiply-add: the sum is whole, and the product exact in float64
            y_TO = ((x_TK[:, part] @ w_OK[:, part].T) * scale_TO + y_TO).astype(np.float32)
        if groups.minimum is None:
            continue
        for half in range(halves):
            part_TK = xq_TGK[:, g, half * width : (half + 1) * width]
            sums_T1 = xs_TG[:, g : g + 1] * part_TK.sum(axis=1, keepdims=True, dtype=np.int32).astype(np.float32)
            minimum_O = groups.minimum[0, :, g, half].astype(np.float64)
            y_TO = (minimum_O * sums_T1 + y_TO).astype(np.float32)
    return y_TO


def linears(x_TI: F32, matrices: tuple[PackedMatrix, ...], index: int = 0) -> F32:
    """The outputs of several matrices side by side."""
    return np.concatenate([linear(x_TI, matrix, index) for matrix in matrices], axis=1)


def linear_stack(x_TNI: F32, matrix: PackedMatrix) -> F32:
    """Slice n of every row through matrix n of the stack: [T, N, I] -> [T, N, O]."""
    return np.stack([linear(x_TNI[:, n], matrix, n) for n in range(matrix.count)], axis=1)


def linear_shared(x_TI: F32, matrix: PackedMatrix) -> F32:
    """Every row through every matrix of the stack: [T, I] -> [T, N, O]."""
    return np.stack([linear(x_TI, matrix, n) for n in range(matrix.count)], axis=1)


def quantize_rows(x_TI: F32) -> tuple[NDArray[np.int8], F32]:
    """Activations as int8 [T, G, 32] with one float scale per group [T, G]: x ≈ q * scale, |q| <= 127."""
    groups = -(-x_TI.shape[1] // GROUP)  # not -1: there may be no rows
    x_TGK = np.pad(x_TI, ((0, 0), (0, -x_TI.shape[1] % GROUP))).reshape(len(x_TI), groups, GROUP)
    largest_TG = np.abs(x_TGK).max(axis=2)
    inverse_TG = np.divide(np.float32(127), largest_TG, out=np.zeros_like(largest_TG), where=largest_TG > 0)
    return np.rint(x_TGK * inverse_TG[..., None]).astype(np.int8), largest_TG / np.float32(127)
