"""What is handed to the native module: the same object for the same matrix, for as long as that lives."""

from __future__ import annotations

import gc
import weakref

from tests.engine.kernels.random_weights import normal

from huozhong.engine.kernels.matrix import native_matrix
from huozhong.engine.weights.quant import pack


def test_a_matrix_is_handed_over_once() -> None:
    one, other = pack(normal(16, 32), "q8"), pack(normal(16, 32), "q8")
    assert native_matrix(one) is native_matrix(one)
    assert native_matrix(one) is not native_matrix(other)


def test_a_matrix_nobody_uses_any_more_is_let_go() -> None:
    matrix = pack(normal(16, 32), "q8")
    native_matrix(matrix)
    gone = weakref.ref(matrix)
    del matrix
    gc.collect()
    assert gone() is None
