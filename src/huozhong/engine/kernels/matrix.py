"""Packed matrices as the native module holds them."""

from __future__ import annotations

import weakref

import numpy as np

from huozhong.engine.kernels.choose import native
from huozhong.engine.weights.quant import PackedMatrix

_matrices: weakref.WeakKeyDictionary[PackedMatrix, native.Matrix] = weakref.WeakKeyDictionary()


def native_matrix(matrix: PackedMatrix) -> native.Matrix:
    """The native module's view of a matrix, made once; the arrays stay where they are."""
    if (found := _matrices.get(matrix)) is None:
        data = matrix.data.reshape(-1).view(np.uint8)
        scales = None if matrix.scales is None else matrix.scales.reshape(-1).view(np.uint16)
        m = matrix
        found = native.Matrix(m.format, m.out_features, m.in_features, m.count, data, scales)
        _matrices[matrix] = found
    return found
