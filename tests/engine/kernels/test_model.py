"""A whole model in C++ against its NumPy twin: prompts and generated rows in one batch, and the cache they leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from huozhong.engine import kernels
from huozhong.engine.kernels.batch import ForwardBatch, PagedCache, RowSpan
from huozhong.engine.weights.packing import pack_weights
from huozhong.formats.source import open_model
from huozhong.model.architecture import CacheFormat, row_bytes
from huozhong.model.rope import rope_table

PAGE = 16


@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
def test_forward_is_the_reference(tiny_folder: Path, cache_format: CacheFormat) -> None:
    weights = pack_weights(open_model(tiny_folder), "f32")
    rope = rope_table(weights.architecture.rope, 4 * PAGE)
    tokens = np.random.default_rng(0).integers(0, weights.architecture.vocab_size, 24).astype(np.int32)
    one, other = np.array([2, 0], np.int32), np.array([1, 3], np.int32)
    prompts = ForwardBatch(
        tokens[:21],
        (RowSpan(0, 18, 0, True, one), RowSpan(18, 3, 0, True, other)),
        np.array([17, 20], np.int32),
        np.array([0, 20], np.int32),
    )
    generated = ForwardBatch(
        tokens[21:],
        (RowSpan(0, 2, 18, False, one), RowSpan(2, 1, 3, False, other)),
        np.array([0, 1, 2], np.int32),
        np.array([], np.int32),
    )

    def run(name: str) -> list[np.ndarray]:
        kernels.use(name)
        model = kernels.load(weights, rope, 2)
        page_bytes = PAGE * row_bytes(weights.architecture, cache_format)
        cache = PagedCache(np.zeros((len(weights.layers), 4, page_bytes), np.uint8), PAGE, cache_format)
        return [*model.forward(cache, prompts), *model.forward(cache, generated)]

    names = kernels.available()
    for got, expected in zip(run("plain"), run("reference"), strict=True):
        assert got.shape == expected.shape
        # A number of the cache may be rounded to the other side where the twins differ in their last bits.
        np.testing.assert_allclose(got, expected, atol=1e-4 if cache_format == "f32" else 2e-2)
    for name in names[:-1]:
        for got, plain in zip(run(name), run("plain"), strict=True):
            if kernels.arithmetic() == "float" or cache_format == "f32":
                np.testing.assert_array_equal(got, plain, err_msg=name)
