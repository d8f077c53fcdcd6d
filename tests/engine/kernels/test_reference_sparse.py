"""The indexer of sparse attention in C++ against its NumPy twin, and the twin against what it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.kernels.random_weights import normal

from huozhong.engine import kernels
from huozhong.engine.kernels.cache_rows import rounded
from huozhong.engine.kernels.reference_sparse import best, index_scores


def test_the_best_are_in_order_and_the_earlier_of_equals() -> None:
    scores = np.array([1, 3, np.nan, 3, -np.inf, 0.0, -0.0, 3], np.float32)
    assert best(scores, 2).tolist() == [1, 3]
    assert best(scores, 5).tolist() == [0, 1, 3, 5, 7]
    assert best(scores, 7).tolist() == [0, 1, 3, 4, 5, 6, 7]


def test_scores_by_hand() -> None:
    dots = np.array([[1, -1], [2, 5]], np.float32)
    assert index_scores(dots, np.array([10, -1], np.float32)).tolist() == [8, -5]


def chosen(name: str, format: Any, heads: int, width: int, spread: float, threads: int = 2) -> np.ndarray:
    kernels.use(name)
    rows, count, top = 9, 500, 130
    q, weights = normal(rows, heads, width), normal(rows, heads, seed=1)
    keys = normal(count, width, seed=2) * spread
    pages = np.random.default_rng(3).permutation(-(-count // 48)).astype(np.int32)
    return kernels.choose_keys(q, weights, keys, top, format, 48, pages, threads)


@pytest.mark.parametrize(("heads", "width"), [(1, 32), (7, 96), (64, 128), (520, 32)])
@pytest.mark.parametrize("format", ["f16", "q8", "f32"])
def test_every_set_chooses_what_the_twin_does(format: str, heads: int, width: int) -> None:
    """int8 keys are exact everywhere; of float32 the order of sums may differ, which one key in a thousand tells."""
    expected = chosen("reference", format, heads, width, 1.0)
    assert (np.diff(expected, axis=1) > 0).all()
    assert expected.max() < 500
    for name in kernels.available()[:-1]:
        found = chosen(name, format, heads, width, 1.0)
        if format == "f32":
            assert np.mean([len(set(a) & set(b)) for a, b in zip(found, expected, strict=True)]) > 129.5
        else:
            np.testing.assert_array_equal(found, expected, err_msg=name)


def test_keys_that_are_all_alike_are_chosen_from_the_beginning() -> None:
    for name in kernels.available():
        found = chosen(name, "f16", 4, 32, 0.0)
        np.testing.assert_array_equal(found, np.tile(np.arange(130, dtype=np.int32), (9, 1)), err_msg=name)


def test_int8_keys_choose_nearly_what_exact_ones_do() -> None:
    exact, rough = (chosen("reference", format, 64, 128, 1.0) for format in ("f32", "q8"))
    common = np.mean([len(set(a) & set(b)) for a, b in zip(exact, rough, strict=True)]) / 130
    assert 0.97 < common < 1


def test_keys_are_kept_as_cached_rows_are() -> None:
    keys = normal(40, 64)
    assert np.abs(rounded(keys, (64,), "q8") - keys).max() < 0.02


@pytest.mark.parametrize("n", [1, 15, 16, 33, 128])
def test_layer_norm(n: int) -> None:
    x, weight, bias = 3 * normal(3, n) + 2, normal(n, seed=1), normal(n, seed=2)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-6) * weight + bias
    first = None
    for name in kernels.available():
        kernels.use(name)
        found = kernels.layer_norm(x, weight, bias, 1e-6)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)
        first = found if first is None else first
        if name != "reference":
            np.testing.assert_array_equal(found, first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top": 0}, "more than"), ({"top": 99}, "more than"), ({"keys": normal(30, 40)}, "width"),
        ({"weights": normal(2, 3)}, "weight"), ({"pages": np.zeros(1, np.int32)}, "page table"),
        ({"page_size": 10}, "multiple of 16"), ({"pages": np.array([0, 9], np.int32)}, "not in the cache"),
    ],
)  # fmt: skip
def test_hostile_arguments_are_exceptions(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "q_THK": normal(2, 4, 32), "weights_TH": normal(2, 4), "keys_NK": normal(30, 32), "top": 8,
        "cache_format": "q8", "page_size": 16, "pages": np.array([1, 0], np.int32),
    }  # fmt: skip
    names = {"keys": "keys_NK", "weights": "weights_TH"}
    arguments |= {names.get(key, key): value for key, value in change.items()}
    kernels.use(kernels.available()[0])
    with pytest.raises(ValueError, match=message):
        kernels.choose_keys(**arguments)
