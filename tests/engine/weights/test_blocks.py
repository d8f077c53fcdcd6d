"""GGUF's blocks keep their values: the gguf package is the oracle, bit for bit."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from tests.engine.weights.gguf_blocks import random_rows

from huozhong.engine.weights.blocks import TYPES, pack_blocks
from huozhong.engine.weights.quant import unpack
from huozhong.errors import ConfigError


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("rows", [1, 16, 37])
def test_values_are_unchanged(type: str, rows: int) -> None:
    raw = random_rows(type, rows, 512, seed=rows)
    expected = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[type]).reshape(rows, 512)
    packed = pack_blocks(raw, type, 512)
    np.testing.assert_array_equal(unpack(packed), expected)
    assert packed.data.ctypes.data % 64 == 0


@pytest.mark.parametrize("type", [type for type, (_, size, _) in TYPES.items() if size == 32])
def test_rows_that_are_no_multiple_of_256(type: str) -> None:
    """What llama-quantize falls back to where a K format does not fit: Q5_1 and IQ4_NL, among others."""
    raw = random_rows(type, 5, 96)
    expected = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[type]).reshape(5, 96)
    np.testing.assert_array_equal(unpack(pack_blocks(raw, type, 96)), expected)


@pytest.mark.parametrize("type", TYPES)
def test_a_stack_is_its_matrices(type: str) -> None:
    stack = np.stack([random_rows(type, 20, 256, seed) for seed in range(3)])
    packed = unpack(pack_blocks(stack, type, 256))
    for n in range(3):
        np.testing.assert_array_equal(packed[n], unpack(pack_blocks(stack[n], type, 256)))


def test_many_rows_are_moved_in_pieces() -> None:
    raw = random_rows("Q4_K", 4100, 256)
    whole = unpack(pack_blocks(raw, "Q4_K", 256))
    np.testing.assert_array_equal(whole[2040:2060], unpack(pack_blocks(raw[2040:2060], "Q4_K", 256)))
    np.testing.assert_array_equal(whole[4090:], unpack(pack_blocks(raw[4090:], "Q4_K", 256)))


def test_the_arrays_come_from_the_caller() -> None:
    made = []

    def new(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        made.append(np.empty(shape, dtype))
        return made[-1]

    packed = pack_blocks(random_rows("Q4_0", 16, 64), "Q4_0", 64, new)
    assert packed.data is made[0]
    assert packed.scales is made[1]


def test_wrong_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="NVFP4"):
        pack_blocks(np.zeros((16, 18), np.uint8), "NVFP4", 32)
    with pytest.raises(ConfigError, match="row of 64"):
        pack_blocks(np.zeros((16, 18), np.uint8), "Q4_0", 64)
    with pytest.raises(ConfigError, match="row of 128"):
        pack_blocks(np.zeros((16, 72), np.uint8), "Q4_K", 128)
