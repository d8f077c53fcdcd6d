"""Rows of the cache: small when they are kept, near when they come back."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.kernels.random_weights import normal

from huozhong.engine.kernels.cache_rows import pack_rows, quantize_part, rounded, unpack_rows
from huozhong.model.architecture import CacheFormat


@pytest.mark.parametrize("parts", [(33, 6), (128, 64), (16, 16, 16, 16)])
def test_int8_rows_keep_their_parts_apart(parts: tuple[int, ...]) -> None:
    x = normal(5, sum(parts))
    x[:, : parts[0]] *= 1000
    rows = pack_rows(x, parts)
    assert rows.shape[1] == sum(n + n % 2 + 2 * -(-n // 32) for n in parts)
    y = unpack_rows(rows, parts)
    for part in np.split(np.stack([x, y]), np.cumsum(parts)[:-1], axis=2):
        assert np.abs(part[0] - part[1]).max() <= 0.503 / 127 * np.abs(part[0]).max()


def test_a_number_too_large_for_any_scale_stays_finite() -> None:
    q, scale = quantize_part(np.full((1, 32), 1e30, np.float32))
    assert (q == 127).all()
    assert np.isfinite(scale).all()


def test_zeros_stay_zeros() -> None:
    assert not unpack_rows(pack_rows(np.zeros((2, 40), np.float32), (40,)), (40,)).any()


@pytest.mark.parametrize(("format", "error"), [("f32", 0), ("f16", 2.0**-11), ("q8", 0.503 / 127)])
def test_rounded_is_as_near_as_its_format(format: CacheFormat, error: float) -> None:
    x = normal(3, 32)
    assert (np.abs(rounded(x, (32,), format) - x) <= error * np.abs(x).max(axis=1, keepdims=True)).all()
