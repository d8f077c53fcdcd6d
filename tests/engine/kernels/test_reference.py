"""The NumPy twins themselves, against what mathematics says of them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.kernels.random_weights import attention_weights, normal

from huozhong.engine.kernels import reference, reference_matrices
from huozhong.engine.kernels.batch import RowSpan
from huozhong.engine.weights.quant import pack, unpack


def test_a_linear_of_quantized_rows_is_the_product_of_what_was_kept() -> None:
    matrix, x = pack(normal(24, 64), "q8"), normal(3, 64, seed=1)
    q_TGK, scale_TG = reference_matrices.quantize_rows(x)
    kept = (q_TGK * scale_TG[..., None]).reshape(3, 64).astype(np.float64)
    exact = kept @ unpack(matrix).T.astype(np.float64)
    np.testing.assert_allclose(reference_matrices.linear(x, matrix), exact, rtol=1e-4, atol=1e-4)


def test_absorbed_and_unabsorbed_attention_are_one() -> None:
    w = attention_weights("f32", heads=3, rank=20, nope=12, v=10)
    q, cache, pages = normal(4, 3, 18, seed=6), normal(3, 5, 26, seed=4), np.array([2, 0, 1], np.int32)
    outputs = [
        attend(q, w, cache, RowSpan(0, 4, 7, prefill, pages), 0.3)
        for attend, prefill in ((reference.attend_prefill, True), (reference.attend_decode, False))
    ]
    np.testing.assert_allclose(*outputs, atol=1e-5)


def test_attention_to_equal_keys_is_the_mean_of_the_values() -> None:
    q, value = normal(1, 4, 8), normal(6, 2, 8, seed=1)
    y = reference.attend_grouped(q, np.ones((6, 2, 8), np.float32), value, 5, 0.5)
    np.testing.assert_allclose(y[0], value.mean(axis=0).repeat(2, axis=0), atol=1e-6)


def test_rotated_products_depend_on_the_distance_alone() -> None:
    angles = np.arange(10)[:, None] * np.array([1.0, 0.1])
    table = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    q, k = normal(1, 1, 4), normal(1, 1, 4, seed=1)

    def product(at: int, behind: int) -> float:
        turned = [reference.rotate(x, table, np.array([p])) for x, p in ((q, at), (k, at - behind))]
        return float((turned[0] * turned[1]).sum())

    assert product(3, 2) == pytest.approx(product(9, 2), abs=1e-5)


def test_the_largest_of_nothing_is_minus_infinity() -> None:
    assert reference.largest(np.zeros(0, np.float32)) == -np.inf
